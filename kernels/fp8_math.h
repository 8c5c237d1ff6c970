// SPDX-License-Identifier: LGPL-2.1-or-later
// 8-bit floating point (OCP's E4M3 without infinities, LibTorch's float8_e4m3fn): to and from
// float32, on the CPU and on a GPU.
#pragma once

#include <cstdint>

#include "kernels/float_math.h"
#include "kernels/portable.h"
#if defined(__CUDACC__)
#include <cuda_fp8.h>
#endif

namespace anomaly {

// 4 bits of exponent, 3 of fraction; 2^-9 (the least above 0) to 448; 0x7f and 0xff are no numbers.
struct Fp8 {
  uint8_t bits;
};
inline constexpr float kFp8Largest = 448.0f;

ANOMALY_HD inline float widened(Fp8 x) {
  const uint32_t sign = (x.bits & 0x80u) << 24, size = x.bits & 0x7fu;
  if (size == 0x7fu) return bits_float(static_cast<int32_t>(sign | 0x7fc00000u));
  if (size < 8) {  // zero or below the normal ones: fraction * 2^-9
    const float small = static_cast<float>(size) * 0.001953125f;
    return sign ? -small : small;
  }
  return bits_float(static_cast<int32_t>(sign | ((size << 20) + 0x3c000000u)));
}

// To nearest even; what is larger than the largest number becomes that, no number 0x7f. No branches, so that
// loops vectorise.
ANOMALY_HD inline Fp8 fp8_of(float x) {
  const uint32_t bits = static_cast<uint32_t>(float_bits(x)), size = bits & 0x7fffffffu;
  const uint32_t normal = (size - 0x3c000000u + 0x7ffffu + ((size >> 20) & 1u)) >> 20;
  // Below 2^-6: the last bit of 2^14 + x is 2^-9.
  const uint32_t small =
      static_cast<uint32_t>(float_bits(bits_float(static_cast<int32_t>(size)) + 16384.0f)) - 0x46800000u;
  uint32_t code = size < 0x3c800000u ? small : normal;
  code = size >= 0x43e00000u ? 0x7eu : code;
  code |= (bits >> 24) & 0x80u;
  return {static_cast<uint8_t>(size > 0x7f800000u ? 0x7fu : code)};
}

// Two of them, `low` in the lower byte. Newer GPUs have an instruction for it.
ANOMALY_HD inline uint32_t fp8_pair(float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
  return __nv_cvt_float2_to_fp8x2(make_float2(low, high), __NV_SATFINITE, __NV_E4M3);
#else
  return fp8_of(low).bits | static_cast<uint32_t>(fp8_of(high).bits) << 8;
#endif
}

// |x| as an integer of the same order; what is no number counts as 0.
ANOMALY_HD inline uint32_t peak_key(float x) {
  const uint32_t size = static_cast<uint32_t>(float_bits(x)) & 0x7fffffffu;
  return size > 0x7f800000u ? 0u : size;
}

// What a row is divided by so that its largest value, `peak`, becomes 448. Where all of it is (nearly) 0 the
// scale stays a normal number. An infinite value makes the row what is no number.
ANOMALY_HD inline float fp8_scale(float peak) {
  return max_of(peak, 1e-30f) / kFp8Largest;
}

}  // namespace anomaly
