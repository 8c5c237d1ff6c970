// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/discriminator.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/relu.h>

#include "src/framework/steps.h"
#include "src/networks/compact_generator.h"

namespace anomaly::train {

namespace {

constexpr size_t kScales = 2, kLayers = 3;

torch::nn::Conv2d layer(int64_t in, int64_t out, int64_t stride) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 4).stride(stride).padding(2));
}

}  // namespace

DiscriminatorImpl::DiscriminatorImpl(int64_t width) {
  torch::nn::ModuleList scales;
  for (size_t scale = 0; scale < kScales; ++scale) {
    torch::nn::ModuleList layers;
    int64_t in = 3 + kLabelIds + 1, out = width;
    for (size_t i = 0; i < kLayers; ++i, in = out, out *= 2) layers->push_back(layer(in, out, 2));
    layers->push_back(layer(in, 1, 1));
    scales->push_back(layers);
  }
  scales_ = register_module("scales", scales);
}

std::vector<PatchAnswers> DiscriminatorImpl::forward(const at::Tensor& pictures, const at::Tensor& labels) {
  at::Tensor seen = at::cat({pictures, label_planes(labels)}, 1).contiguous(at::MemoryFormat::ChannelsLast);
  std::vector<PatchAnswers> answers;
  for (const auto& scale : *scales_) {
    PatchAnswers patch;
    at::Tensor x = seen;
    for (const auto& module : *scale->as<torch::nn::ModuleListImpl>()) {
      const bool verdict = patch.size() == kLayers;
      x = module->as<torch::nn::Conv2dImpl>()->forward(x);
      if (!verdict) x = at::leaky_relu(x, 0.2);
      patch.push_back(x);
    }
    answers.push_back(std::move(patch));
    seen = at::avg_pool2d(seen, 2);
  }
  return answers;
}

at::Tensor discriminator_loss(const std::vector<PatchAnswers>& real,
                              const std::vector<PatchAnswers>& painted) {
  at::Tensor loss;
  for (size_t scale = 0; scale < real.size(); ++scale) {
    const at::Tensor one =
        at::relu(1 - real[scale].back()).mean() + at::relu(1 + painted[scale].back()).mean();
    loss = loss.defined() ? loss + one : one;
  }
  return loss / static_cast<double>(real.size());
}

at::Tensor adversarial_loss(const std::vector<PatchAnswers>& painted) {
  at::Tensor loss;
  for (const PatchAnswers& patch : painted) {
    const at::Tensor one = -patch.back().mean();
    loss = loss.defined() ? loss + one : one;
  }
  return loss / static_cast<double>(painted.size());
}

at::Tensor matching_loss(const std::vector<PatchAnswers>& real, const std::vector<PatchAnswers>& painted) {
  at::Tensor loss;
  int64_t count = 0;
  for (size_t scale = 0; scale < real.size(); ++scale)
    for (size_t i = 0; i + 1 < real[scale].size(); ++i, ++count) {
      const at::Tensor one = (real[scale][i].detach() - painted[scale][i]).abs().mean();
      loss = loss.defined() ? loss + one : one;
    }
  return loss / static_cast<double>(count);
}

}  // namespace anomaly::train
