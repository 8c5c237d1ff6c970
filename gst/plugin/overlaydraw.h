// SPDX-License-Identifier: LGPL-2.1-or-later
// What anomalyoverlay paints for one frame's metadata.
#pragma once

#include <array>
#include <cstdint>

#include "gst/lib/gstanomalymeta.h"
#include "kernels/frame_view.h"

namespace anomaly {

// 256 R'G'B' colours, for scores from 0 to 1.
using ColorTable = std::array<uint8_t, 256 * 3>;

// OpenCV's colour map of that number (cv::ColormapTypes).
ColorTable color_table(int opencv_colormap);

enum class OverlayMode : int {
  Blend,       // heatmap over the frame, from the threshold on
  Map,         // the scores alone, all of them, on black
  SideBySide,  // Blend, on a copy beside the picture: draw() does the same for both
};

struct OverlayStyle {
  ColorTable colors = {};
  OverlayMode mode = OverlayMode::Blend;
  float opacity = 0.6F;    // of the heatmap at score 1; 0 = no heatmap
  float threshold = -1;    // of heatmap and boxes; negative: the metadata's
  bool boxes = true;       // outlines of the regions
  bool contours = false;   // where the map crosses the threshold
  bool labels = true;      // score and class beside each outline; only with `boxes`
  bool score_bar = false;  // the frame score along the lower edge
  bool legend = false;     // the colours from 0 to 1 beside the frame's right edge
};

// Whether draw() would change a pixel.
bool draws(const GstAnomalyMeta& meta, const OverlayStyle& style);

// Paints heatmap, contours, regions, bar and legend, in that order. Throws std::exception where memory or a
// map's size forbids it.
void draw(const MutableFrameView& frame, const GstAnomalyMeta& meta, const OverlayStyle& style);

}  // namespace anomaly
