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

// A convolution of the inference form. Weights that are laid out beforehand are the fastest on large maps;
// with a stride of 2 or on a few pixels oneDNN may find no fast way for their layout (20 times slower for
// some widths), so there the plain ones serve. On a GPU it is a FoldedConvolution throughout.
class InferenceConvolution {
 public:
  InferenceConvolution() = default;
  InferenceConvolution(const at::Tensor& weight, const at::Tensor& bias, const ConvolutionGeometry& geometry,
                       Activation activation);
  bool defined() const { return weight_.defined() || packed_.defined(); }
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  bool gpu_ = false;
  FoldedConvolution packed_;
  at::Tensor weight_, bias_;
  ConvolutionGeometry geometry_;
  Activation activation_ = Activation::None;
};

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

 private:
  torch::nn::Conv2d conv_{nullptr};
  torch::nn::BatchNorm2d norm_{nullptr};
  InferenceConvolution folded_;
  LabelInput labels_;
  int64_t stride_, padding_, groups_;
  bool relu_;
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
  InferenceConvolution folded_;
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

// Bilinear to the height and width of `like`; align_corners as PyTorch's.
at::Tensor upsample_to(const at::Tensor& x, const at::Tensor& like, bool align_corners);

// Turns a whole network into its inference form: evaluation mode, folded, channels last, no gradients.
void to_inference(torch::nn::Module& network);

}  // namespace anomaly
