// SPDX-License-Identifier: LGPL-2.1-or-later
// The colours that anomalyoverlay draws with.
#pragma once

#include <array>
#include <cstdint>

namespace anomaly {

struct Color {
  uint8_t r, g, b;
};

inline constexpr Color kBlack = {0, 0, 0}, kWhite = {255, 255, 255};

// 256 R'G'B' colours, for scores from 0 to 1.
using ColorTable = std::array<uint8_t, 256 * 3>;

// OpenCV's colour map of that number (cv::ColormapTypes).
ColorTable color_table(int opencv_colormap);

// The colour of a score, limited to 0..1; what is no number counts as 0.
Color color_at(const ColorTable& colors, double score);

// Black or white, whichever stands out against `color`.
Color contrast(Color color);

}  // namespace anomaly
