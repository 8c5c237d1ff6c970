// SPDX-License-Identifier: LGPL-2.1-or-later
// Score, maximum and mean of a map's cells. The value that the highest 0.1 % begin at is found by its order
// key, eleven bits a pass. Counts are integers, and sums are made in an order that depends on nothing but the
// map's size, so the same map gives the same figures.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/cuda/module_types.h"

namespace anomaly::cuda {

struct FigureSums {
  double sum, above;  // of all cells; of those above the value that the highest begin at
  uint32_t most;      // order key
};

// In device memory, zero before; the sums need not be.
struct FigureState {
  static constexpr unsigned kBins = 2048, kMostBlocks = 128;
  static constexpr int kPasses = 3;

  uint32_t prefix;   // of the key that the highest begin at, as far as it is known
  uint32_t missing;  // how many values that begin with it belong to the highest
  uint32_t counted;  // cells
  uint32_t bin[kPasses][kBins];
  FigureSums sums[kMostBlocks];
};

ANOMALY_HD inline constexpr int figure_shift(int pass) {
  return pass == 0 ? 21 : pass == 1 ? 10 : 0;
}

// The cells of a rectangle of a map, by parts of neighbouring ones.
struct FigureCells {
  static constexpr unsigned kThreads = 256;
  static constexpr int64_t kPerThread = 4;

  const float* map;
  int map_width, x, y, width, height;  // the rectangle, in the map's cells
  const uint8_t* chosen;               // of the rectangle's cells, 1 where one counts; null: all count

  ANOMALY_HD int64_t cells() const { return static_cast<int64_t>(width) * height; }
  unsigned blocks() const {
    const unsigned wanted = blocks_for(cells(), kThreads * kPerThread);
    return wanted < FigureState::kMostBlocks ? wanted : FigureState::kMostBlocks;
  }
  // `use(value)` for a thread's cells; what is no number is 0.
  template <typename Use>
  ANOMALY_HD void for_each(ThreadIndex at, unsigned blocks, const Use& use) const {
    for (int64_t i = static_cast<int64_t>(at.block_x) * kThreads + at.thread; i < cells();
         i += static_cast<int64_t>(blocks) * kThreads) {
      if (chosen && !chosen[i]) continue;
      const int64_t row = i / width;
      const float v = map[(y + row) * map_width + x + (i - row * width)];
      use((float_bits(v) & 0x7fffffff) < 0x7f800000 ? v : 0.0f);
    }
  }
};

// Counts the values of each digit of a pass, those that begin with the prefix.
template <int Pass>
struct FigureDigitsKernel {
  static constexpr unsigned kThreads = FigureCells::kThreads, kBins = FigureState::kBins;
  static constexpr int kPhases = 3;
  static constexpr bool kWarpPhases = false;

  FigureCells cells;
  FigureState* state;
  unsigned blocks;

  Grid grid() const { return {blocks, 1}; }
  size_t shared_bytes() const { return kBins * sizeof(uint32_t); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    uint32_t* bins = reinterpret_cast<uint32_t*>(shared);
    constexpr int shift = figure_shift(Pass), above = Pass == 0 ? 31 : figure_shift(Pass - 1);
    if constexpr (Phase == 1) {
      const uint32_t prefix = state->prefix;
      cells.for_each(at, blocks, [&](float v) {
        const uint32_t key = order_key(v);
        if (Pass == 0 || key >> above == prefix >> above) atomic_add(bins + (key >> shift & (kBins - 1)), 1);
      });
    } else {
      for (unsigned b = at.thread; b < kBins; b += kThreads) {
        if constexpr (Phase == 0)
          bins[b] = 0;
        else if (bins[b])
          atomic_add(state->bin[Pass] + b, bins[b]);
      }
    }
  }
};

// Finds the digit: a thread has two bins, the highest first.
template <int Pass>
struct FigureNarrowKernel {
  static constexpr unsigned kThreads = 1024;
  static constexpr int kScans = 10;
  static constexpr int kPhases = 1 + kScans + 2;
  static constexpr bool kWarpPhases = false;
  static_assert(FigureState::kBins == 2 * kThreads && kScans % 2 == 0);

