// SPDX-License-Identifier: LGPL-2.1-or-later
// From components to listed regions.
#pragma once

#include "kernels/cuda/run_tables.h"

namespace anomaly::cuda {

// Chooses the largest components, at most kAnomalyMostRegions of at least min_area pixels, and puts them in
// order: by falling area, equal ones by rising root. One block. Where there are more, the key that the last
// one has is found eight bits at a time; keys are unique.
struct ChooseRegionsKernel {
  static constexpr unsigned kThreads = 1024, kMost = kAnomalyMostRegions;
  static constexpr int kPasses = 8;
  static constexpr int kPhases = 2 + 3 * kPasses + 3;
  static constexpr bool kWarpPhases = false;
  static_assert(kMost <= kThreads);

  RunTables runs;
  int64_t min_area;
  int64_t counted;  // pixels that count; below 0: see RunCounters
  AnomalyCudaFigures* figures;

  struct Shared {
    unsigned long long over, prefix;  // pixels over the threshold; of the last key chosen
    uint32_t candidates, missing;     // how many of the keys that begin with the prefix are chosen
    uint32_t bin[256];
    uint32_t taken;
    unsigned long long key[kMost];
  };

  Grid grid() const { return {1, 1}; }
  size_t shared_bytes() const { return sizeof(Shared); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    Shared& s = *reinterpret_cast<Shared*>(shared);
    const unsigned t = at.thread;
    constexpr int last = 2 + 3 * kPasses;
    if constexpr (Phase == 0) {
      if (t < 256) s.bin[t] = 0;
      if (t == 0) s.over = s.prefix = 0, s.candidates = s.taken = 0, s.missing = kMost;
    } else if constexpr (Phase == 1) {
      count_components(t, s);
    } else if constexpr (Phase < last) {
      if (s.candidates > kMost) find_last<(Phase - 2) / 3, (Phase - 2) % 3>(t, s);
    } else if constexpr (Phase == last) {
      for_each(t, [&](unsigned long long key) {
        if (key >= s.prefix) s.key[atomic_add(&s.taken, 1)] = key;
      });
    } else if constexpr (Phase == last + 1) {
      if (t < s.taken) rank(t, s);
    } else if constexpr (Phase == last + 2) {
      if (t == 0) finish(s);
    }
  }

 private:
  static constexpr uint32_t kAll = 0xffffffffu;

  template <typename Use>
  ANOMALY_HD void for_each(unsigned t, const Use& use) const {
    for (uint32_t i = t; i < runs.counters->roots; i += kThreads) {
      const uint32_t root = runs.roots[i], area = runs.area[root];
      if (area > 0 && static_cast<int64_t>(area) >= min_area)
        use(static_cast<unsigned long long>(area) << 32 | (kAll - root));
    }
  }

  ANOMALY_HD void count_components(unsigned t, Shared& s) const {
    unsigned long long over = 0;
    uint32_t candidates = 0;
    for (uint32_t i = t; i < runs.counters->roots; i += kThreads) over += runs.area[runs.roots[i]];
    for_each(t, [&](unsigned long long) { ++candidates; });
    if (over) atomic_add(&s.over, over);
    if (candidates) atomic_add(&s.candidates, candidates);
  }

  template <int Pass, int Step>
  ANOMALY_HD void find_last(unsigned t, Shared& s) const {
    constexpr int shift = 56 - 8 * Pass;
    if constexpr (Step == 0) {
      for_each(t, [&](unsigned long long key) {
        // (Nothing is fixed yet in the first pass.)
        if (Pass == 0 || key >> (shift + 8) % 64 == s.prefix >> (shift + 8) % 64)
          atomic_add(s.bin + (key >> shift & 255), 1);
      });
    } else if constexpr (Step == 1) {
      if (t > 0) return;
      unsigned b = 255;
      while (b > 0 && s.bin[b] < s.missing) s.missing -= s.bin[b--];
      s.prefix |= static_cast<unsigned long long>(b) << shift;
    } else if (t < 256) {
      s.bin[t] = 0;
    }
  }

