// SPDX-License-Identifier: LGPL-2.1-or-later
// Lines where a score map crosses a threshold, in the frame's own pixel format, in place.
#pragma once

#include <cstdint>

#include "kernels/frame_view.h"
#include "kernels/statistics.h"

namespace anomaly {

struct ContourStyle {
  float threshold = 0.5f;
  int line = 1;  // pixels wide, at least 1; an even one is drawn one wider, for it lies around its pixels
  int rim = 0;   // pixels on either side of the line, in a colour of their own; 0 = none
  uint8_t r = 255, g = 255, b = 255, rim_r = 0, rim_g = 0, rim_b = 0;
};

// `map`: map_height x map_width scores, covering `area` of the frame (frame pixels; 0 x 0 = all of it) and
// sampled as blend_heatmap() does. The lines (contour_math.h) stay inside the area. Throws
// std::invalid_argument where the map is null or of a size outside 1..32768, or line + 2 * rim outside 1..500
// (kMostContourWidth).
void draw_contours(const MutableFrameView& frame, const float* map, int map_width, int map_height,
                   const Rect& area, const ContourStyle& style);

}  // namespace anomaly
