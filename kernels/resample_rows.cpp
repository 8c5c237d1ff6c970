// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/resample_rows.h"

#include <algorithm>

#include "kernels/portable.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define ANOMALY_AVX2 1
#include <immintrin.h>
#else
#define ANOMALY_AVX2 0
#endif

namespace anomaly {
namespace {

// A weight has up to 24 bits and a sign: upper * 2^11 + lower, both of which fit 16 bits.
constexpr int kLowerBits = 11;
constexpr int kGroup = 8;

bool has_avx2() {
#if ANOMALY_AVX2
  static const bool there = __builtin_cpu_supports("avx2");
  return there;
#else
  return false;
#endif
}

}  // namespace

HorizontalPass::HorizontalPass(const ResampleFilter& filter)
    : out_size_(filter.out_size),
      taps_(filter.taps),
      first_(filter.first),
      count_(filter.count),
      weight_(fixed_weights(filter)) {
  if (!has_avx2()) return;
  groups_ = (taps_ + kGroup - 1) / kGroup;
  split_.assign(static_cast<size_t>(out_size_) * groups_ * 2 * kGroup, 0);
  for (int x = 0; x < out_size_; ++x)
    for (int t = 0; t < count_[x]; ++t) {
      const int32_t w = weight_[static_cast<size_t>(x) * taps_ + t];
      int16_t* at = &split_[(static_cast<size_t>(x) * groups_ + t / kGroup) * 2 * kGroup + t % kGroup];
      at[0] = static_cast<int16_t>(w >> kLowerBits);
      at[kGroup] = static_cast<int16_t>(w & ((1 << kLowerBits) - 1));
    }
}

void HorizontalPass::row(const int16_t* const plane[3], uint8_t* out) const {
#if ANOMALY_AVX2
  if (has_avx2()) {
    row_avx2(plane, out);
    return;
  }
#endif
  row_portable(plane, out);
}

void HorizontalPass::row_portable(const int16_t* const plane[3], uint8_t* out) const {
  for (int x = 0; x < out_size_; ++x) {
    const int32_t* w = &weight_[static_cast<size_t>(x) * taps_];
    for (int c = 0; c < 3; ++c) {
      const int16_t* in = plane[c] + first_[x];
      int32_t sum = kFixedHalf;
      for (int t = 0; t < count_[x]; ++t) sum += w[t] * in[t];
      out[3 * x + c] = fixed_to_8(sum);
    }
  }
}

#if ANOMALY_AVX2
// Eight taps a step: their samples meet the weights' upper parts in the lower half of a vector, the lower
// parts in the upper half. Sums wrap at 32 bits, as the whole sum fits them.
__attribute__((target("avx2"))) void HorizontalPass::row_avx2(const int16_t* const plane[3],
                                                              uint8_t* out) const {
  const __m256i shifts = _mm256_setr_epi32(kLowerBits, kLowerBits, kLowerBits, kLowerBits, 0, 0, 0, 0);
  const __m128i half = _mm_set1_epi32(kFixedHalf);
  const int16_t* w = split_.data();
  for (int x = 0; x < out_size_; ++x) {
    const int16_t* in[3] = {plane[0] + first_[x], plane[1] + first_[x], plane[2] + first_[x]};
    __m256i sum[3] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int t = 0; t < groups_; ++t, w += 2 * kGroup) {
      if (t * kGroup >= count_[x]) continue;  // nothing but padding: behind the row's end, maybe
      const __m256i weights = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
      for (int c = 0; c < 3; ++c) {
        const __m128i samples = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in[c] + t * kGroup));
        sum[c] = _mm256_add_epi32(sum[c], _mm256_madd_epi16(_mm256_broadcastsi128_si256(samples), weights));
      }
    }
    const __m256i red = _mm256_sllv_epi32(sum[0], shifts), green = _mm256_sllv_epi32(sum[1], shifts);
    const __m256i blue = _mm256_sllv_epi32(sum[2], shifts);
    const __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(red, green), _mm256_hadd_epi32(blue, blue));
    __m128i v = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    v = _mm_srai_epi32(_mm_add_epi32(v, half), kWeightBits);
    v = _mm_packs_epi32(v, v);
    v = _mm_packus_epi16(v, v);
    const uint32_t rgb = static_cast<uint32_t>(_mm_cvtsi128_si32(v));
    out[3 * x] = static_cast<uint8_t>(rgb);
    out[3 * x + 1] = static_cast<uint8_t>(rgb >> 8);
    out[3 * x + 2] = static_cast<uint8_t>(rgb >> 16);
  }
}
#endif

ANOMALY_CLONES
void vertical_pass(const uint8_t* const* rows, const int32_t* weights, int count, int64_t size,
                   uint8_t* out) {
  constexpr int64_t kBlock = 512;
  int32_t sum[kBlock];
  for (int64_t at = 0; at < size; at += kBlock) {
    const int n = static_cast<int>(std::min(kBlock, size - at));
    for (int i = 0; i < n; ++i) sum[i] = kFixedHalf;
    for (int t = 0; t < count; ++t) {
      const uint8_t* __restrict row = rows[t] + at;
      const int32_t w = weights[t];
      for (int i = 0; i < n; ++i) sum[i] += w * row[i];
    }
    for (int i = 0; i < n; ++i) out[at + i] = fixed_to_8(sum[i]);
  }
}

}  // namespace anomaly
