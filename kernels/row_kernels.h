// SPDX-License-Identifier: LGPL-2.1-or-later
// The loops over one row that ingest spends its time in, written so that compilers vectorise them. Each
// computes what pixel_math.h says, on 16-bit samples.
#pragma once

#include <cstdint>

#include "kernels/pixel_format.h"
#include "kernels/pixel_math.h"

namespace anomaly::row {

// Samples 0..count-1 of a component's row.
void unpack(const PixelComponent& c, const uint8_t* row, int count, int16_t* out);

// Three components of one byte each, `pixel_stride` (3 or 4) bytes apart, at bytes 0, 1, 2 of `row`.
void unpack_triples(const uint8_t* row, int pixel_stride, int count, int16_t* first, int16_t* second,
                    int16_t* third);

// Samples of `depth` bits to 8 bits, in place.
void to_8_bits(int depth, int count, int16_t* samples);

// `in`: (width + 1) / 2 samples -> `out`: width samples.
void upsample(const int16_t* in, int width, ChromaWeights weights, int16_t* out);

// out = chroma_centred(near, far); may be in place.
void blend_rows(const int16_t* near, const int16_t* far, int count, int16_t* out);

// Y', Cb, Cr samples -> R', G', B'.
void to_rgb(const YuvToRgb& m, const int16_t* y, const int16_t* cb, const int16_t* cr, int count, int16_t* r,
            int16_t* g, int16_t* b);

// Planar -> R G B bytes.
void interleave(const int16_t* r, const int16_t* g, const int16_t* b, int count, uint8_t* out);

// The highest value of each row of a map, rows x width; -infinity where a row holds nothing but NaN.
void maxima(const float* map, int width, int rows, float* out);

}  // namespace anomaly::row
