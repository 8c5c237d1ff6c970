// SPDX-License-Identifier: LGPL-2.1-or-later
// Ingest: any supported frame -> 8-bit RGB at the network's input size.
#pragma once

#include <cstdint>

#include "kernels/frame_view.h"

namespace anomaly {

// Converts `frame` to R'G'B' (full range) and resizes it as Pillow's Image.resize(BICUBIC) does for 8-bit
// pictures: a = -0.5, support 2 * max(scale, 1), weights normalised at the borders and held in fixed point;
// the horizontal pass is rounded and clipped to 8 bits before the vertical one, and a pass that changes no
// size is left out. Equal bit for bit on RGB input to Pillow up to 12 (Pillow 13 starts with the vertical
// pass where that is cheaper). The conversion stays within 2 of 255 of GStreamer's videoconvert for every
// format, matrix, range and chroma site; see pixel_math.h. `out`: height x width x 3, row-major, R G B.
// Sizes 1..32768. Frames of any size, odd ones included. Never holds more of the frame than the rows that one
// output row is made of. Throws std::invalid_argument naming what is wrong with the view (null plane, size
// out of range, rows that overlap).
void ingest_rgb8(const FrameView& frame, uint8_t* out, int out_width, int out_height);

// The frame as R'G'B' at its own size (`out`: height x width x 3).
void frame_to_rgb8(const FrameView& frame, uint8_t* out);

}  // namespace anomaly
