// SPDX-License-Identifier: LGPL-2.1-or-later
// Uncertainty maps from segmentation logits. Formulas: Di Biase et al., CVPR 2021, section 3.2, in the form
// of the authors' estimator (default) and of the paper.
#pragma once

#include <cstdint>

namespace anomaly {

// Reads logits at decoder resolution and writes maps at full size: bilinear upsampling (align_corners:
// true as published, false for half-pixel centres), softmax, arg max, entropy and distance in one pass,
// without ever holding the full-size logits. `logits`: channels-last, in_height x in_width x classes, classes
// <= 64. in == out size: no interpolation. `labels` (uint8 train ids), `entropy` (nats), `distance` (1 - max
// p + second max p): out_height x out_width; any may be null. bounds: {min entropy, max entropy, min
// distance, max distance} over the frame; may be null.
void uncertainty_maps(const float* logits, int classes, int in_width, int in_height, int out_width,
                      int out_height, uint8_t* labels, float* entropy, float* distance, float bounds[4],
                      bool align_corners = true);

}  // namespace anomaly
