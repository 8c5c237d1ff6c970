// SPDX-License-Identifier: LGPL-2.1-or-later
// A convolution ready for inference: weights laid out once for the library's kernels, bias and activation in
// the same pass where the library can.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

namespace anomaly {

enum class Activation { None, ReLU, LeakyReLU, Sigmoid, SELU };

inline constexpr double kLeakySlope = 0.2;  // of CC-FPSE

// The activation as plain LibTorch computes it; autograd follows.
at::Tensor activate(const at::Tensor& x, Activation activation);

struct ConvolutionGeometry {
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
};

class PackedWeights;
class Fp8Convolution;

class FoldedConvolution {
 public:
  FoldedConvolution() = default;
  // weight: out x in / groups x kh x kw, bias: out (may be undefined), float32 on the CPU; copies are kept,
  // where and as current_compute() says. trunk: of the segmentation's trunk, so with products of 8-bit
  // numbers where current_compute() has Compute::fp8_trunk and the convolution fits (Fp8Convolution::fits()).
  FoldedConvolution(const at::Tensor& weight, const at::Tensor& bias, const ConvolutionGeometry& geometry,
                    Activation activation, bool trunk = false);
  bool defined() const { return weight_.defined() || packed_ || fp8(); }
  bool fp8() const { return fp8_ != nullptr; }
  // x: N x in x H x W, channels last. Returns channels last.
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  ConvolutionGeometry geometry_;
  Activation activation_ = Activation::None;
  std::shared_ptr<const Fp8Convolution> fp8_;  // null: weight_
  at::Tensor weight_, bias_;
  std::shared_ptr<PackedWeights> packed_;  // weights in oneDNN's own layouts; weight_ is undefined then
  at::ScalarType type_ = at::kFloat;       // of the result, where fp8_
  bool gpu_ = false;                       // weight_ is plain, on a GPU
  bool cudnn_ = false;                     // convolution, bias and ReLU are one call of cuDNN
};

}  // namespace anomaly
