// SPDX-License-Identifier: LGPL-2.1-or-later
// Between bytes and what networks take and give.
#pragma once

#include <cstdint>

#include "kernels/float_math.h"
#include "kernels/normalize_math.h"
#include "kernels/portable.h"

namespace anomaly {

// A byte as a network takes it, in the published order of operations: divisions, not products with
// reciprocals.
ANOMALY_HD inline float normalised_byte(uint8_t v, float mean, float deviation) {
  return (static_cast<float>(v) / 255.0f - mean) / deviation;
}

ANOMALY_HD inline float byte_fraction(uint8_t v) {
  return static_cast<float>(v) / 255.0f;
}

// A generator's value in [-1, 1] as a byte: trunc((y + 1) / 2 * 255); NaN becomes 0.
ANOMALY_HD inline uint8_t picture_byte(float y) {
  return truncated_byte(max_of((y + 1.0f) / 2.0f * 255.0f, 0.0f));
}

// A score as a byte: trunc(255 * clamp(v, 0, 1)); NaN becomes 0.
ANOMALY_HD inline uint8_t score_byte(float v) {
  return truncated_byte(scaled_share(v));
}

// 1 / (1 + e^-x).
ANOMALY_HD inline float logistic(float x) {
  return 1.0f / (1.0f + exp_near(min_of(max_of(-x, kExpLowest), -kExpLowest)));
}

// SELU (Klambauer et al., NIPS 2017).
ANOMALY_HD inline float selu(float x) {
  const float alpha = 1.6732632423543772f, scale = 1.0507009873554805f;
  return x > 0 ? scale * x : scale * alpha * exp_less_one(max_of(min_of(x, 0.0f), kExpLowest));
}

// Second of two classes' probabilities.
ANOMALY_HD inline float second_softmax(float first, float second) {
  const float best = max_of(first, second);
  const float e = exp_near(max_of(first - best, kExpLowest)), f = exp_near(max_of(second - best, kExpLowest));
  return f / (e + f);
}

// LibTorch's upsample_nearest2d: floor(i * in / out), the quotient and the product in float.
ANOMALY_HD inline int floor_index(int i, int in_size, int out_size) {
  if (in_size == out_size) return i;
  const float scale = static_cast<float>(in_size) / static_cast<float>(out_size);
  const int source = static_cast<int>(static_cast<float>(i) * scale);
  return source < in_size - 1 ? source : in_size - 1;
}

}  // namespace anomaly
