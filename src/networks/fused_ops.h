// SPDX-License-Identifier: LGPL-2.1-or-later
// What stands between the convolutions, each in one pass over memory. For inference: no gradients, channels
// last (made so where it is not); on the CPU float32. On a GPU see device_ops.h.
#pragma once

#include <ATen/core/Tensor.h>

#include "src/networks/folded_convolution.h"

namespace anomaly {

// activation(x * scale + shift), scale and shift per channel. Activation None, ReLU or LeakyReLU.
at::Tensor scale_shift(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                       Activation activation);

// What a gate multiplies with, and what follows it.
struct GateForm {
  bool logistic = false;              // the logistic function of `gate`, not `gate` itself
  at::Tensor scale = {}, shift = {};  // per channel; undefined: none
  at::Tensor residual = {};           // of x's shape, added last; undefined: none
};

// x = LeakyReLU(x * gate) * scale + shift + residual, each part where it is there. x is overwritten.
void gate_in_place(at::Tensor& x, const at::Tensor& gate, const GateForm& form);

// {scale, shift} per image and channel (N x C) of an instance norm without affine part, epsilon 1e-5: its
// mean and its biased variance, summed in double.
std::pair<at::Tensor, at::Tensor> instance_scale_shift(const at::Tensor& x);

// SPADE's modulation: activation(n * (1 + gamma) + beta), n = x * scale + shift with scale and shift N x C.
// gamma_beta: N x 2C x H x W, gamma first. Activation None or SELU.
at::Tensor modulate(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                    const at::Tensor& gamma_beta, Activation activation);

}  // namespace anomaly