  ANOMALY_HD void rank(unsigned t, const Shared& s) const {
    const unsigned long long mine = s.key[t];
    uint32_t before = 0;
    for (uint32_t i = 0; i < s.taken; ++i) before += s.key[i] > mine;
    runs.counters->chosen_root[before] = kAll - static_cast<uint32_t>(mine);
  }

  ANOMALY_HD void finish(const Shared& s) const {
    runs.counters->chosen = s.taken;
    figures->regions = static_cast<int>(s.taken);
    figures->over = static_cast<int64_t>(s.over);
    figures->counted = counted >= 0 ? counted : static_cast<int64_t>(runs.counters->counted);
    figures->runs = 0;
  }
};

// A region a block: its rows by 32 groups of 32 threads, a thread's pixels in a fixed order, so that sums are
// the same each time.
struct DescribeRegionsKernel {
  static constexpr unsigned kThreads = 1024, kGroups = 32, kGroup = 32;
  static constexpr int kPhases = 5;
  static constexpr bool kWarpPhases = false;

  RunTables runs;
  ScoreRows scores;
  FrameLabels labels;
  AnomalyCudaRegion* regions;

  struct Shared {
    double sum[kThreads];
    float most[kThreads];
    Ballot ballot;
  };

  Grid grid() const { return {256, 1}; }
  size_t shared_bytes() const { return sizeof(Shared); }
  ANOMALY_HD unsigned items() const { return runs.counters->chosen; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    Shared& s = *reinterpret_cast<Shared*>(shared);
    const unsigned t = at.thread;
    const uint32_t root = runs.counters->chosen_root[at.block_x];
    if constexpr (Phase == 0) s.ballot.clear(t);
    if constexpr (Phase == 1) look_at(t, root, s);
    if constexpr (Phase == 2) {
      if (t < kGroup)
        for (unsigned i = t + kGroup; i < kThreads; i += kGroup) fold(s, t, i);
      if (labels.labels) s.ballot.fold(t);
    }
    if constexpr (Phase == 3) {
      if (t > 0) return;
      for (unsigned i = 1; i < kGroup; ++i) fold(s, 0, i);
      if (labels.labels) s.ballot.finish();
      describe(root, s, regions[at.block_x]);
    }
    // Its box was the last to need `left`, which from now on says whether a root is listed, and where.
    if constexpr (Phase == 4)
      if (t == 0) runs.left[root] = kListed | at.block_x;
  }

  static constexpr uint32_t kListed = 0x80000000u;

 private:
  ANOMALY_HD void look_at(unsigned t, uint32_t root, Shared& s) const {
    double sum = 0;
    float most = -bits_float(0x7f800000);
    const int bottom = static_cast<int>(runs.bottom[root]);
    for (int y = runs.row_of(root) + static_cast<int>(t / kGroup); y <= bottom;
         y += static_cast<int>(kGroups))
      for (uint32_t i = 0; i < runs.row_runs[y]; ++i) {
        const uint32_t slot = runs.slot(y, i);
        if (runs.parent[slot] != root) continue;
        for (int x = runs.first[slot] + static_cast<int>(t % kGroup); x <= runs.last[slot];
             x += static_cast<int>(kGroup)) {
          const float v = scores.at(x, y);
          sum += v;
          most = v > most ? v : most;
          if (labels.labels) atomic_add(s.ballot.votes + labels.at(x, y), 1);
        }
      }
    s.sum[t] = sum;
    s.most[t] = most;
  }
  ANOMALY_HD static void fold(Shared& s, unsigned to, unsigned from) {
    s.sum[to] += s.sum[from];
    s.most[to] = s.most[from] > s.most[to] ? s.most[from] : s.most[to];
  }
  ANOMALY_HD void describe(uint32_t root, const Shared& s, AnomalyCudaRegion& region) const {
    const int y = runs.row_of(root), x = static_cast<int>(runs.left[root]);
    const uint32_t area = runs.area[root];
    region.x = x;
    region.y = y;
    region.width = static_cast<int>(runs.right[root]) + 1 - x;
    region.height = static_cast<int>(runs.bottom[root]) + 1 - y;
    region.area = area;
    region.mean = static_cast<float>(s.sum[0] / static_cast<double>(area));
    region.max = s.most[0];
    region.label = labels.labels ? s.ballot.winner() : -1;
    region.reserved = 0;
  }
};

// The runs of listed regions, in two steps around a sum over rows: how many a row has, and where they go.
struct CountListedKernel {
  static constexpr unsigned kThreads = 1024;
  static constexpr int kScans = 10;  // 2^10 threads
  static constexpr int kPhases = 1 + kScans + 1;
  static constexpr bool kWarpPhases = false;

