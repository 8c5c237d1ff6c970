// SPDX-License-Identifier: LGPL-2.1-or-later
// Blends an anomaly map over a frame, in the frame's own pixel format, in place.
#pragma once

#include <cstdint>

#include "kernels/frame_view.h"
#include "kernels/statistics.h"

namespace anomaly {

struct HeatmapStyle {
  const uint8_t* lut = nullptr;       // 256 x 3 R'G'B' colours, score 0..1
  float opacity = 0.6f;               // at score >= 1; follows the score below it
  float threshold = 0.5f;             // scores below `threshold` leave the pixel untouched
  bool opacity_follows_score = true;  // false: `opacity` at every score
};

// `map`: map_height x map_width scores, covering `area` of the frame (frame pixels; 0 x 0 = all of it),
// sampled bilinearly at pixel centres. Pixels whose score is below the threshold are byte for byte as before
// (subsampled chroma: the mean score of the pixels that share the sample decides). Alpha is never touched.
void blend_heatmap(const MutableFrameView& frame, const float* map, int map_width, int map_height,
                   const Rect& area, const HeatmapStyle& style);

// Outlines `box` (clipped to the frame) with lines `thickness` pixels wide, and fills `box` when thickness is
// 0.
void draw_box(const MutableFrameView& frame, const Rect& box, int thickness, uint8_t r, uint8_t g, uint8_t b);

// Blends a colour into `box` (clipped to the frame) evenly: coverage 0 = untouched, 255 = the colour.
void shade_box(const MutableFrameView& frame, const Rect& box, uint8_t coverage, uint8_t r, uint8_t g,
               uint8_t b);

// Blends a colour through a coverage mask (text, for one): mask_height x mask_width bytes, 0 = untouched, 255
// = the colour, its top left corner at x, y (may lie outside: clipped to the frame).
void blend_mask(const MutableFrameView& frame, int x, int y, const uint8_t* mask, int mask_width,
                int mask_height, uint8_t r, uint8_t g, uint8_t b);

}  // namespace anomaly
