// SPDX-License-Identifier: LGPL-2.1-or-later
// Which cells of the map count where only some of the frame's pixels do.
#pragma once

#include "kernels/cuda/run_tables.h"
#include "kernels/statistics_math.h"

namespace anomaly::cuda {

// A cell of the rectangle columns x rows counts if the frame pixel at its centre does.
struct ChooseCellsKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  int map_width, map_height;
  Span columns, rows;
  const uint8_t* counts;  // frame_height x frame_width
  RunTables runs;         // for the frame's size and the counters
  uint8_t* cells;         // map_height x map_width

  Grid grid() const { return {static_cast<unsigned>(map_height), blocks_for(map_width, kThreads)}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int x = static_cast<int>(at.block_y * kThreads + at.thread), y = static_cast<int>(at.block_x);
    if (x >= map_width) return;
    bool chosen = false;
    if (x >= columns.begin && x < columns.end && y >= rows.begin && y < rows.end)
      chosen = counts[runs.pixel(nearest_index(x, runs.frame_width, map_width),
                                 nearest_index(y, runs.frame_height, map_height))];
    cells[static_cast<std::ptrdiff_t>(y) * map_width + x] = chosen;
    if (chosen) atomic_max(&runs.counters->cells, 1);
  }
};

// Where no cell's centre counts: the cells above the pixels that do.
struct CellsAboveKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  int map_width, map_height;
  FramePart part;
  const uint8_t* counts;
  RunTables runs;
  uint8_t* cells;

  Grid grid() const { return {static_cast<unsigned>(part.height()), blocks_for(part.width(), kThreads)}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int x = part.left + static_cast<int>(at.block_y * kThreads + at.thread);
    const int y = part.top + static_cast<int>(at.block_x);
    if (x >= part.right || runs.counters->cells || !counts[runs.pixel(x, y)]) return;
    cells[static_cast<std::ptrdiff_t>(nearest_index(y, map_height, runs.frame_height)) * map_width +
          nearest_index(x, map_width, runs.frame_width)] = 1;
  }
};

}  // namespace anomaly::cuda
