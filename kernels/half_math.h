// SPDX-License-Identifier: LGPL-2.1-or-later
// The two 16-bit floating-point types in which a GPU keeps activations: to and from float32, rounded to
// nearest even, on the CPU and on a GPU.
#pragma once

#include <cstdint>

#include "kernels/float_math.h"
#include "kernels/portable.h"
#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace anomaly {

// IEEE 754 binary16: 5 bits of exponent, 10 of fraction.
struct Half {
  uint16_t bits;
};
inline constexpr float kHalfLargest = 65504.0f;
// The upper half of a float32: 8 bits of exponent, 7 of fraction.
struct BFloat {
  uint16_t bits;
};

ANOMALY_HD inline float widened(float x) {
  return x;
}
ANOMALY_HD inline float widened(BFloat x) {
  return bits_float(static_cast<int32_t>(static_cast<uint32_t>(x.bits) << 16));
}
ANOMALY_HD inline float widened(Half x) {
#if defined(__CUDA_ARCH__)
  return __half2float(__ushort_as_half(x.bits));
#else
  const uint32_t sign = (x.bits & 0x8000u) << 16, exponent = (x.bits >> 10) & 31u, fraction = x.bits & 0x3ffu;
  if (exponent == 0) {  // zero or below the normal ones: fraction * 2^-24
    const float small = static_cast<float>(fraction) * 5.9604644775390625e-8f;
    return sign ? -small : small;
  }
  const uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
  return bits_float(static_cast<int32_t>(sign | wide << 23 | fraction << 13));
#endif
}

template <typename T>
ANOMALY_HD T narrowed(float x);
template <>
ANOMALY_HD inline float narrowed<float>(float x) {
  return x;
}
template <>
ANOMALY_HD inline BFloat narrowed<BFloat>(float x) {
#if defined(__CUDA_ARCH__)
  return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
#else
  const uint32_t bits = static_cast<uint32_t>(float_bits(x));
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
#endif
}
template <>
ANOMALY_HD inline Half narrowed<Half>(float x) {
#if defined(__CUDA_ARCH__)
  return {__half_as_ushort(__float2half_rn(x))};
#else
  const uint32_t bits = static_cast<uint32_t>(float_bits(x)), sign = (bits >> 16) & 0x8000u;
  const uint32_t size = bits & 0x7fffffffu;
  uint32_t half;
  if (size > 0x7f800000u) return {0x7fff};
  if (size >= 0x47800000u) {  // from 2^16
    half = 0x7c00u;
  } else if (size < 0x38800000u) {  // below the normal ones: the last bit of 1/2 + x is 2^-24
    half = static_cast<uint32_t>(float_bits(bits_float(static_cast<int32_t>(size)) + 0.5f)) - 0x3f000000u;
  } else {
    half = (size - 0x38000000u + 0xfffu + ((size >> 13) & 1u)) >> 13;
  }
  return {static_cast<uint16_t>(sign | half)};
#endif
}

}  // namespace anomaly