  RunTables runs;
  int top, bottom;      // rows
  uint32_t* row_begin;  // of each row: the listed runs before it
  AnomalyCudaFigures* figures;

  Grid grid() const { return {1, 1}; }
  size_t shared_bytes() const { return 2 * kThreads * sizeof(uint32_t); }

  // A thread has neighbouring rows.
  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    uint32_t* sums = reinterpret_cast<uint32_t*>(shared);
    if constexpr (Phase == 0) {
      uint32_t sum = 0;
      for (int y = begin(at.thread); y < begin(at.thread + 1); ++y) sum += listed(y);
      sums[at.thread] = sum;
    } else if constexpr (Phase <= kScans) {
      constexpr int step = Phase - 1;
      const uint32_t* from = sums + (step % 2) * kThreads;
      const uint32_t before = at.thread >= (1u << step) ? from[at.thread - (1u << step)] : 0;
      sums[(1 - step % 2) * kThreads + at.thread] = from[at.thread] + before;
    } else {
      static_assert(kScans % 2 == 0);
      uint32_t before = at.thread > 0 ? sums[at.thread - 1] : 0;
      for (int y = begin(at.thread); y < begin(at.thread + 1); ++y) {
        row_begin[y] = before;
        before += listed(y);
      }
      if (at.thread == 0) figures->runs = sums[kThreads - 1];
    }
  }

 private:
  ANOMALY_HD int begin(unsigned thread) const {
    const int piece = (bottom - top + static_cast<int>(kThreads) - 1) / static_cast<int>(kThreads);
    const int y = top + static_cast<int>(thread) * piece;
    return y < bottom ? y : bottom;
  }
  ANOMALY_HD uint32_t listed(int y) const {
    uint32_t count = 0;
    for (uint32_t i = 0; i < runs.row_runs[y]; ++i)
      count += runs.left[runs.parent[runs.slot(y, i)]] >= DescribeRegionsKernel::kListed;
    return count;
  }
};

struct WriteListedKernel {
  static constexpr unsigned kThreads = 64;  // a row each
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  RunTables runs;
  int top, bottom;  // rows
  const uint32_t* row_begin;
  AnomalyCudaRun* out;
  int capacity;

  Grid grid() const { return {blocks_for(bottom - top, kThreads), 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int y = top + static_cast<int>(at.block_x * kThreads + at.thread);
    if (y >= bottom) return;
    int64_t next = row_begin[y];
    for (uint32_t i = 0; i < runs.row_runs[y]; ++i) {
      const uint32_t slot = runs.slot(y, i), place = runs.left[runs.parent[slot]];
      if (place < DescribeRegionsKernel::kListed) continue;
      if (next < capacity)
        out[next] = {y, runs.first[slot], runs.last[slot],
                     static_cast<int>(place & ~DescribeRegionsKernel::kListed)};
      ++next;
    }
  }
};

}  // namespace anomaly::cuda
