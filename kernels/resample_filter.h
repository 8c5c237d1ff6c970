// SPDX-License-Identifier: LGPL-2.1-or-later
// Pillow's resampling filter along one dimension.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/portable.h"

namespace anomaly {

// Keys' cubic convolution with a = -0.5.
ANOMALY_HD inline double bicubic_weight(double x) {
  const double a = -0.5;
  if (x < 0) x = -x;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// Bits behind the point of the fixed-point weights for 8-bit pictures: 8 bits for the pixel and 2 for
// overshoot are left.
inline constexpr int kWeightBits = 32 - 8 - 2;

// Output sample i is the sum over t < count[i] of weight[i * taps + t] * in[first[i] + t].
struct ResampleFilter {
  int in_size = 0, out_size = 0;
  int taps = 0;  // room per output sample; weights beyond count[i] are 0
  std::vector<int> first, count;
  std::vector<double> weight;  // sums to 1 for each output sample
};

// Sizes are at least 1.
ResampleFilter bicubic_filter(int in_size, int out_size);

// The weights in fixed point, rounded half away from zero.
std::vector<int32_t> fixed_weights(const ResampleFilter& filter);

// A weighted sum of 8-bit samples, to which half a unit was added, as an 8-bit sample.
ANOMALY_HD inline uint8_t fixed_to_8(int32_t sum) {
  const int v = sum >> kWeightBits;
  return static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
}
inline constexpr int32_t kFixedHalf = 1 << (kWeightBits - 1);

}  // namespace anomaly
