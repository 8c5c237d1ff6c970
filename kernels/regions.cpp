// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/regions.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "kernels/resample_plane.h"

namespace anomaly {
namespace {

constexpr int kNoLabel = 255;

// Union-find whose root is always the set's lowest index: of a region, its first run in reading order.
class Sets {
 public:
  explicit Sets(size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), size_t{0}); }

  size_t root(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }

  void join(size_t a, size_t b) {
    a = root(a);
    b = root(b);
    if (a < b)
      parent_[b] = a;
    else
      parent_[a] = b;
  }

 private:
  std::vector<size_t> parent_;
};

void join_neighbours(const std::vector<Run>& runs, Sets& sets) {
  size_t above = 0, above_end = 0;  // the runs of the row before
  for (size_t begin = 0; begin < runs.size();) {
    size_t end = begin;
    while (end < runs.size() && runs[end].y == runs[begin].y) ++end;
    if (above_end > above && runs[above].y + 1 == runs[begin].y) {
      size_t a = above;
      for (size_t i = begin; i < end; ++i) {
        while (a < above_end && runs[a].last + 1 < runs[i].first) ++a;
        // The last one that touches may touch the next run as well: stay on it.
        for (size_t b = a; b < above_end && runs[b].first <= runs[i].last + 1; a = b++) sets.join(b, i);
      }
    }
    above = begin;
    above_end = end;
    begin = end;
  }
}

struct Found {
  Region region;
  double sum = 0;
  size_t first_run = 0;
};

}  // namespace

void find_runs(const float* row, int y, int begin, int end, float threshold, std::vector<Run>& runs) {
  for (int x = begin; x < end;) {
    if (!(row[x] >= threshold)) {
      ++x;
      continue;
    }
    Run run{y, x, x, row[x], 0};
    for (; x < end && row[x] >= threshold; ++x) {
      run.sum += row[x];
      run.max = std::max(run.max, row[x]);
    }
    run.last = x - 1;
    runs.push_back(run);
  }
}

std::vector<size_t> first_runs(const std::vector<Run>& runs) {
  Sets sets(runs.size());
  join_neighbours(runs, sets);
  std::vector<size_t> first(runs.size());
  for (size_t i = 0; i < runs.size(); ++i) first[i] = sets.root(i);
  return first;
}

std::vector<Region> connect_runs(const std::vector<Run>& runs, int64_t min_area, size_t limit,
                                 const uint8_t* labels, int label_width, int label_height, int frame_width,
                                 int frame_height, std::vector<RegionRun>* parts) {
  const std::vector<size_t> first = first_runs(runs);

  std::vector<Found> found;
  std::vector<size_t> place(runs.size());  // run -> its region's index in `found`
  for (size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    const size_t root = first[i];
    if (root == i) {
      place[i] = found.size();
      Found f;
      f.region.x = run.first;
      f.region.y = run.y;
      f.region.max = run.max;
      f.first_run = i;
      found.push_back(f);
    } else {
      place[i] = place[root];
    }
    Found& f = found[place[i]];
    Region& r = f.region;
    const int right = std::max(r.x + r.width, run.last + 1);
    r.x = std::min(r.x, run.first);
    r.width = right - r.x;
    r.height = run.y + 1 - r.y;
    r.area += run.last - run.first + 1;
    r.max = std::max(r.max, run.max);
    f.sum += run.sum;
  }

  std::vector<size_t> order;
  for (size_t i = 0; i < found.size(); ++i)
    if (found[i].region.area >= min_area) order.push_back(i);
  const auto larger = [&](size_t a, size_t b) {
    const int64_t area_a = found[a].region.area, area_b = found[b].region.area;
    return area_a != area_b ? area_a > area_b : found[a].first_run < found[b].first_run;
  };
  const size_t kept = std::min(order.size(), limit);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(), larger);
  order.resize(kept);

  constexpr size_t kLeftOut = SIZE_MAX;
  std::vector<size_t> rank(found.size(), kLeftOut);
  std::vector<Region> regions(kept);
  for (size_t i = 0; i < kept; ++i) {
    const Found& f = found[order[i]];
    rank[order[i]] = i;
    regions[i] = f.region;
    regions[i].id = static_cast<int>(i) + 1;
    regions[i].mean = static_cast<float>(f.sum / static_cast<double>(f.region.area));
  }
  if (parts)
    for (size_t i = 0; i < runs.size(); ++i)
      if (const size_t r = rank[place[i]]; r != kLeftOut)
        parts->push_back({runs[i].y, runs[i].first, runs[i].last, static_cast<int>(r)});
  if (!labels || kept == 0) return regions;

  std::vector<int> column(frame_width);
  for (int x = 0; x < frame_width; ++x) column[x] = nearest_index(x, label_width, frame_width);
  std::vector<std::array<int64_t, 256>> votes(kept);
  for (size_t i = 0; i < runs.size(); ++i) {
    const size_t r = rank[place[i]];
    if (r == kLeftOut) continue;
    const uint8_t* row =
        labels + static_cast<int64_t>(nearest_index(runs[i].y, label_height, frame_height)) * label_width;
    for (int x = runs[i].first; x <= runs[i].last; ++x) ++votes[r][row[column[x]]];
  }
  for (size_t i = 0; i < kept; ++i) {
    const auto best = std::max_element(votes[i].begin(), votes[i].begin() + kNoLabel);
    if (*best > 0) regions[i].label = static_cast<int>(best - votes[i].begin());
  }
  return regions;
}

}  // namespace anomaly
