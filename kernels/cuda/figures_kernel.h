// SPDX-License-Identifier: LGPL-2.1-or-later
// Score, maximum and mean of a rectangle of a map: one block. The value that the highest 0.1 % begin at is
// found by its order key, eight bits a pass; sums are made in a fixed order, so the same map gives the same
// figures.
#pragma once

#include "kernels/cuda/grid.h"

namespace anomaly::cuda {

struct Figures {
  float score, max, mean;
};

struct FiguresKernel {
  static constexpr unsigned kThreads = 1024;
  static constexpr int kPasses = 4;
  static constexpr int kPhases = 3 + 3 * kPasses + 3;
  static constexpr bool kWarpPhases = false;
  static constexpr unsigned kBins = 256;

  const float* map;
  int map_width, x, y, width, height;  // the rectangle, in the map's cells
  // Of the rectangle's cells, 1 where one counts, 0 where not; null: all count. Where none does: zeros.
  const uint8_t* chosen;
  Figures* out;

  struct Shared {
    double sum[kThreads], above[kThreads];
    uint32_t most[kThreads], bin[kBins];
    uint32_t prefix, missing;  // the key found so far; how many values of it belong to the highest
    uint32_t counted;          // cells
  };

  Grid grid() const { return {1, 1}; }
  size_t shared_bytes() const { return sizeof(Shared); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    Shared& s = *reinterpret_cast<Shared*>(shared);
    const unsigned t = at.thread;
    constexpr int pass = (Phase - 3) / 3;
    if constexpr (Phase == 0) {
      if (t < kBins) s.bin[t] = 0;
      if (t == 0) s.prefix = 0, s.counted = chosen ? 0 : static_cast<uint32_t>(cells());
    } else if constexpr (Phase == 1) {
      if (!chosen) return;
      uint32_t mine = 0;
      for (int64_t i = t; i < cells(); i += kThreads) mine += chosen[i] != 0;
      if (mine) atomic_add(&s.counted, mine);
    } else if constexpr (Phase == 2) {
      if (t == 0) s.missing = highest(s);
    } else if constexpr (Phase > 2 + 3 * kPasses) {
      total<Phase - 2 - 3 * kPasses>(t, s);
    } else if constexpr ((Phase - 3) % 3 == 0) {
      constexpr int shift = 24 - 8 * pass;
      for (int64_t i = t; i < cells(); i += kThreads) {
        if (!counts(i)) continue;
        const uint32_t key = order_key(value(i));
        // (x >> 8 >> 24 is 0: of the first pass nothing is fixed yet.)
        if ((key >> shift >> 8) == (s.prefix >> shift >> 8))
          atomic_add(s.bin + ((key >> shift) & (kBins - 1)), 1);
      }
    } else if constexpr ((Phase - 3) % 3 == 1) {
      if (t == 0) narrow(s, 24 - 8 * pass);
    } else {
      if (t < kBins) s.bin[t] = 0;
    }
  }

 private:
  ANOMALY_HD int64_t cells() const { return static_cast<int64_t>(width) * height; }
  ANOMALY_HD static uint32_t highest(const Shared& s) { return s.counted / 1000 > 1 ? s.counted / 1000 : 1; }
  ANOMALY_HD bool counts(int64_t i) const { return !chosen || chosen[i]; }
  ANOMALY_HD float value(int64_t i) const {
    const float v = map[(y + i / width) * map_width + x + i % width];
    return (float_bits(v) & 0x7fffffff) < 0x7f800000 ? v : 0.0f;
  }
  ANOMALY_HD static void narrow(Shared& s, int shift) {
    uint32_t b = kBins - 1;
    while (b > 0 && s.bin[b] < s.missing) s.missing -= s.bin[b--];
    s.prefix |= b << shift;
  }

  template <int Step>
  ANOMALY_HD void total(unsigned t, Shared& s) const {
    if constexpr (Step == 1) {
      double sum = 0, above = 0;
      uint32_t most = 0;
      for (int64_t i = t; i < cells(); i += kThreads) {
        if (!counts(i)) continue;
        const float v = value(i);
        const uint32_t key = order_key(v);
        sum += v;
        if (key > s.prefix) above += v;
        most = key > most ? key : most;
      }
      s.sum[t] = sum;
      s.above[t] = above;
      s.most[t] = most;
    } else if constexpr (Step == 2) {
      if (t < 32)
        for (unsigned i = t + 32; i < kThreads; i += 32) fold(s, t, i);
    } else if (t == 0) {
      for (unsigned i = 1; i < 32; ++i) fold(s, 0, i);
      if (s.counted == 0) {
        *out = {0, 0, 0};
        return;
      }
      const double equal = static_cast<double>(s.missing) * from_order_key(s.prefix);
      *out = {static_cast<float>((s.above[0] + equal) / highest(s)), from_order_key(s.most[0]),
              static_cast<float>(s.sum[0] / static_cast<double>(s.counted))};
    }
  }
  ANOMALY_HD static void fold(Shared& s, unsigned to, unsigned from) {
    s.sum[to] += s.sum[from];
    s.above[to] += s.above[from];
    s.most[to] = s.most[from] > s.most[to] ? s.most[from] : s.most[to];
  }
};

}  // namespace anomaly::cuda
