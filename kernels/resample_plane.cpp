// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/resample_plane.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu_threads.h"

namespace anomaly {
namespace resample_plane_detail {

// out[x] = sum over t of weights[t] * in[t * width + x], each sum in the order of t.
ANOMALY_CLONES
void sum_rows(const float* in, int width, const double* weights, int count, float* out) {
  constexpr int kBlock = 256;
  double sum[kBlock];
  for (int at = 0; at < width; at += kBlock) {
    const int n = std::min(kBlock, width - at);
    for (int i = 0; i < n; ++i) sum[i] = 0;
    for (int t = 0; t < count; ++t) {
      const float* __restrict row = in + static_cast<int64_t>(t) * width + at;
      const double w = weights[t];
      for (int i = 0; i < n; ++i) sum[i] += row[i] * w;
    }
    for (int i = 0; i < n; ++i) out[at + i] = static_cast<float>(sum[i]);
  }
}

ANOMALY_CLONES
void find_range(const float* values, int count, float& low, float& high) {
  constexpr int kLanes = 16;
  float lows[kLanes], highs[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    lows[i] = std::numeric_limits<float>::infinity();
    highs[i] = -lows[i];
  }
  int at = 0;
  for (; at + kLanes <= count; at += kLanes)
    for (int i = 0; i < kLanes; ++i) {
      lows[i] = values[at + i] < lows[i] ? values[at + i] : lows[i];
      highs[i] = values[at + i] > highs[i] ? values[at + i] : highs[i];
    }
  for (; at < count; ++at) {
    lows[0] = values[at] < lows[0] ? values[at] : lows[0];
    highs[0] = values[at] > highs[0] ? values[at] : highs[0];
  }
  low = *std::min_element(lows, lows + kLanes);
  high = *std::max_element(highs, highs + kLanes);
}

}  // namespace resample_plane_detail

PlaneResampler::PlaneResampler(const float* in, int in_width, int in_height, int out_width, int out_height)
    : width_(out_width),
      down_(in_height != out_height),
      vertical_(bicubic_filter(in_height, out_height)),
      across_(in) {
  if (in_width != out_width) {
    const ResampleFilter f = bicubic_filter(in_width, out_width);
    owned_.resize(static_cast<size_t>(out_width) * in_height);
#pragma omp parallel for schedule(static) if (static_cast <int64_t>(out_width) * in_height > 65536)
    for (int y = 0; y < in_height; ++y) {
      const float* row = in + static_cast<int64_t>(y) * in_width;
      float* out = &owned_[static_cast<size_t>(y) * out_width];
      for (int x = 0; x < out_width; ++x) {
        const double* w = &f.weight[static_cast<size_t>(x) * f.taps];
        double sum = 0;
        for (int t = 0; t < f.count[x]; ++t) sum += row[f.first[x] + t] * w[t];
        out[x] = static_cast<float>(sum);
      }
    }
    across_ = owned_.data();
  }
  lowest_.resize(in_height);
  highest_.resize(in_height);
  for (int y = 0; y < in_height; ++y)
    resample_plane_detail::find_range(across_ + static_cast<int64_t>(y) * width_, width_, lowest_[y],
                                      highest_[y]);
}

void PlaneResampler::row(int y, float* out) const {
  if (!down_) {
    std::copy_n(across_ + static_cast<int64_t>(y) * width_, width_, out);
    return;
  }
  const double* w = &vertical_.weight[static_cast<size_t>(y) * vertical_.taps];
  const float* in = across_ + static_cast<int64_t>(vertical_.first[y]) * width_;
  resample_plane_detail::sum_rows(in, width_, w, vertical_.count[y], out);
}

bool PlaneResampler::row_is_below(int y, float limit) const {
  if (!down_) return highest_[y] < limit;
  const double* w = &vertical_.weight[static_cast<size_t>(y) * vertical_.taps];
  double bound = 0, size = 0;
  for (int t = 0; t < vertical_.count[y]; ++t) {
    const int i = vertical_.first[y] + t;
    const double term = w[t] * (w[t] < 0 ? lowest_[i] : highest_[i]);
    bound += term;
    size += std::abs(term);
  }
  return bound + 1e-6 * size < limit;  // the margin covers the roundings of sum and result
}

}  // namespace anomaly
