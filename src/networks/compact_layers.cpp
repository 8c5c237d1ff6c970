// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/compact_layers.h"

#include <ATen/ops/rsqrt.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include "src/networks/compute.h"

namespace anomaly {

ConvNormImpl::ConvNormImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride, bool relu, int64_t groups)
    : stride_(stride), padding_(kernel / 2), groups_(groups), relu_(relu) {
  conv_ = register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel)
                                                        .stride(stride)
                                                        .padding(padding_)
                                                        .groups(groups)
                                                        .bias(false)));
  norm_ = register_module("norm", torch::nn::BatchNorm2d(out));
}

at::Tensor ConvNormImpl::forward(const at::Tensor& x) {
  if (folded_.defined()) return folded_(x);
  at::Tensor y = norm_(conv_(x));
  return relu_ ? y.relu_() : y;
}

void ConvNormImpl::reads_labels(bool edges) {
  labels_ = LabelInput(conv_->options.in_channels(), edges);
}

at::Tensor ConvNormImpl::forward_labels(const at::Tensor& ids) {
  return labels_.folded().defined() ? labels_.folded()(ids) : forward(labels_.one_hot_map(ids));
}

void ConvNormImpl::fold() {
  if (folded()) return;
  const at::NoGradGuard no_grad;
  const at::Tensor scale = norm_->weight * at::rsqrt(norm_->running_var + norm_->options.eps());
  const at::Tensor weight = conv_->weight * scale.view({-1, 1, 1, 1});
  const at::Tensor bias = norm_->bias - norm_->running_mean * scale;
  const Activation activation = relu_ ? Activation::ReLU : Activation::None;
  folded_ = FoldedConvolution(weight, bias, {stride_, padding_, 1, groups_}, activation, trunk_);
  labels_.fold(weight, bias, stride_, activation);
  unregister_module("conv");
  unregister_module("norm");
  conv_ = nullptr;
  norm_ = nullptr;
}

ConvActImpl::ConvActImpl(int64_t in, int64_t out, int64_t kernel, Activation activation)
    : Conv2dImpl(torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2)), activation_(activation) {}

at::Tensor ConvActImpl::forward(const at::Tensor& x) {
  return folded_.defined() ? folded_(x) : activate(Conv2dImpl::forward(x), activation_);
}

void ConvActImpl::reads_labels(bool edges) {
  labels_ = LabelInput(options.in_channels(), edges);
}

at::Tensor ConvActImpl::forward_labels(const at::Tensor& ids) {
  return labels_.folded().defined() ? labels_.folded()(ids) : forward(labels_.one_hot_map(ids));
}

void ConvActImpl::fold() {
  const int64_t padding = weight.size(2) / 2;
  folded_ = FoldedConvolution(weight.detach(), bias.detach(), {1, padding, 1}, activation_);
  labels_.fold(weight.detach(), bias.detach(), 1, activation_);
}

ResidualBlockImpl::ResidualBlockImpl(int64_t in, int64_t out, int64_t stride) {
  first_ = register_module("first", ConvNorm(in, out, 3, stride));
  second_ = register_module("second", ConvNorm(out, out, 3, 1, false));
  if (in != out || stride != 1) shortcut_ = register_module("shortcut", ConvNorm(in, out, 1, stride, false));
}

at::Tensor ResidualBlockImpl::forward(const at::Tensor& x) {
  at::Tensor y = second_(first_(x));
  y += shortcut_ ? shortcut_(x) : x;
  return y.relu_();
}

torch::nn::ModuleList residual_stage(int64_t in, int64_t out, int64_t count) {
  torch::nn::ModuleList stage;
  for (int64_t i = 0; i < count; ++i) stage->push_back(ResidualBlock(i == 0 ? in : out, out, i == 0 ? 2 : 1));
  return stage;
}

InvertedResidualImpl::InvertedResidualImpl(int64_t in, int64_t out, int64_t hidden, int64_t kernel,
                                           int64_t stride)
    : shortcut_(in == out && stride == 1) {
  widen_ = register_module("widen", ConvNorm(in, hidden, 1));
  depth_ = register_module("depth", ConvNorm(hidden, hidden, kernel, stride, true, hidden));
  narrow_ = register_module("narrow", ConvNorm(hidden, out, 1, 1, false));
}

at::Tensor InvertedResidualImpl::forward(const at::Tensor& x) {
  at::Tensor y = narrow_(depth_(widen_(x)));
  return shortcut_ ? y += x : y;
}

torch::nn::ModuleList inverted_stage(int64_t in, int64_t out, int64_t count, int64_t expansion,
                                     int64_t kernel) {
  torch::nn::ModuleList stage;
  for (int64_t i = 0; i < count; ++i)
    stage->push_back(InvertedResidual(i == 0 ? in : out, out, expansion * out, kernel, i == 0 ? 2 : 1));
  return stage;
}

at::Tensor run_stage(const torch::nn::ModuleList& stage, at::Tensor x) {
  for (const auto& block : *stage)
    if (auto* residual = block->as<ResidualBlock>())
      x = residual->forward(x);
    else
      x = block->as<InvertedResidual>()->forward(x);
  return x;
}

void mark_trunk(torch::nn::Module& part) {
  for (const auto& module : part.modules())
    if (auto* normed = module->as<ConvNormImpl>()) normed->of_trunk();
}

int64_t fp8_conv_norms(const torch::nn::Module& network) {
  int64_t count = 0;
  for (const auto& item : network.named_modules("", false))
    if (const auto* normed = item.value()->as<ConvNormImpl>()) count += normed->fp8();
  return count;
}

at::Tensor upsample_to(const at::Tensor& x, const at::Tensor& like, bool align_corners) {
  return at::upsample_bilinear2d(x, like.sizes().slice(2), align_corners);
}

void to_inference(torch::nn::Module& network) {
  const at::NoGradGuard no_grad;
  network.eval();
  for (const auto& module : network.modules())
    if (auto* normed = module->as<ConvNormImpl>())
      normed->fold();
    else if (auto* plain = dynamic_cast<ConvActImpl*>(module.get()))
      plain->fold();
  const Compute& compute = current_compute();
  for (at::Tensor& parameter : network.parameters()) {
    parameter.set_requires_grad(false);
    if (compute.gpu()) parameter.set_data(parameter.to(compute.device, compute.type));
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
  }
}

}  // namespace anomaly
