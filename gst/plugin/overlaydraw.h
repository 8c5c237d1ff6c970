// SPDX-License-Identifier: LGPL-2.1-or-later
// What anomalyoverlay paints for one frame's metadata, wherever the frame lies.
#pragma once

#include "gst/lib/gstanomalymeta.h"
#include "gst/plugin/overlaycolors.h"
#include "gst/plugin/overlayscores.h"
#include "kernels/paint_list.h"

namespace anomaly {

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
  bool labels = true;      // score and class beside each outline where there is room; only with `boxes`
  bool score_bar = false;  // the frame score along the lower edge
  bool legend = false;     // the colours from 0 to 1 beside the frame's right edge
};

// Whether draw() would change a pixel.
bool draws(const GstAnomalyMeta& meta, const OverlayStyle& style);

// Lists heatmap, contours, outlines, bar, legend and labels, in that order, for a frame of the list's size.
// Heatmap and contours are of `scores`, which are the metadata's and are not read here. `style` must outlive
// the list. Throws std::exception where memory forbids it.
void draw(PaintList& list, const GstAnomalyMeta& meta, const Scores& scores, const OverlayStyle& style);

}  // namespace anomaly
