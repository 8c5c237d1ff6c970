// SPDX-License-Identifier: LGPL-2.1-or-later
// Where contours of a score map run, and how wide their lines are. Shared by drawing on the CPU and on a GPU.
//
// A pixel lies on a contour where its score reaches the threshold and that of one of its four neighbours does
// not; what lies outside of the map, or of the frame, does not reach it. A line `width` pixels wide is what
// lies within width / 2 of such a pixel, from centre to centre.
#pragma once

#include <cstdint>

#include "kernels/paint_math.h"
#include "kernels/portable.h"

namespace anomaly {

inline constexpr int kMostContourWidth = 500;  // pixels, of line and rim together

inline bool valid_contour_widths(int line, int rim) {
  return line >= 1 && rim >= 0 && line <= kMostContourWidth && rim <= (kMostContourWidth - line) / 2;
}

inline constexpr uint8_t kFarFromContour = 255;

// How far from a contour pixel a line can reach in one direction, pixels; below kFarFromContour.
ANOMALY_HD inline int contour_reach(int width) {
  return width / 2;
}

// Whether a pixel whose nearest contour pixel lies at that squared distance is on the line.
ANOMALY_HD inline bool on_contour_line(int squared_distance, int width) {
  return 4 * squared_distance <= width * width;
}

}  // namespace anomaly
