// SPDX-License-Identifier: LGPL-2.1-or-later
// What stands between the convolutions, on a GPU: the same as fused_ops.h, one_hot.h and
// pixelwise_depthwise_op.h, which call these where current_compute() is a GPU. Activations are of its type,
// scales and shifts float32; arithmetic is in float32, results are of the activations' type and channels
// last.
#pragma once

#include <utility>

#include <ATen/core/Tensor.h>

#include "src/networks/fused_ops.h"

namespace anomaly::device_ops {

// scale, shift: C.
at::Tensor scale_shift(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                       Activation activation);
// One pass, whatever the form has.
void gate_in_place(at::Tensor& x, const at::Tensor& gate, const GateForm& form);
std::pair<at::Tensor, at::Tensor> instance_scale_shift(const at::Tensor& x);
// scale, shift: N x C.
at::Tensor modulate(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                    const at::Tensor& gamma_beta, Activation activation);
// ids: N x h x w uint8. N x channels x height x width: one-hot of `count` ids, with `edges` the edge plane
// behind them, nearest (floor(i * scale)) at that size; further channels are not written.
at::Tensor one_hot(const at::Tensor& ids, int64_t count, bool edges, int64_t channels, int64_t height,
                   int64_t width);
// weights: N x 9C x H x W, channel tap * C + c.
at::Tensor pixelwise_depthwise(const at::Tensor& input, const at::Tensor& weights);
// The sum over channels of a * b, N x 1 x H x W, or its mean. A half cannot hold every such sum: beyond its
// range it is the largest number that it holds.
at::Tensor correlation(const at::Tensor& a, const at::Tensor& b, bool mean);

}  // namespace anomaly::device_ops
