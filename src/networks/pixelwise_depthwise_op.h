// SPDX-License-Identifier: LGPL-2.1-or-later
// kernels/pixelwise_depthwise.h on tensors, for autograd too.
#pragma once

#include <ATen/core/Tensor.h>

namespace anomaly {

// input: N x C x H x W; weights: N x 9C x H x W with channel tap * C + c, tap = ky * 3 + kx. float32, on the
// CPU; without gradients also what current_compute() says. Returns N x C x H x W, channels last: every pixel
// and channel convolved with its own 3x3 kernel, zero padded.
at::Tensor pixelwise_depthwise(const at::Tensor& input, const at::Tensor& weights);

// The channel order of published kernel predictions, c * 9 + tap, turned into the order above.
at::Tensor taps_outermost(const at::Tensor& weights);

}  // namespace anomaly
