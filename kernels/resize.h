// SPDX-License-Identifier: LGPL-2.1-or-later
// Pillow's resampling, on 8-bit RGB and on float planes. Sizes outside 1..32768: std::invalid_argument.
#pragma once

#include <cstdint>

namespace anomaly {

// Bicubic, antialiased where it shrinks; see ingest.h. `in`: in_height x in_width x 3, `out`: out_height x
// out_width x 3.
void resize_bicubic_rgb8(const uint8_t* in, int in_width, int in_height, uint8_t* out, int out_width,
                         int out_height);

// The same filter on one float plane (Pillow's mode "F": both passes in double, stored as float, no
// clipping).
void resize_bicubic_f32(const float* in, int in_width, int in_height, float* out, int out_width,
                        int out_height);

// Nearest at pixel centres, source index floor((i + 0.5) * in / out): labels and 8-bit RGB.
void resize_nearest_u8(const uint8_t* in, int in_width, int in_height, int channels, uint8_t* out,
                       int out_width, int out_height);

}  // namespace anomaly
