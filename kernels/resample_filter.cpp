// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/resample_filter.h"

#include <algorithm>
#include <cmath>

#include "kernels/pixel_math.h"

namespace anomaly {

ResampleFilter bicubic_filter(int in_size, int out_size) {
  ResampleFilter f;
  f.in_size = in_size;
  f.out_size = out_size;
  const double scale = static_cast<double>(in_size) / out_size;
  const double stretch = std::max(scale, 1.0);  // wider where it shrinks: the antialiasing
  const double support = 2 * stretch, inverse = 1 / stretch;
  // Rounding the two ends can take one tap more than the support is wide.
  f.taps = std::min(static_cast<int>(std::ceil(2 * support)) + 1, in_size);
  f.first.resize(out_size);
  f.count.resize(out_size);
  f.weight.assign(static_cast<size_t>(out_size) * f.taps, 0.0);
  for (int i = 0; i < out_size; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(add_half(centre - support), 0);
    const int end = std::min(add_half(centre + support), in_size);
    double* w = &f.weight[static_cast<size_t>(i) * f.taps];
    double sum = 0;
    for (int t = 0; t < end - first; ++t) sum += w[t] = bicubic_weight((t + first - centre + 0.5) * inverse);
    if (sum != 0)
      for (int t = 0; t < end - first; ++t) w[t] /= sum;
    f.first[i] = first;
    f.count[i] = end - first;
  }
  return f;
}

std::vector<int32_t> fixed_weights(const ResampleFilter& filter) {
  std::vector<int32_t> fixed(filter.weight.size());
  std::transform(filter.weight.begin(), filter.weight.end(), fixed.begin(), [](double w) {
    return static_cast<int32_t>(w * (1 << kWeightBits) + (w < 0 ? -0.5 : 0.5));
  });
  return fixed;
}

}  // namespace anomaly
