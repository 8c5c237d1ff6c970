// SPDX-License-Identifier: LGPL-2.1-or-later
// Executes a paint program (paint_program.h): one block a tile, one thread a cell of 2x2 pixels, which takes
// its samples into registers with the first step that touches it, applies the steps in their order, and
// writes what they changed. A cell that no step touches is not read.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/cuda/paint_program.h"
#include "kernels/paint_math.h"

namespace anomaly::cuda {

struct PaintArguments {
  MutableFrameView frame;
  PixelFormatInfo info;
  const unsigned char* program;
  PaintLayout layout;
  unsigned tiles;
  ScoreMap map;
};

// Samples of one component, or whole pixels of four bytes, that lie beside each other: both at once where
// their address allows it. `two` false: the second is not there, and is neither read nor written.
struct WordPair {
  uint32_t v[2];
};
template <typename Word, typename Both>
ANOMALY_HD inline WordPair load_pair(const uint8_t* p, bool two) {
  if (two && reinterpret_cast<uintptr_t>(p) % sizeof(Both) == 0) {
    const Both both = *reinterpret_cast<const Both*>(p);
    return {{static_cast<uint32_t>(both & static_cast<Word>(~Word{0})),
             static_cast<uint32_t>(both >> (8 * sizeof(Word)))}};
  }
  WordPair pair{};
  for (int i = 0; i < (two ? 2 : 1); ++i)
    for (unsigned b = 0; b < sizeof(Word); ++b)
      pair.v[i] |= static_cast<uint32_t>(p[static_cast<unsigned>(i) * sizeof(Word) + b]) << (8 * b);
  return pair;
}
template <typename Word, typename Both>
ANOMALY_HD inline void store_pair(uint8_t* p, bool two, WordPair pair) {
  if (two && reinterpret_cast<uintptr_t>(p) % sizeof(Both) == 0) {
    *reinterpret_cast<Both*>(p) =
        static_cast<Both>(pair.v[0] | static_cast<Both>(pair.v[1]) << (8 * sizeof(Word)));
    return;
  }
  for (int i = 0; i < (two ? 2 : 1); ++i)
    for (unsigned b = 0; b < sizeof(Word); ++b)
      p[static_cast<unsigned>(i) * sizeof(Word) + b] = static_cast<uint8_t>(pair.v[i] >> (8 * b));
}

// `kWhole`: R'G'B' pixels of four bytes, read and written as words (alpha as it was); else sample by sample.
template <bool kWhole>
struct PaintKernel {
  static constexpr unsigned kThreads = kTileCellsAcross * kTileCellsDown;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  PaintArguments a;
  int h_sub, v_sub;  // of the samples that pixels share

  explicit PaintKernel(const PaintArguments& arguments)
      : a(arguments),
        h_sub(a.info.component[a.info.components - 1].h_sub),
        v_sub(a.info.component[a.info.components - 1].v_sub) {}

