// SPDX-License-Identifier: LGPL-2.1-or-later
// A list of paint steps as the kernel reads it: clipped to the frame, in samples of its format, and sorted by
// the tiles of the frame that they touch, so that a block looks at its own steps alone and a tile without any
// has no block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cuda/contour_kernels.h"
#include "kernels/cuda/heat_levels.h"
#include "kernels/paint_list.h"

namespace anomaly::cuda {

// A tile is a rectangle of cells of 2x2 pixels: pixels of two cells share no sample in any format.
inline constexpr int kTileCellsAcross = 32, kTileCellsDown = 8;
inline constexpr int kTilePixelsAcross = 2 * kTileCellsAcross, kTilePixelsDown = 2 * kTileCellsDown;

struct PaintOperation {
  PaintStep::Kind kind;  // Contours are masks here, of the rim and of the line
  int x0, y0, x1, y1;    // inside the frame: pixels x0..x1-1, y0..y1-1
  int rest[4];           // Box: x0, y0, x1, y1 of the hole; Heatmap: x, y, width, height of the area
  float threshold;       // Heatmap
  uint16_t colour[3];    // in samples, by component; not of Heatmap
  uint8_t coverage;      // Box: 255, Shade
  int32_t pitch;         // Mask: bytes from row to row
  int64_t data;          // in the program. Mask: of the frame's pixel 0, 0; Heatmap: of its HeatLevels
};

struct PaintTile {
  uint16_t column, row;
  uint32_t first, count;  // of its entries
};

// Where things lie in the program, bytes from its beginning, multiples of 16.
struct PaintLayout {
  size_t operations = 0, levels = 0, tiles = 0, entries = 0, masks = 0, map = 0;
  size_t bytes = 0;  // what is written and copied
  size_t room = 0;   // with what kernels write behind that: the planes of contours
};

class PaintProgram {
 public:
  // The steps on a frame, checked. `map`: as blend_heatmap() takes it; copied into the program if
  // `map_on_host`. Throws std::invalid_argument as the CPU's functions do.
  PaintProgram(const MutableFrameView& frame, const PaintStep* steps, size_t count, const ScoreMap& map,
               bool map_on_host);

  const PaintLayout& layout() const { return layout_; }
  size_t tiles() const { return tiles_.size(); }

  // Writes all layout().bytes of it.
  void write(unsigned char* to) const;

  // The planes of contours to be made before the operations are executed. `map`, `program`: on the device.
  std::vector<ContourPlanes> contours(const ScoreMap& map, unsigned char* program) const;

 private:
  // Contours of a step, their planes as offsets in the program.
  struct Contours {
    ContourPlanes planes;
    size_t line_operation;  // that of the rim is before it
    size_t marks, distances, lines;
  };
  void add_contours(const MutableFrameView& frame, const PaintStep& step, const PaintOperation& area);
  void place_contours();

  void add(const MutableFrameView& frame, const PaintStep& step, const ScoreMap& map);
  void sort_into_tiles(int width, int height);

  std::vector<PaintOperation> operations_;
  std::vector<HeatLevels> levels_;
  std::vector<PaintTile> tiles_;
  std::vector<uint32_t> entries_;  // operations of the tiles, in their order
  std::vector<const PaintStep*> masks_;
  std::vector<Contours> contours_;
  size_t mask_bytes_ = 0;
  ScoreMap map_;
  bool map_on_host_;
  PaintLayout layout_;
};

}  // namespace anomaly::cuda
