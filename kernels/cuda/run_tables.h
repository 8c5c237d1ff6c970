// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs of pixels over the threshold and their components, in device memory. A row of the frame has room for
// as many runs as it can have; a run is named by its slot, so that slots rise with row and column, and a
// component by its lowest slot, its root.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/cuda/module_types.h"
#include "kernels/cuda/resample_kernels.h"
#include "kernels/resample_plane.h"
#include "kernels/surroundings_math.h"

namespace anomaly::cuda {

// A part of the frame: pixels left..right-1 of rows top..bottom-1.
struct FramePart {
  int left, top, right, bottom;

  ANOMALY_HD int width() const { return right - left; }
  ANOMALY_HD int height() const { return bottom - top; }
};

struct RunCounters {
  unsigned long long counted;  // pixels of the part that count
  uint32_t roots;              // components found
  uint32_t chosen;             // regions listed
  uint32_t cells;              // cells of the map that count
  uint32_t chosen_root[kAnomalyMostRegions];
};

struct RunTables {
  int frame_width, frame_height;
  uint32_t room;           // slots of a row
  uint16_t *first, *last;  // of each run: its columns
  uint32_t* row_runs;      // of each row: its runs
  uint32_t* parent;        // of each run: one of its component with a lower slot; itself for a root
  // Of each root: its component's pixels (0: left out) and bounding box (inclusive).
  uint32_t *area, *left, *right, *bottom;
  uint32_t* roots;  // all roots, in no order
  uint8_t* marks;   // frame_height x frame_width
  RunCounters* counters;

  ANOMALY_HD uint32_t slot(int y, uint32_t run) const { return static_cast<uint32_t>(y) * room + run; }
  ANOMALY_HD int row_of(uint32_t slot) const { return static_cast<int>(slot / room); }
  ANOMALY_HD std::ptrdiff_t pixel(int x, int y) const {
    return static_cast<std::ptrdiff_t>(y) * frame_width + x;
  }
  ANOMALY_HD uint32_t root_of(uint32_t slot) const {
    for (uint32_t up = parent[slot]; up != slot; up = parent[slot]) slot = up;
    return slot;
  }
};

// The resized map: rows are made as they are looked at.
struct ScoreRows {
  FilterTables down;
  const float* across;  // after the horizontal pass
  int width;

  ANOMALY_HD float at(int x, int y) const { return resampled_column(down, across, width, x, y); }
};

// Train ids over the whole frame.
struct FrameLabels {
  const uint8_t* labels;  // may be null
  int width, height, frame_width, frame_height;

  ANOMALY_HD uint8_t at(int x, int y) const {
    return labels[static_cast<std::ptrdiff_t>(nearest_index(y, height, frame_height)) * width +
                  nearest_index(x, width, frame_width)];
  }
};

inline constexpr uint32_t kNoLabel = 255;

// The most frequent id below kNoLabel and the lowest among equals, in three phases of a block: votes (256) to
// 32 to 1.
struct Ballot {
  uint32_t votes[256];
  unsigned long long best[32];  // votes, then 255 - id

  ANOMALY_HD void clear(unsigned thread) {
    if (thread < 256) votes[thread] = 0;
  }
  ANOMALY_HD void fold(unsigned thread) {
    if (thread >= 32) return;
    unsigned long long most = 0;
    for (unsigned id = thread; id < kNoLabel; id += 32) {
      const unsigned long long key = static_cast<unsigned long long>(votes[id]) << 8 | (255 - id);
      most = votes[id] > 0 && key > most ? key : most;
    }
    best[thread] = most;
  }
  // By one thread, which all others may then ask for winner().
  ANOMALY_HD void finish() {
    for (unsigned i = 1; i < 32; ++i) best[0] = best[i] > best[0] ? best[i] : best[0];
  }
  ANOMALY_HD int winner() const { return best[0] ? 255 - static_cast<int>(best[0] & 255) : -1; }
};

}  // namespace anomaly::cuda
