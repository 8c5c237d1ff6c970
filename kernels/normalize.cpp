// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/normalize.h"

#include <algorithm>
#include <limits>

#include "kernels/float_math.h"
#include "kernels/normalize_math.h"

namespace anomaly {
namespace normalize_detail {

constexpr int64_t kChunk = 1 << 14;  // values of one task
constexpr int kLanes = 64;

ANOMALY_CLONES
void chunk_bounds(const float* map, int64_t count, float& low, float& high) {
  float lows[kLanes], highs[kLanes];
  for (int i = 0; i < kLanes; ++i) lows[i] = low, highs[i] = high;
  int64_t at = 0;
  for (; at + kLanes <= count; at += kLanes)
    for (int i = 0; i < kLanes; ++i) {
      lows[i] = min_of(map[at + i], lows[i]);
      highs[i] = max_of(map[at + i], highs[i]);
    }
  for (; at < count; ++at) {
    lows[0] = min_of(map[at], lows[0]);
    highs[0] = max_of(map[at], highs[0]);
  }
  for (int i = 0; i < kLanes; ++i) low = min_of(lows[i], low), high = max_of(highs[i], high);
}

template <typename Share>
[[gnu::always_inline]] inline void bytes_of(const float* map, int64_t count, uint8_t* out,
                                            const Share& share) {
  float scaled[kLanes];
  for (int64_t at = 0; at < count; at += kLanes) {
    const int here = static_cast<int>(std::min<int64_t>(kLanes, count - at));
    for (int i = 0; i < here; ++i) scaled[i] = scaled_share(share(map[at + i]));
    for (int i = 0; i < here; ++i) out[at + i] = truncated_byte(scaled[i]);
  }
}

ANOMALY_CLONES
void entropy_bytes(const float* map, int64_t count, Quantizer q, uint8_t* out) {
  bytes_of(map, count, out, [q](float v) { return entropy_share(v, q); });
}

ANOMALY_CLONES
void distance_bytes(const float* map, int64_t count, Quantizer q, uint8_t* out) {
  bytes_of(map, count, out, [q](float v) { return distance_share(v, q); });
}

ANOMALY_CLONES
void perceptual_bytes(const float* map, int64_t count, Quantizer q, uint8_t* out) {
  bytes_of(map, count, out, [q](float v) { return perceptual_share(v, q); });
}

template <typename Bytes>
void quantize(const float* map, int64_t count, Quantizer q, uint8_t* out, Bytes bytes) {
#pragma omp parallel for schedule(static)
  for (int64_t at = 0; at < count; at += kChunk) bytes(map + at, std::min(kChunk, count - at), q, out + at);
}

}  // namespace normalize_detail

using namespace normalize_detail;

Bounds map_bounds(const float* map, int64_t count) {
  float low = std::numeric_limits<float>::infinity(), high = -low;
#pragma omp parallel for schedule(static) reduction(min : low) reduction(max : high)
  for (int64_t at = 0; at < count; at += kChunk)
    chunk_bounds(map + at, std::min(kChunk, count - at), low, high);
  if (low > high) return {};  // nothing, or nothing but NaN
  return {low, high};
}

void quantize_entropy(const float* entropy, int64_t count, Bounds bounds, uint8_t* out) {
  quantize(entropy, count, entropy_quantizer(bounds), out, entropy_bytes);
}

void quantize_distance(const float* distance, int64_t count, Bounds bounds, uint8_t* out) {
  quantize(distance, count, distance_quantizer(bounds), out, distance_bytes);
}

void quantize_perceptual(const float* value, int64_t count, Bounds bounds, uint8_t* out) {
  quantize(value, count, perceptual_quantizer(bounds), out, perceptual_bytes);
}

}  // namespace anomaly
