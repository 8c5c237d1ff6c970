// SPDX-License-Identifier: LGPL-2.1-or-later
// Perceptual difference: mean over channels of |a - b| per level, upsampled bicubic (a = -0.75) and summed
// with weights.
#pragma once

namespace anomaly {

// a, b: channels-last feature maps, height x width x channels. out: height x width, mean over channels of |a
// - b|
// (`sum` instead of the mean where the paper's formula is asked for).
void channel_difference(const float* a, const float* b, int height, int width, int channels, bool sum,
                        float* out);

// out[y, x] += weight * in upsampled by LibTorch's bicubic (a = -0.75, align_corners = false, no antialias).
void accumulate_upsampled_bicubic(const float* in, int in_width, int in_height, float weight, float* out,
                                  int out_width, int out_height);

}  // namespace anomaly
