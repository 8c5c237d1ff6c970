// SPDX-License-Identifier: LGPL-2.1-or-later
// Connected regions of a picture that is seen row by row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/statistics.h"

namespace anomaly {

// Pixels first..last of one row, all at or over the threshold, with the pixels beside them below it.
struct Run {
  int y, first, last;
  float max;
  double sum;
};

// Appends the runs of `row` (scores of columns begin..end-1 at row[begin]..row[end-1]) to `runs`. NaN is
// below.
void find_runs(const float* row, int y, int begin, int end, float threshold, std::vector<Run>& runs);

// Of each run (by rising row and column) the first run of its 8-connected component, by index.
std::vector<std::size_t> first_runs(const std::vector<Run>& runs);

// Runs by rising row and column -> 8-connected regions of at least `min_area` pixels, the largest first
// (equal ones: the one that begins higher, then further left), at most `limit`; ids 1, 2, ... `labels`:
// label_height x label_width train ids over the whole frame_width x frame_height frame, may be null. parts:
// may be null; takes the runs of those regions, in their order.
std::vector<Region> connect_runs(const std::vector<Run>& runs, int64_t min_area, std::size_t limit,
                                 const uint8_t* labels, int label_width, int label_height, int frame_width,
                                 int frame_height, std::vector<RegionRun>* parts = nullptr);

}  // namespace anomaly
