// SPDX-License-Identifier: LGPL-2.1-or-later
// A map to 8 bits: four values a thread, bounds from device memory, so that nothing waits for the host.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/normalize_math.h"

namespace anomaly::cuda {

enum class MapKind : int { Entropy, Distance, Perceptual, Scores };

struct alignas(4) Bytes4 {
  uint8_t v[4];
};

template <MapKind Kind>
struct QuantizeKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  const float* map;
  int64_t count;
  const float* bounds;  // min, max; not looked at for scores
  uint8_t* out;
  bool wide;

  QuantizeKernel(const float* values, int64_t value_count, const float* min_max, uint8_t* bytes)
      : map(values),
        count(value_count),
        bounds(min_max),
        out(bytes),
        wide(aligned_for(values, 16) && aligned_for(bytes, 4)) {}

  Grid grid() const { return {blocks_for(count, 4 * kThreads), 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t i = 4 * (static_cast<int64_t>(at.block_x) * kThreads + at.thread);
    if (i >= count) return;
    Quantizer q;
    if constexpr (Kind != MapKind::Scores) q = quantizer({bounds[0], bounds[1]});
    if (wide && i + 4 <= count) {
      const Floats<4> f = load<4>(map + i);
      *reinterpret_cast<Bytes4*>(out +
                                 i) = {{byte(f.v[0], q), byte(f.v[1], q), byte(f.v[2], q), byte(f.v[3], q)}};
      return;
    }
    for (int64_t j = i; j < i + 4 && j < count; ++j) out[j] = byte(map[j], q);
  }

 private:
  ANOMALY_HD static Quantizer quantizer(Bounds b) {
    if constexpr (Kind == MapKind::Entropy) return entropy_quantizer(b);
    if constexpr (Kind == MapKind::Distance) return distance_quantizer(b);
    return perceptual_quantizer(b);
  }
  ANOMALY_HD static float share(float v, Quantizer q) {
    if constexpr (Kind == MapKind::Scores) return v;
    if constexpr (Kind == MapKind::Entropy) return entropy_share(v, q);
    if constexpr (Kind == MapKind::Distance) return distance_share(v, q);
    return perceptual_share(v, q);
  }
  ANOMALY_HD static uint8_t byte(float v, Quantizer q) { return truncated_byte(scaled_share(share(v, q))); }
};

}  // namespace anomaly::cuda
