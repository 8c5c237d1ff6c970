// SPDX-License-Identifier: LGPL-2.1-or-later
// One value of a map to 8 bits, with the float operations in the estimator's order: the result is truncated,
// so a different rounding before it would change the byte.
#pragma once

#include <cstdint>

#include "kernels/float_math.h"
#include "kernels/normalize.h"
#include "kernels/portable.h"

namespace anomaly {

// 0..255 from a share of the range, in two steps, so that a loop over each can be vectorised. NaN becomes 0.
ANOMALY_HD inline float scaled_share(float share) {
  return max_of(share * 255.0f, 0.0f);
}
ANOMALY_HD inline uint8_t truncated_byte(float scaled) {
  return static_cast<uint8_t>(static_cast<int32_t>(min_of(scaled, 255.0f)));
}

// What is subtracted and what divides, the same for every value of a frame; a constant frame divides by 1.
struct Quantizer {
  float offset = 0, divisor = 1;
};

ANOMALY_HD inline Quantizer entropy_quantizer(Bounds bounds) {
  return bounds.max > 0 ? Quantizer{bounds.min, bounds.max} : Quantizer{bounds.max, 1.0f};
}
ANOMALY_HD inline float entropy_share(float value, Quantizer q) {
  return (value - q.offset) / q.divisor;
}

// In r = 1 - distance, whose bounds are those of the distance, turned over.
ANOMALY_HD inline Quantizer distance_quantizer(Bounds bounds) {
  const float low = 1.0f - bounds.max, high = 1.0f - bounds.min;
  return high > 0 ? Quantizer{low, high} : Quantizer{high, 1.0f};
}
ANOMALY_HD inline float distance_share(float value, Quantizer q) {
  return 1.0f - ((1.0f - value) - q.offset) / q.divisor;
}

ANOMALY_HD inline Quantizer perceptual_quantizer(Bounds bounds) {
  const float range = bounds.max - bounds.min;
  return range > 0 ? Quantizer{bounds.min, range} : Quantizer{bounds.max, 1.0f};
}
ANOMALY_HD inline float perceptual_share(float value, Quantizer q) {
  return (value - q.offset) / q.divisor;
}

}  // namespace anomaly
