// SPDX-License-Identifier: LGPL-2.1-or-later
// Contours of a map (contour_math.h) as two planes of coverages, which the paint kernel then blends as masks:
// contour pixels; how far along its row each pixel has the next one; coverages of rim and line. A thread
// makes four pixels beside each other, a word.
#pragma once

#include "kernels/contour_math.h"
#include "kernels/cuda/grid.h"
#include "kernels/paint_list.h"

namespace anomaly::cuda {

// What of the frame the lines may cover, and where the planes lie: rows of `pitch` bytes, a multiple of 4,
// all addresses multiples of 4. `marks` becomes the coverages of rim and line together.
struct ContourPlanes {
  ScoreMap map;
  int x, y, width, height;  // what the map covers, frame pixels; may reach beyond the frame
  int x0, y0, x1, y1;       // of it, what lies inside the frame
  float threshold;
  int line, rim;  // pixels
  int pitch;
  uint8_t *marks, *distances, *lines;

  ANOMALY_HD int columns() const { return x1 - x0; }
  ANOMALY_HD int rows() const { return y1 - y0; }
  ANOMALY_HD int reach() const { return contour_reach(line + 2 * rim); }
  ANOMALY_HD uint32_t* word(uint8_t* plane, int column, int row) const {
    return reinterpret_cast<uint32_t*>(plane + static_cast<std::ptrdiff_t>(row) * pitch + column);
  }
};

struct ContourGrid {
  static constexpr unsigned kWordsAcross = 32, kRows = 8;
  static constexpr unsigned kThreads = kWordsAcross * kRows;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  ContourPlanes a;

  Grid grid() const { return {blocks_for(a.pitch / 4, kWordsAcross), blocks_for(a.rows(), kRows)}; }
  size_t shared_bytes() const { return 0; }
  ANOMALY_HD int column(ThreadIndex at) const {
    return 4 * static_cast<int>(at.block_x * kWordsAcross + at.thread % kWordsAcross);
  }
  ANOMALY_HD int row(ThreadIndex at) const {
    return static_cast<int>(at.block_y * kRows + at.thread / kWordsAcross);
  }
  ANOMALY_HD bool outside(ThreadIndex at) const { return column(at) >= a.pitch || row(at) >= a.rows(); }
  ANOMALY_HD static int byte(uint32_t word, int i) { return static_cast<int>(word >> (8 * i)) & 255; }
};

struct ContourMarksKernel : ContourGrid {
  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, [[maybe_unused]] float* shared) const {
    if (outside(at)) return;
    const int left = column(at), y = row(at);
    bool here[6];  // of the row: one pixel before the word, one behind it
    ANOMALY_UNROLL
    for (int i = 0; i < 6; ++i) here[i] = reaches(left + i - 1, y);
    uint32_t word = 0;
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (!here[i + 1]) continue;
      const bool within = here[i] && here[i + 2] && reaches(left + i, y - 1) && reaches(left + i, y + 1);
      word |= static_cast<uint32_t>(!within) << (8 * i);
    }
    *a.word(a.marks, left, y) = word;
  }

 private:
  ANOMALY_HD bool reaches(int column, int row) const {
    if (column < 0 || row < 0 || column >= a.columns() || row >= a.rows()) return false;
    const Between across = sample_between(a.x0 + column - a.x, a.width, a.map.width);
    const Between down = sample_between(a.y0 + row - a.y, a.height, a.map.height);
    return map_score(a.map.values, a.map.width, across, down) >= a.threshold;
  }
};

struct ContourDistancesKernel : ContourGrid {
  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, [[maybe_unused]] float* shared) const {
    if (outside(at)) return;
    const int left = column(at), y = row(at), reach = a.reach();
    int nearest[4];
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) nearest[i] = kFarFromContour;
    const int first = left - reach > 0 ? (left - reach) / 4 * 4 : 0;
    const int last = left + 3 + reach < a.pitch ? left + 3 + reach : a.pitch - 1;
    for (int begin = first; begin <= last; begin += 4) {
      const uint32_t marks = *a.word(a.marks, begin, y);
      if (!marks) continue;
      ANOMALY_UNROLL
      for (int j = 0; j < 4; ++j) {
        if (!byte(marks, j)) continue;
        ANOMALY_UNROLL
        for (int i = 0; i < 4; ++i) {
          const int apart = begin + j > left + i ? begin + j - left - i : left + i - begin - j;
          if (apart <= reach && apart < nearest[i]) nearest[i] = apart;
        }
      }
    }
    uint32_t word = 0;
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) word |= static_cast<uint32_t>(nearest[i]) << (8 * i);
    *a.word(a.distances, left, y) = word;
  }
};

struct ContourLinesKernel : ContourGrid {
  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, [[maybe_unused]] float* shared) const {
    if (outside(at)) return;
    constexpr uint32_t kAllFar = 0xffffffffu;
    const int left = column(at), y = row(at), reach = a.reach();
    int squared[4];
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) squared[i] = 1 << 24;
    const int first = y - reach > 0 ? y - reach : 0;
    const int last = y + reach < a.rows() ? y + reach : a.rows() - 1;
    for (int v = first; v <= last; ++v) {
      const uint32_t distances = *a.word(a.distances, left, v);
      if (distances == kAllFar) continue;
      ANOMALY_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int across = byte(distances, i), s = across * across + (v - y) * (v - y);
        if (across != kFarFromContour && s < squared[i]) squared[i] = s;
      }
    }
    uint32_t rims = 0, lines = 0;
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) {
      rims |= (on_contour_line(squared[i], a.line + 2 * a.rim) ? 255u : 0u) << (8 * i);
      lines |= (on_contour_line(squared[i], a.line) ? 255u : 0u) << (8 * i);
    }
    *a.word(a.marks, left, y) = rims;
    *a.word(a.lines, left, y) = lines;
  }
};

}  // namespace anomaly::cuda