  Grid grid() const { return {a.tiles, 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, [[maybe_unused]] float* shared) const {
    const PaintTile tile = reinterpret_cast<const PaintTile*>(a.program + a.layout.tiles)[at.block_x];
    Cell cell;
    cell.x = tile.column * kTilePixelsAcross + 2 * static_cast<int>(at.thread % kTileCellsAcross);
    cell.y = tile.row * kTilePixelsDown + 2 * static_cast<int>(at.thread / kTileCellsAcross);
    if (cell.x >= a.frame.width || cell.y >= a.frame.height) return;
    cell.wide = cell.x + 1 < a.frame.width;
    cell.high = cell.y + 1 < a.frame.height;
    const uint32_t* entries = reinterpret_cast<const uint32_t*>(a.program + a.layout.entries) + tile.first;
    const auto* operations = reinterpret_cast<const PaintOperation*>(a.program + a.layout.operations);
    for (uint32_t i = 0; i < tile.count; ++i) {
      const PaintOperation& o = operations[entries[i]];
      if (cell.x + 1 >= o.x0 && cell.x < o.x1 && cell.y + 1 >= o.y0 && cell.y < o.y1) apply(o, cell);
    }
    if (cell.changed) write(cell);
  }

 private:
  // Slot 2 * row + column of a sample among those of its component in the cell; a subsampled dimension has
  // one.
  struct Cell {
    int x, y;
    bool wide, high;  // the frame has a second column and row here
    bool loaded = false;
    uint32_t changed = 0;  // bit 4 * component + slot
    int v[3][4] = {};
    uint32_t word[4] = {};  // kWhole
  };

  ANOMALY_HD static bool inside(const Cell& cell, int pixel) {
    return (pixel % 2 == 0 || cell.wide) && (pixel / 2 == 0 || cell.high);
  }
  ANOMALY_HD int slot(int pixel) const { return (pixel / 2 >> v_sub) * 2 + (pixel % 2 >> h_sub); }

  ANOMALY_HD float score(const PaintOperation& o, int x, int y) const {
    const Between across = sample_between(x - o.rest[0], o.rest[2], a.map.width);
    const Between down = sample_between(y - o.rest[1], o.rest[3], a.map.height);
    return map_score(a.map.values, a.map.width, across, down);
  }

  // The brush's value at a pixel of the operation.
  ANOMALY_HD float value(const PaintOperation& o, int x, int y) const {
    if (o.kind == PaintStep::Kind::Heatmap) return score(o, x, y);
    if (o.kind == PaintStep::Kind::Mask) return a.program[o.data + static_cast<int64_t>(y) * o.pitch + x];
    if (x >= o.rest[0] && x < o.rest[2] && y >= o.rest[1] && y < o.rest[3]) return 0;
    return o.coverage;
  }

  ANOMALY_HD void apply(const PaintOperation& o, Cell& cell) const {
    const bool heat = o.kind == PaintStep::Kind::Heatmap;
    float value_of[4];
    int level[4], shared_level[4] = {-1, -1, -1, -1};
    bool within[4], any = false;
    ANOMALY_UNROLL
    for (int p = 0; p < 4; ++p) {
      const int x = cell.x + p % 2, y = cell.y + p / 2;
      within[p] = inside(cell, p) && x >= o.x0 && x < o.x1 && y >= o.y0 && y < o.y1;
      value_of[p] = within[p] ? value(o, x, y) : 0;
      level[p] = !within[p] ? -1 : heat ? heat_level(value_of[p], o.threshold) : coverage_level(value_of[p]);
      any |= level[p] >= 0;
    }
    if (!kWhole && (h_sub || v_sub)) {
      ANOMALY_UNROLL
      for (int s = 0; s < 4; ++s) {
        float sum = 0;
        int count = 0;
        bool reached = false;  // by a pixel of the operation
        ANOMALY_UNROLL
        for (int p = 0; p < 4; ++p)
          if (slot(p) == s && inside(cell, p)) sum += value_of[p], ++count, reached |= within[p];
        if (!reached) continue;
        const float mean = sum / static_cast<float>(count);
        shared_level[s] = heat ? heat_level(mean, o.threshold) : coverage_level(mean);
        any |= shared_level[s] >= 0;
      }
    }
    if (!any) return;
    if (!cell.loaded) read(cell);
    const auto* heat_levels = reinterpret_cast<const HeatLevels*>(a.program + o.data);
    ANOMALY_UNROLL
    for (int i = 0; i < 3; ++i) {
      if (i >= a.info.components) break;
      const bool shared = !kWhole && (a.info.component[i].h_sub || a.info.component[i].v_sub);
      ANOMALY_UNROLL
      for (int s = 0; s < 4; ++s) {
        const int l = shared ? shared_level[s] : level[s];
        if (l < 0) continue;
        cell.v[i][s] = blend_sample(cell.v[i][s], heat ? heat_levels->colour[i][l] : o.colour[i],
                                    heat ? heat_levels->alpha[l] : coverage_alpha(l));
        cell.changed |= 1u << (4 * i + s);
      }
    }
  }

  // Visits the rows of a component's samples that the frame has in the cell: first sample, slot, and whether
  // there is a second one.
  template <typename Visit>
  ANOMALY_HD void for_each_row(const Cell& cell, int component, const Visit& visit) const {
    const PixelComponent& c = a.info.component[component];
    uint8_t* plane = a.frame.plane[c.plane];
    const std::ptrdiff_t stride = a.frame.stride[c.plane];
    visit(plane + (cell.y >> c.v_sub) * stride, cell.x >> c.h_sub, 0, !c.h_sub && cell.wide);
    if (!c.v_sub && cell.high)
      visit(plane + (cell.y + 1) * stride, cell.x >> c.h_sub, 2, !c.h_sub && cell.wide);
  }

  ANOMALY_HD void read(Cell& cell) const {
    cell.loaded = true;
    if constexpr (kWhole) {
      ANOMALY_UNROLL
      for (int row = 0; row < 2; ++row) {
        if (row > 0 && !cell.high) break;
        const WordPair pair = load_pair<uint32_t, uint64_t>(pixels(cell, row), cell.wide);
        ANOMALY_UNROLL
        for (int column = 0; column < 2; ++column) {
          cell.word[2 * row + column] = pair.v[column];
          ANOMALY_UNROLL
          for (int i = 0; i < 3; ++i)
            cell.v[i][2 * row + column] =
                static_cast<int>(pair.v[column] >> (8 * a.info.component[i].offset)) & 255;
        }
      }
    } else {
      ANOMALY_UNROLL
      for (int i = 0; i < 3; ++i) {
        if (i >= a.info.components) break;
        const PixelComponent& c = a.info.component[i];
        for_each_row(cell, i, [&](const uint8_t* row, int first, int at, bool two) {
          WordPair pair{};
          if (c.sample_bytes == 1 && c.pixel_stride == 1) {
            pair = load_pair<uint8_t, uint16_t>(row + c.offset + first, two);
          } else if (c.sample_bytes == 2 && c.pixel_stride == 2) {
            pair =
                load_pair<uint16_t, uint32_t>(row + c.offset + 2 * static_cast<std::ptrdiff_t>(first), two);
            for (uint32_t& v : pair.v) v = (v >> c.shift) & ((1u << c.depth) - 1);
          } else {
            pair.v[0] = static_cast<uint32_t>(load_sample(c, row, first));
            if (two) pair.v[1] = static_cast<uint32_t>(load_sample(c, row, first + 1));
          }
          cell.v[i][at] = static_cast<int>(pair.v[0]);
          cell.v[i][at + 1] = static_cast<int>(pair.v[1]);
        });
      }
    }
  }

  ANOMALY_HD void write(const Cell& cell) const {
    if constexpr (kWhole) {
      ANOMALY_UNROLL
      for (int row = 0; row < 2; ++row) {
        if (!(cell.changed >> (2 * row) & 3u)) continue;  // a pixel's components change together
        WordPair pair{};
        ANOMALY_UNROLL
        for (int column = 0; column < 2; ++column) {
          uint32_t word = cell.word[2 * row + column];
          ANOMALY_UNROLL
          for (int i = 0; i < 3; ++i) {
            const int shift = 8 * a.info.component[i].offset;
            word = (word & ~(255u << shift)) | static_cast<uint32_t>(cell.v[i][2 * row + column]) << shift;
          }
          pair.v[column] = word;
        }
        store_pair<uint32_t, uint64_t>(pixels(cell, row), cell.wide, pair);
      }
    } else {
      ANOMALY_UNROLL
      for (int i = 0; i < 3; ++i) {
        if (i >= a.info.components) break;
        const PixelComponent& c = a.info.component[i];
        for_each_row(cell, i, [&](uint8_t* row, int first, int at, bool two) {
          const uint32_t changed = cell.changed >> (4 * i + at) & 3u;
          if (!changed) return;
          if (c.sample_bytes == 1 && c.pixel_stride == 1) {
            store_pair<uint8_t, uint16_t>(
                row + c.offset + first, two,
                {{static_cast<uint32_t>(cell.v[i][at]), static_cast<uint32_t>(cell.v[i][at + 1])}});
            return;
          }
          if (c.sample_bytes == 2 && c.pixel_stride == 2) {
            uint8_t* words = row + c.offset + 2 * static_cast<std::ptrdiff_t>(first);
            WordPair pair = load_pair<uint16_t, uint32_t>(words, two);
            const uint32_t mask = ((1u << c.depth) - 1) << c.shift;
            ANOMALY_UNROLL
            for (int j = 0; j < 2; ++j)
              pair.v[j] = (pair.v[j] & ~mask) | static_cast<uint32_t>(cell.v[i][at + j]) << c.shift;
            store_pair<uint16_t, uint32_t>(words, two, pair);
            return;
          }
          if (changed & 1u) store_sample(c, row, first, cell.v[i][at]);
          if (changed & 2u) store_sample(c, row, first + 1, cell.v[i][at + 1]);
        });
      }
    }
  }

  ANOMALY_HD uint8_t* pixels(const Cell& cell, int row) const {
    return a.frame.plane[0] + (cell.y + row) * a.frame.stride[0] + 4 * static_cast<std::ptrdiff_t>(cell.x);
  }
};

}  // namespace anomaly::cuda
