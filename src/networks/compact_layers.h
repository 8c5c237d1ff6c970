// SPDX-License-Identifier: LGPL-2.1-or-later
// What the compact networks are made of. Each layer has a plain form (convolution and batch norm apart, for
// training) and, after fold(), an inference form (one convolution); both run through the same forward().
#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>

#include "src/networks/folded_convolution.h"
#include "src/networks/label_convolution.h"

namespace anomaly {

// Convolution without bias ("same" padding, an odd kernel), batch norm, and ReLU where `relu`.
// Keys: conv.weight, norm.{weight,bias,running_mean,running_var}.
class ConvNormImpl : public torch::nn::Module {
 public:
  ConvNormImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, bool relu = true,
               int64_t groups = 1);
  at::Tensor forward(const at::Tensor& x);
  // For a 3x3 layer whose input is the one-hot map of labels, before fold(): `edges` as LabelInput's.
  void reads_labels(bool edges);
  // Of the labels, N x h x w uint8.
  at::Tensor forward_labels(const at::Tensor& ids);
  // Merges the batch norm's running statistics into the convolution; training is over for this layer.
  void fold();
  bool folded() const { return folded_.defined(); }
  // Before fold(): see FoldedConvolution's `trunk`.
  void of_trunk() { trunk_ = true; }
  bool fp8() const { return folded_.fp8(); }

 private:
  torch::nn::Conv2d conv_{nullptr};
  torch::nn::BatchNorm2d norm_{nullptr};
  FoldedConvolution folded_;
  LabelInput labels_;
  int64_t stride_, padding_, groups_;
  bool relu_, trunk_ = false;
};
TORCH_MODULE(ConvNorm);

// Convolution with bias ("same" padding) and an activation after it. Keys: weight, bias.
class ConvActImpl : public torch::nn::Conv2dImpl {
 public:
  ConvActImpl(int64_t in, int64_t out, int64_t kernel, Activation activation = Activation::None);
  at::Tensor forward(const at::Tensor& x);
  // As ConvNorm's.
  void reads_labels(bool edges);
  at::Tensor forward_labels(const at::Tensor& ids);
  void fold();
  bool folded() const { return folded_.defined(); }

 private:
  FoldedConvolution folded_;
  LabelInput labels_;
  Activation activation_;
};
TORCH_MODULE(ConvAct);

// Two 3x3 convolutions and an identity shortcut (1x1 where width or stride change), ReLU after the sum.
class ResidualBlockImpl : public torch::nn::Module {
 public:
  ResidualBlockImpl(int64_t in, int64_t out, int64_t stride);
  at::Tensor forward(const at::Tensor& x);

 private:
  ConvNorm first_{nullptr}, second_{nullptr}, shortcut_{nullptr};
};
TORCH_MODULE(ResidualBlock);

// Widened by a 1x1 convolution to `hidden` channels, a depthwise convolution there, narrowed again without a
// ReLU; an identity shortcut where width and size stay (the inverted residual of MobileNetV2).
class InvertedResidualImpl : public torch::nn::Module {
 public:
  InvertedResidualImpl(int64_t in, int64_t out, int64_t hidden, int64_t kernel, int64_t stride);
  at::Tensor forward(const at::Tensor& x);

 private:
  ConvNorm widen_{nullptr}, depth_{nullptr}, narrow_{nullptr};
  bool shortcut_;
};
TORCH_MODULE(InvertedResidual);

// `count` blocks, the first of which strides by 2.
torch::nn::ModuleList residual_stage(int64_t in, int64_t out, int64_t count);
// The same of inverted residuals, `expansion` * `out` channels wide inside.
torch::nn::ModuleList inverted_stage(int64_t in, int64_t out, int64_t count, int64_t expansion,
                                     int64_t kernel);
// Runs a stage of either kind.
at::Tensor run_stage(const torch::nn::ModuleList& stage, at::Tensor x);

// Marks every ConvNorm of a part of the segmentation as its trunk's.
void mark_trunk(torch::nn::Module& part);
// How many of the folded ConvNorms multiply 8-bit numbers.
int64_t fp8_conv_norms(const torch::nn::Module& network);

// Bilinear to the height and width of `like`; align_corners as PyTorch's.
at::Tensor upsample_to(const at::Tensor& x, const at::Tensor& like, bool align_corners);

// Turns a whole network into its inference form: evaluation mode, folded, channels last, no gradients.
void to_inference(torch::nn::Module& network);

}  // namespace anomaly
