// SPDX-License-Identifier: LGPL-2.1-or-later
// Draws into a frame of any format through values per pixel: what heatmap, boxes and text have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "kernels/frame_view.h"
#include "kernels/paint_math.h"

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

// Paints the pixels of `box` (within the frame).
// `fill(y, values)`: writes box width values for row y and returns true, or returns false where all of them
// are 0. `level(value)`: 0..255, or -1 = the sample stays as it is. A subsampled sample takes the level of
// the mean value of the frame's pixels that share it, those outside the box counting as 0.
void paint(const MutableFrameView& frame, const PixelBox& box, const Palette& palette,
           const std::function<bool(int y, float* values)>& fill,
           const std::function<int(float value)>& level);

}  // namespace anomaly