  FigureState* state;

  Grid grid() const { return {1, 1}; }
  size_t shared_bytes() const { return (2 * kThreads + 1) * sizeof(uint32_t); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    uint32_t* sums = reinterpret_cast<uint32_t*>(shared);
    const unsigned t = at.thread, high = FigureState::kBins - 1 - 2 * t;
    const uint32_t* bin = state->bin[Pass];
    if constexpr (Phase == 0) {
      sums[t] = bin[high] + bin[high - 1];
    } else if constexpr (Phase <= kScans) {
      constexpr int step = Phase - 1;
      const uint32_t* from = sums + (step % 2) * kThreads;
      const uint32_t before = t >= (1u << step) ? from[t - (1u << step)] : 0;
      sums[(1 - step % 2) * kThreads + t] = from[t] + before;
    } else if constexpr (Phase == kScans + 1) {
      // Of the first pass, all cells that count are in some bin.
      if (t > 0) return;
      uint32_t& missing = sums[2 * kThreads];
      missing = state->missing;
      if (Pass == 0) {
        const uint32_t counted = sums[kThreads - 1];
        state->counted = counted;
        missing = counted / 1000 > 1 ? counted / 1000 : 1;
      }
    } else {
      const uint32_t missing = sums[2 * kThreads], before = t > 0 ? sums[t - 1] : 0;
      if (before >= missing || sums[t] < missing) return;  // not among this thread's values
      const bool upper = before + bin[high] >= missing;
      state->prefix |= (upper ? high : high - 1) << figure_shift(Pass);
      state->missing = missing - before - (upper ? 0 : bin[high]);
    }
  }
};

struct FigureSumsKernel {
  static constexpr unsigned kThreads = FigureCells::kThreads;
  static constexpr int kPhases = 3;
  static constexpr bool kWarpPhases = false;

  FigureCells cells;
  FigureState* state;
  unsigned blocks;

  Grid grid() const { return {blocks, 1}; }
  size_t shared_bytes() const { return kThreads * sizeof(FigureSums); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    FigureSums* sums = reinterpret_cast<FigureSums*>(shared);
    const unsigned t = at.thread;
    if constexpr (Phase == 0) {
      const uint32_t prefix = state->prefix;
      FigureSums mine{0, 0, 0};
      cells.for_each(at, blocks, [&](float v) {
        const uint32_t key = order_key(v);
        mine.sum += v;
        if (key > prefix) mine.above += v;
        mine.most = key > mine.most ? key : mine.most;
      });
      sums[t] = mine;
    } else if constexpr (Phase == 1) {
      if (t < 32)
        for (unsigned i = t + 32; i < kThreads; i += 32) fold(sums[t], sums[i]);
    } else if (t == 0) {
      for (unsigned i = 1; i < 32; ++i) fold(sums[0], sums[i]);
      state->sums[at.block_x] = sums[0];
    }
  }

  ANOMALY_HD static void fold(FigureSums& to, const FigureSums& from) {
    to.sum += from.sum;
    to.above += from.above;
    to.most = from.most > to.most ? from.most : to.most;
  }
};

struct FinishFiguresKernel {
  static constexpr unsigned kThreads = 32;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  FigureState* state;
  unsigned blocks;
  AnomalyCudaFigures* out;

  Grid grid() const { return {1, 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    if (at.thread > 0) return;
    out->score = out->max = out->mean = 0;
    if (state->counted == 0) return;
    FigureSums sums = state->sums[0];
    for (unsigned i = 1; i < blocks; ++i) FigureSumsKernel::fold(sums, state->sums[i]);
    const uint32_t highest = state->counted / 1000 > 1 ? state->counted / 1000 : 1;
    const double equal = static_cast<double>(state->missing) * from_order_key(state->prefix);
    out->score = static_cast<float>((sums.above + equal) / highest);
    out->max = from_order_key(sums.most);
    out->mean = static_cast<float>(sums.sum / static_cast<double>(state->counted));
  }
};

}  // namespace anomaly::cuda
