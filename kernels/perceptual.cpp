// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/perceptual.h"

#include <cstddef>
#include <vector>

#include "kernels/perceptual_math.h"

namespace anomaly {
namespace perceptual_detail {

ANOMALY_CLONES
float pixel_difference(const float* a, const float* b, int channels, float divisor) {
  float lanes[kDifferenceLanes];
  for (int i = 0; i < kDifferenceLanes; ++i) lanes[i] = 0;
  int c = 0;
  for (; c + kDifferenceLanes <= channels; c += kDifferenceLanes)
    for (int i = 0; i < kDifferenceLanes; ++i) lanes[i] += absolute(a[c + i] - b[c + i]);
  for (int i = 0; c + i < channels; ++i) lanes[i] += absolute(a[c + i] - b[c + i]);
  for (int half = kDifferenceLanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0] / divisor;
}

void expand_row(const float* in, int in_width, const CubicSource* columns, float* out, int out_width) {
  for (int x = 0; x < out_width; ++x) {
    const CubicSource& s = columns[x];
    out[x] = cubic_mix(in[clamped(s.first, in_width)], in[clamped(s.first + 1, in_width)],
                       in[clamped(s.first + 2, in_width)], in[clamped(s.first + 3, in_width)], s.weight);
  }
}

ANOMALY_CLONES
void accumulate_row(const float* const* rows, const float* row_weights, float weight, float* out, int width) {
  const float *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
  const float w[4] = {row_weights[0], row_weights[1], row_weights[2], row_weights[3]};
  ANOMALY_INDEPENDENT
  for (int x = 0; x < width; ++x) out[x] += weight * cubic_mix(a[x], b[x], c[x], d[x], w);
}

ANOMALY_CLONES
void accumulate_equal(const float* in, float weight, float* out, int width) {
  ANOMALY_INDEPENDENT
  for (int x = 0; x < width; ++x) out[x] += weight * in[x];
}

}  // namespace perceptual_detail

using namespace perceptual_detail;

void channel_difference(const float* a, const float* b, int height, int width, int channels, bool sum,
                        float* out) {
  const std::ptrdiff_t pixels = static_cast<std::ptrdiff_t>(height) * width;
  const float divisor = mean_scale(channels, sum);
#pragma omp parallel for schedule(static)
  for (std::ptrdiff_t p = 0; p < pixels; ++p)
    out[p] = pixel_difference(a + p * channels, b + p * channels, channels, divisor);
}

void accumulate_upsampled_bicubic(const float* in, int in_width, int in_height, float weight, float* out,
                                  int out_width, int out_height) {
  if (in_width == out_width && in_height == out_height) {
#pragma omp parallel for schedule(static)
    for (int y = 0; y < out_height; ++y)
      accumulate_equal(in + static_cast<std::ptrdiff_t>(y) * in_width, weight,
                       out + static_cast<std::ptrdiff_t>(y) * out_width, out_width);
    return;
  }
  const float x_scale = static_cast<float>(in_width) / static_cast<float>(out_width);
  const float y_scale = static_cast<float>(in_height) / static_cast<float>(out_height);
  std::vector<CubicSource> columns(static_cast<size_t>(out_width));
  for (int x = 0; x < out_width; ++x) columns[static_cast<size_t>(x)] = cubic_source(x, x_scale, in_width);
  std::vector<float> wide(static_cast<size_t>(in_height) * static_cast<size_t>(out_width));
#pragma omp parallel
  {
#pragma omp for schedule(static)
    for (int y = 0; y < in_height; ++y)
      expand_row(in + static_cast<std::ptrdiff_t>(y) * in_width, in_width, columns.data(),
                 wide.data() + static_cast<std::ptrdiff_t>(y) * out_width, out_width);
#pragma omp for schedule(static)
    for (int y = 0; y < out_height; ++y) {
      const CubicSource s = cubic_source(y, y_scale, in_height);
      const float* rows[4];
      for (int t = 0; t < 4; ++t)
        rows[t] = wide.data() + static_cast<std::ptrdiff_t>(clamped(s.first + t, in_height)) * out_width;
      accumulate_row(rows, s.weight, weight, out + static_cast<std::ptrdiff_t>(y) * out_width, out_width);
    }
  }
}

}  // namespace anomaly
