// SPDX-License-Identifier: LGPL-2.1-or-later
// Lines where the score map crosses the threshold.
#pragma once

#include "kernels/paint_list.h"

namespace anomaly {

// Draws them white with a dark rim, `line` pixels wide: seen on every ground and in every colour map.
// `scores`: host memory. `rectangle`: the part of the frame that the map covers; may reach beyond it.
void draw_contours(PaintList& list, const ScoreMap& scores, const Rect& rectangle, float threshold, int line);

}  // namespace anomaly
