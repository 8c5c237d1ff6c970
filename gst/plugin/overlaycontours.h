// SPDX-License-Identifier: LGPL-2.1-or-later
// Lines where the score map crosses the threshold.
#pragma once

#include "gst/plugin/overlayscores.h"
#include "kernels/frame_view.h"
#include "kernels/statistics.h"

namespace anomaly {

// Draws them white with a dark rim, `line` pixels wide: seen on every ground and in every colour map.
// `rectangle`: the part of the frame that the map covers; may reach beyond it.
void draw_contours(const MutableFrameView& frame, const Scores& scores, const Rect& rectangle,
                   float threshold, int line);

}  // namespace anomaly
