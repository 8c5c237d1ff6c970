// SPDX-License-Identifier: LGPL-2.1-or-later
// Which components stand on chosen classes, and which pixels then count (surroundings.h).
#pragma once

#include "kernels/cuda/run_tables.h"

namespace anomaly::cuda {

struct ChosenClasses {
  uint8_t chosen[256];  // 0 or 1
};

// A component a block: votes of the band around its lower half, and where that is empty of what is beneath
// it. Leaves out (area = 0) what does not stand on a chosen class.
struct StandingKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 8;
  static constexpr bool kWarpPhases = false;
  static constexpr unsigned kMostBlocks = 1024;

  RunTables runs;
  FrameLabels labels;
  ChosenClasses classes;

  Grid grid() const { return {kMostBlocks, 1}; }
  size_t shared_bytes() const { return sizeof(Ballot); }
  ANOMALY_HD unsigned items() const { return runs.counters->roots; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    Ballot& ballot = *reinterpret_cast<Ballot*>(shared);
    const uint32_t root = runs.roots[at.block_x];
    if constexpr (Phase == 0) ballot.clear(at.thread);
    if constexpr (Phase == 1) vote_around(at.thread, root, ballot);
    if constexpr (Phase == 2 || Phase == 5) ballot.fold(at.thread);
    if constexpr (Phase == 3 || Phase == 6)
      if (at.thread == 0) ballot.finish();
    if constexpr (Phase == 4)
      if (ballot.winner() < 0) vote_beneath(at.thread, root, ballot);
    if constexpr (Phase == 7) {
      const int winner = ballot.winner();
      if (at.thread == 0 && (winner < 0 || !classes.chosen[winner])) runs.area[root] = 0;
    }
  }

 private:
  ANOMALY_HD void vote_around(unsigned thread, uint32_t root, Ballot& ballot) const {
    const Box box{static_cast<int>(runs.left[root]), runs.row_of(root),
                  static_cast<int>(runs.right[root]) + 1, static_cast<int>(runs.bottom[root]) + 1};
    const Box band = band_of(box, labels.width, labels.height, labels.frame_width, labels.frame_height);
    const int x_step = band_step(band.left, band.right), y_step = band_step(band.top, band.bottom);
    // At most kBandSamples a row: sample s is column s % kBandSamples of row s / kBandSamples.
    for (int s = static_cast<int>(thread); s < kBandSamples * kBandSamples; s += static_cast<int>(kThreads)) {
      const int x = band.left + x_step / 2 + s % kBandSamples * x_step;
      const int y = band.top + y_step / 2 + s / kBandSamples * y_step;
      if (x < band.right && y < band.bottom && runs.marks[runs.pixel(x, y)] == kNoRun)
        atomic_add(ballot.votes + labels.at(x, y), 1);
    }
  }
  ANOMALY_HD void vote_beneath(unsigned thread, uint32_t root, Ballot& ballot) const {
    for (int y = runs.row_of(root); y <= static_cast<int>(runs.bottom[root]); ++y)
      for (uint32_t i = thread; i < runs.row_runs[y]; i += kThreads) {
        const uint32_t slot = runs.slot(y, i);
        if (runs.parent[slot] != root) continue;
        for (int x = runs.first[slot]; x <= runs.last[slot]; ++x)
          atomic_add(ballot.votes + labels.at(x, y), 1);
      }
  }
};

// Marks the pixels of the components that stay.
struct MarkKeptKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  RunTables runs;
  int top, bottom;  // rows

  Grid grid() const { return {static_cast<unsigned>(bottom - top), 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int y = top + static_cast<int>(at.block_x);
    for (uint32_t i = 0; i < runs.row_runs[y]; ++i) {
      const uint32_t slot = runs.slot(y, i);
      if (runs.area[runs.parent[slot]] == 0) continue;
      for (int x = runs.first[slot] + static_cast<int>(at.thread); x <= runs.last[slot];
           x += static_cast<int>(kThreads))
        runs.marks[runs.pixel(x, y)] = kRunKept;
    }
  }
};

// Counts the pixels of the part that count. With classes, turns marks into 1 where a pixel counts: a run's
// where it was kept, any other's where its own label is chosen and the mask lets it count.
struct CountPixelsKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 3;
  static constexpr bool kWarpPhases = false;

  RunTables runs;
  FramePart part;
  const uint8_t* mask;  // may be null where there are classes
  FrameLabels labels;
  ChosenClasses classes;
  bool by_class;

  Grid grid() const { return {static_cast<unsigned>(part.height()), blocks_for(part.width(), kThreads)}; }
  size_t shared_bytes() const { return kThreads * sizeof(uint32_t); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    uint32_t* counts = reinterpret_cast<uint32_t*>(shared);
    if constexpr (Phase == 0) {
      const int x = part.left + static_cast<int>(at.block_y * kThreads + at.thread);
      const int y = part.top + static_cast<int>(at.block_x);
      counts[at.thread] = x < part.right ? counts_at(x, y) : 0;
    }
    if constexpr (Phase == 1) {
      if (at.thread >= 32) return;
      for (unsigned i = at.thread + 32; i < kThreads; i += 32) counts[at.thread] += counts[i];
    }
    if constexpr (Phase == 2) {
      if (at.thread > 0) return;
      uint32_t sum = 0;
      for (unsigned i = 0; i < 32; ++i) sum += counts[i];
      if (sum) atomic_add(&runs.counters->counted, sum);
    }
  }

 private:
  ANOMALY_HD uint32_t counts_at(int x, int y) const {
    const std::ptrdiff_t pixel = runs.pixel(x, y);
    const bool masked = mask && !mask[pixel];
    if (!by_class) return !masked;
    const uint8_t mark = runs.marks[pixel];
    const bool counts = mark == kNoRun ? classes.chosen[labels.at(x, y)] && !masked : mark == kRunKept;
    runs.marks[pixel] = counts;
    return counts;
  }
};

}  // namespace anomaly::cuda
