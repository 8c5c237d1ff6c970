// SPDX-License-Identifier: LGPL-2.1-or-later
// exp and log for loops that must vectorise and agree between CPU and GPU. No libm, no branches.
#pragma once

#include <cstdint>

#include "kernels/portable.h"
#if !defined(__CUDA_ARCH__)
#include <bit>
#endif

namespace anomaly {

ANOMALY_HD inline int32_t float_bits(float x) {
#if defined(__CUDA_ARCH__)
  return __float_as_int(x);
#else
  return std::bit_cast<int32_t>(x);
#endif
}

ANOMALY_HD inline float bits_float(int32_t x) {
#if defined(__CUDA_ARCH__)
  return __int_as_float(x);
#else
  return std::bit_cast<float>(x);
#endif
}

// These choose their second operand when the first is NaN, as the vector instructions do.
ANOMALY_HD inline float min_of(float a, float b) {
  return a < b ? a : b;
}
ANOMALY_HD inline float max_of(float a, float b) {
  return a > b ? a : b;
}

// Below this e^x is not a normal float.
inline constexpr float kExpLowest = -87.0f;

// e^x for x in [kExpLowest, 88], within 1 unit in the last place.
// x = n ln 2 + r, |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r) with q the minimax polynomial of degree 4 for the
// relative error (3.1e-9); times 2^n by adding n to the exponent.
ANOMALY_HD inline float exp_near(float x) {
  const float round_to_integer = 12582912.0f;  // 1.5 * 2^23: the sum's lowest bits are the rounded integer
  const float shifted = x * 1.44269504089f + round_to_integer;
  const float n = shifted - round_to_integer;
  const float r =
      (x - n * 0.693145751953125f) - n * 1.42860677e-6f;  // ln 2 in two parts, the first of 16 bits
  float q = 0.00138144671f;
  q = q * r + 0.00836878041f;
  q = q * r + 0.0416683942f;
  q = q * r + 0.166665201f;
  q = q * r + 0.499999934f;
  const float e = (q * r * r + r) + 1.0f;
  return bits_float(float_bits(e) + static_cast<int32_t>(static_cast<uint32_t>(float_bits(shifted)) << 23));
}

// e^x - 1 for x in [kExpLowest, 88], within 2 units in the last place of the larger of the result and x.
// As above, with the 1 left out where n = 0: 2^n (e^r - 1) + (2^n - 1).
ANOMALY_HD inline float exp_less_one(float x) {
  const float round_to_integer = 12582912.0f;
  const float shifted = x * 1.44269504089f + round_to_integer;
  const float n = shifted - round_to_integer;
  const float r = (x - n * 0.693145751953125f) - n * 1.42860677e-6f;
  float q = 0.00138144671f;
  q = q * r + 0.00836878041f;
  q = q * r + 0.0416683942f;
  q = q * r + 0.166665201f;
  q = q * r + 0.499999934f;
  const float power = bits_float((static_cast<int32_t>(n) + 127) << 23);
  return power * (q * r * r + r) + (power - 1.0f);
}

// ln x for normal x > 0, within 1 unit in the last place.
// x = 2^k m, m in [sqrt(1/2), sqrt(2)); with f = m - 1 and s = f / (2 + f): ln m = f - s (f - z R(z)), z =
// s^2, R the minimax polynomial of degree 2 for the relative error (8.2e-10).
ANOMALY_HD inline float log_near(float x) {
  const int32_t sqrt_half = 0x3f3504f3;
  const int32_t bits = float_bits(x);
  const int32_t k = (bits - sqrt_half) >> 23;
  const float f = bits_float(bits - static_cast<int32_t>(static_cast<uint32_t>(k) << 23)) - 1.0f;
  const float exponent = static_cast<float>(k);
  const float s = f / (2.0f + f);
  const float z = s * s;
  float r = 0.298730733f;
  r = r * z + 0.399774956f;
  r = r * z + 0.666667767f;
  const float low = s * (f - z * r) - exponent * 1.42860677e-6f;
  return exponent * 0.693145751953125f + (f - low);
}

}  // namespace anomaly
