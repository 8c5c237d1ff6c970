// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs and their 8-connected components. Which thread is first decides nothing: a component's root is its
// lowest slot, and what is counted are integers.
#pragma once

#include "kernels/cuda/run_tables.h"

namespace anomaly::cuda {

// Finds the runs of a row a block: flags of its pixels, then each thread counts the runs that begin in its
// piece of the row, then the sums of the counts before it, then the runs.
struct FindRunsKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kScans = 8;  // 2^8 threads
  static constexpr int kPhases = 2 + kScans + 1;
  static constexpr bool kWarpPhases = false;

  RunTables runs;
  FramePart part;
  ScoreRows scores;
  float threshold;
  const uint8_t* mask;  // may be null
  bool mark;            // write kRunDropped into runs.marks, which are kNoRun before

  Grid grid() const { return {static_cast<unsigned>(part.height()), 1}; }
  size_t shared_bytes() const { return 2 * kThreads * sizeof(uint32_t) + static_cast<size_t>(part.width()); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    uint32_t* sums = reinterpret_cast<uint32_t*>(shared);
    uint8_t* flags = reinterpret_cast<uint8_t*>(sums + 2 * kThreads);
    const int y = part.top + static_cast<int>(at.block_x);
    if constexpr (Phase == 0) {
      for (int i = static_cast<int>(at.thread); i < part.width(); i += static_cast<int>(kThreads)) {
        const int x = part.left + i;
        const bool counts = !mask || mask[runs.pixel(x, y)];
        const bool over = counts && scores.at(x, y) >= threshold;
        flags[i] = over;
        if (over && mark) runs.marks[runs.pixel(x, y)] = kRunDropped;
      }
    } else if constexpr (Phase == 1) {
      uint32_t begun = 0;
      for (int i = begin(at.thread); i < begin(at.thread + 1); ++i) begun += begins(flags, i);
      sums[at.thread] = begun;
    } else if constexpr (Phase < 2 + kScans) {
      // Two tables in turn: nobody reads what is written meanwhile.
      constexpr int step = Phase - 2;
      const uint32_t* from = sums + (step % 2) * kThreads;
      uint32_t* to = sums + (1 - step % 2) * kThreads;
      const uint32_t before = at.thread >= (1u << step) ? from[at.thread - (1u << step)] : 0;
      to[at.thread] = from[at.thread] + before;
    } else {
      static_assert(kScans % 2 == 0);
      uint32_t next = at.thread > 0 ? sums[at.thread - 1] : 0;  // run that begins next
      for (int i = begin(at.thread); i < begin(at.thread + 1); ++i) {
        if (!flags[i]) continue;
        if (begins(flags, i)) begin_run(runs.slot(y, next++), part.left + i);
        if (i + 1 == part.width() || !flags[i + 1])
          runs.last[runs.slot(y, next - 1)] = static_cast<uint16_t>(part.left + i);
      }
      if (at.thread == 0) runs.row_runs[y] = sums[kThreads - 1];
    }
  }

 private:
  ANOMALY_HD int begin(unsigned thread) const {
    const int piece = (part.width() + static_cast<int>(kThreads) - 1) / static_cast<int>(kThreads);
    const int at = static_cast<int>(thread) * piece;
    return at < part.width() ? at : part.width();
  }
  ANOMALY_HD static bool begins(const uint8_t* flags, int i) { return flags[i] && (i == 0 || !flags[i - 1]); }
  ANOMALY_HD void begin_run(uint32_t slot, int x) const {
    runs.first[slot] = static_cast<uint16_t>(x);
    runs.parent[slot] = slot;
    runs.area[slot] = 0;
    runs.left[slot] = 0xffffffffu;
    runs.right[slot] = runs.bottom[slot] = 0;
  }
};

// What a block does for the runs of one row, a run a thread.
struct RunRowGrid {
  static constexpr unsigned kThreads = 128;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  RunTables runs;
  int top, bottom;  // rows

  Grid grid() const { return {bottom > top ? static_cast<unsigned>(bottom - top) : 0u, 1}; }
  size_t shared_bytes() const { return 0; }
  ANOMALY_HD int row(ThreadIndex at) const { return top + static_cast<int>(at.block_x); }
};

// Joins the runs of a row with those of the row above that they touch, corners included.
struct JoinRunsKernel : RunRowGrid {
  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int y = row(at);
    const uint32_t above = runs.row_runs[y - 1];
    for (uint32_t i = at.thread; i < runs.row_runs[y]; i += kThreads) {
      const uint32_t slot = runs.slot(y, i);
      const int first = runs.first[slot], last = runs.last[slot];
      for (uint32_t a = first_reaching(y - 1, above, first - 1); a < above; ++a) {
        const uint32_t other = runs.slot(y - 1, a);
        if (runs.first[other] > last + 1) break;
        join(slot, other);
      }
    }
  }

 private:
  // The first run of a row that ends at column x or behind it.
  ANOMALY_HD uint32_t first_reaching(int y, uint32_t count, int x) const {
    uint32_t low = 0, high = count;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (runs.last[runs.slot(y, middle)] < x)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  // Hangs the higher root below the lower one; where somebody else has done so meanwhile, his root takes
  // part.
  ANOMALY_HD void join(uint32_t a, uint32_t b) const {
    for (;;) {
      a = runs.root_of(a);
      b = runs.root_of(b);
      if (a == b) return;
      const uint32_t high = a > b ? a : b, low = a > b ? b : a;
      const uint32_t before = atomic_min(runs.parent + high, low);
      if (before == high) return;
      a = before;
      b = low;
    }
  }
};

// Adds each run to its component.
struct GatherRunsKernel : RunRowGrid {
  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int y = row(at);
    for (uint32_t i = at.thread; i < runs.row_runs[y]; i += kThreads) {
      const uint32_t slot = runs.slot(y, i), root = runs.root_of(slot);
      const uint32_t first = runs.first[slot], last = runs.last[slot];
      runs.parent[slot] = root;
      atomic_add(runs.area + root, last - first + 1);
      atomic_min(runs.left + root, first);
      atomic_max(runs.right + root, last);
      atomic_max(runs.bottom + root, static_cast<uint32_t>(y));
      if (root == slot) runs.roots[atomic_add(&runs.counters->roots, 1)] = root;
    }
  }
};

}  // namespace anomaly::cuda
