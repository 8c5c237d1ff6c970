// SPDX-License-Identifier: LGPL-2.1-or-later
// Least and greatest value of a map. Bounds are kept as order keys while blocks race (the maximum does not
// depend on who comes first) and become floats in place.
#pragma once

#include "kernels/cuda/grid.h"

namespace anomaly::cuda {

struct BoundsKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 3;
  static constexpr bool kWarpPhases = false;
  static constexpr unsigned kMostBlocks = 1024;
  static constexpr int64_t kPerThread = 16;

  const float* map;
  int64_t count;
  uint32_t* keys;  // ~min, max; zero before

  Grid grid() const {
    const unsigned wanted = blocks_for(count, kThreads * kPerThread);
    return {wanted < kMostBlocks ? wanted : kMostBlocks, 1};
  }
  size_t shared_bytes() const { return 2 * kThreads * sizeof(uint32_t); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    uint32_t* block_keys = reinterpret_cast<uint32_t*>(shared);
    if constexpr (Phase == 0) {
      uint32_t low = 0, high = 0;
      // Whole groups of four as one load, what is left at the end one by one.
      const int64_t first = static_cast<int64_t>(at.block_x) * kThreads + at.thread;
      const int64_t step = static_cast<int64_t>(blocks) * kThreads, groups = wide ? count / 4 : 0;
      for (int64_t i = first; i < groups; i += step) {
        const Floats<4> f = load<4>(map + 4 * i);
        for (int j = 0; j < 4; ++j) take(f.v[j], low, high);
      }
      for (int64_t i = 4 * groups + first; i < count; i += step) take(map[i], low, high);
      block_keys[at.thread] = low;
      block_keys[kThreads + at.thread] = high;
    }
    if constexpr (Phase == 1) {
      if (at.thread >= 64) return;
      uint32_t* mine = block_keys + (at.thread / 32) * kThreads + at.thread % 32;
      for (unsigned i = 32; i < kThreads; i += 32) mine[0] = mine[i] > mine[0] ? mine[i] : mine[0];
    }
    if constexpr (Phase == 2) {
      if (at.thread >= 2) return;
      uint32_t most = 0;
      for (unsigned i = 0; i < 32; ++i) {
        const uint32_t key = block_keys[at.thread * kThreads + i];
        most = key > most ? key : most;
      }
      atomic_max(keys + at.thread, most);
    }
  }

  BoundsKernel(const float* values, int64_t value_count, uint32_t* out)
      : map(values), count(value_count), keys(out), wide(aligned_for(values, 16)), blocks(grid().x) {}

 private:
  bool wide;
  unsigned blocks;

  ANOMALY_HD static void take(float v, uint32_t& low, uint32_t& high) {
    if (v != v) return;
    const uint32_t key = order_key(v);
    low = ~key > low ? ~key : low;
    high = key > high ? key : high;
  }
};

// `pairs` of (~min, max) keys to floats (min, max), in place; 0, 0 where there was no value.
struct DecodeBounds {
  static constexpr unsigned kThreads = 32;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  uint32_t* keys;
  unsigned pairs;

  Grid grid() const { return {blocks_for(pairs, kThreads), 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const unsigned i = at.block_x * kThreads + at.thread;
    if (i >= pairs) return;
    uint32_t* pair = keys + 2 * static_cast<std::ptrdiff_t>(i);
    const bool none = pair[1] == 0;
    pair[0] = none ? 0 : static_cast<uint32_t>(float_bits(from_order_key(~pair[0])));
    pair[1] = none ? 0 : static_cast<uint32_t>(float_bits(from_order_key(pair[1])));
  }
};

}  // namespace anomaly::cuda
