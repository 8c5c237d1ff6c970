// SPDX-License-Identifier: LGPL-2.1-or-later
// Per-pixel depthwise 3x3 convolution of CC-FPSE (Liu et al., NeurIPS 2019): every pixel and channel has a
// kernel of its own.
#pragma once

#include <cstdint>

namespace anomaly {

// All tensors channels-last (N, H, W, C), float32.
// input: batch x height x width x channels; zero padded by one pixel.
// weights: batch x height x width x 9 x channels: tap ky * 3 + kx outermost, so that a tap is one contiguous
// row of channels
//          (checkpoints hold c * 9 + tap: the loader permutes the predicting convolution's outputs once).
// out[y, x, c] = sum over ky, kx of weights[y, x, ky * 3 + kx, c] * input[y + ky - 1, x + kx - 1, c]
void pixelwise_depthwise(const float* input, const float* weights, float* output, int batch, int height,
                         int width, int channels);

// Gradients of the above; grad_input and grad_weights are overwritten; either may be null.
void pixelwise_depthwise_backward(const float* grad_output, const float* input, const float* weights,
                                  float* grad_input, float* grad_weights, int batch, int height, int width,
                                  int channels);

}  // namespace anomaly
