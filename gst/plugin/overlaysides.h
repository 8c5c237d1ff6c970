// SPDX-License-Identifier: LGPL-2.1-or-later
// The side by side mode of anomalyoverlay: caps twice as wide, and the frame twice in it.
#pragma once

#include <gst/video/video.h>

#include "kernels/frame_view.h"

namespace anomaly {

// `caps` with every width doubled, or, if `halve`, halved: what lies on the other side of the element. Odd
// widths have another side only in formats whose pixels do not share chroma. Transfer full; may be empty.
GstCaps* side_by_side_caps(GstCaps* caps, bool halve);

// The right half of `out`, twice as wide as `in` and of its format and height. Throws std::invalid_argument
// where `out` is anything else.
MutableFrameView right_half(const FrameView& in, const MutableFrameView& out);

// Copies `in` into both halves of `out`, both in host memory. Throws like right_half().
void copy_to_both_sides(const FrameView& in, const MutableFrameView& out);

}  // namespace anomaly
