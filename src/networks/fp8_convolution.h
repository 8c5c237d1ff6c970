// SPDX-License-Identifier: LGPL-2.1-or-later
// A convolution for inference whose products are of 8-bit floating point (float8_e4m3fn), summed in float32:
// a matrix product of patches and weights. Weights have a scale for each output channel, patches (what one
// output pixel sees) one each, so that no picture's result depends on another's.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "src/networks/folded_convolution.h"

namespace anomaly {

class Fp8Convolution {
 public:
  // Throws Error(BadSettings) where current_compute()'s device is a GPU that LibTorch has no such product
  // for: it has them for a list of architectures.
  static void require_products();
  // Whether a convolution can be computed so: 1x1 or 3x3, of one group, input and output channels in
  // multiples of 16 (cuBLASLt's rule).
  static bool fits(const at::Tensor& weight, const ConvolutionGeometry& geometry);

  // weight: out x in x k x k that fits, bias: out (may be undefined), float32 on the CPU. Kept where
  // current_compute() says.
  Fp8Convolution(const at::Tensor& weight, const at::Tensor& bias, const ConvolutionGeometry& geometry);

  // x: N x in x H x W, of float32, float16 or bfloat16. N x out x H' x W', channels last, bfloat16: rounded
  // once, bias included. On a CPU, the emulated device too, the products are float32's, which hold those of
  // two 8-bit numbers exactly: the result is a GPU's but for the order of the sums.
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  ConvolutionGeometry geometry_;
  int64_t out_, kernel_;
  at::Tensor
      weight_;  // k * k * in x out, column major: float8_e4m3fn on a GPU, its values as float32 on a CPU
  at::Tensor scale_;  // 1 x out
  at::Tensor bias_;   // out, bfloat16
};

}  // namespace anomaly
