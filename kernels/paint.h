// SPDX-License-Identifier: LGPL-2.1-or-later
// Draws into a frame of any format through a value per pixel: what heatmap, boxes and text have in common.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/frame_view.h"

namespace anomaly {

// Pixels x0..x1-1, y0..y1-1.
struct PixelBox {
  int x0, y0, x1, y1;
  bool empty() const { return x0 >= x1 || y0 >= y1; }
};

inline constexpr int kLevels = 256;

// Colour and alpha of each level.
struct Palette {
  int16_t alpha[kLevels];       // 0..256
  uint16_t colour[3][kLevels];  // by component, in samples of the format
};

// Sets the palette's colour at `level` in the samples of the frame's format.
void set_colour(Palette& palette, int level, const MutableFrameView& frame, uint8_t r, uint8_t g, uint8_t b);

// What is to be painted.
class Brush {
 public:
  virtual ~Brush() = default;

  // False where it is certain that no value of row y, and no mean of values all of whose rows say so, has a
  // level.
  virtual bool touches(int y) {
    (void)y;
    return true;
  }

  // Writes row y's values, one for each column of the box.
  virtual void values(int y, float* out) = 0;

  // The level of each value: 0..255, or -1 = that sample stays as it is.
  virtual void levels(const float* values, int count, int16_t* out) const = 0;
};

// Paints the pixels of `box`, which lies within the frame. A sample that several pixels share takes the level
// of the mean of their values, pixels outside the box counting as 0.
void paint(const MutableFrameView& frame, const PixelBox& box, const Palette& palette, Brush& brush);

// What of `box` lies around `hole`, in parts that can be painted one by one: no sample is shared between two
// of them. The hole shrinks to whole groups of pixels that share samples; without one left, `box` itself.
std::vector<PixelBox> ring(const MutableFrameView& frame, const PixelBox& box, const PixelBox& hole);

// Fills as much of `box` as is made of whole groups of pixels that share samples, and returns that part.
PixelBox fill_inside(const MutableFrameView& frame, const PixelBox& box, uint8_t r, uint8_t g, uint8_t b);

}  // namespace anomaly
