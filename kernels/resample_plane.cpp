// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/resample_plane.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace anomaly {

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
  for (int y = 0; y < in_height; ++y) {
    const float* row = across_ + static_cast<int64_t>(y) * width_;
    float low = std::numeric_limits<float>::infinity(), high = -low;
    for (int x = 0; x < width_; ++x) {
      low = row[x] < low ? row[x] : low;
      high = row[x] > high ? row[x] : high;
    }
    lowest_[y] = low;
    highest_[y] = high;
  }
}

void PlaneResampler::row(int y, float* out) const {
  if (!down_) {
    std::copy_n(across_ + static_cast<int64_t>(y) * width_, width_, out);
    return;
  }
  const double* w = &vertical_.weight[static_cast<size_t>(y) * vertical_.taps];
  const float* in = across_ + static_cast<int64_t>(vertical_.first[y]) * width_;
  for (int x = 0; x < width_; ++x) {
    double sum = 0;
    for (int t = 0; t < vertical_.count[y]; ++t) sum += in[static_cast<int64_t>(t) * width_ + x] * w[t];
    out[x] = static_cast<float>(sum);
  }
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
