// SPDX-License-Identifier: LGPL-2.1-or-later
// A convolution's input as the rows of a matrix product in 8-bit floating point.
#pragma once

#include <cstdint>

#include "kernels/patch_geometry.h"

namespace anomaly {

// peaks[p] = the largest |x| of pixel p's channels; what is no number counts as 0. x: pixels x channels.
void channel_peaks(const float* x, int64_t pixels, int channels, float* peaks);

// Patches first..first + rows - 1 of x (batch x height x width x channels), each divided by a scale of its
// own and rounded to float8_e4m3fn; beyond the picture they are 0.
//   scales[i] = fp8_scale(the largest of `peaks` under the patch)
//   out[i, (ky * kernel + kx) * channels + c] = fp8_of(x under the tap * (1 / scales[i]))
// peaks: channel_peaks() of x. out: rows x geometry.row_length(). kernel: 1 or 3.
void fp8_patches(const float* x, const float* peaks, const PatchGeometry& geometry, int64_t first,
                 int64_t rows, uint8_t* out, float* scales);

}  // namespace anomaly
