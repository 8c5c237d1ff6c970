// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/optimizer.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <map>
#include <stdexcept>

namespace anomaly::train {

Adam::Adam(std::vector<at::Tensor> parameters, const AdamOptions& options)
    : options_(options), parameters_(std::move(parameters)) {
  for (const at::Tensor& parameter : parameters_) {
    first_.push_back(at::zeros_like(parameter));
    second_.push_back(at::zeros_like(parameter));
    steps_.push_back(at::zeros({}, parameter.options().dtype(at::kFloat).requires_grad(false)));
  }
}

void Adam::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> parameters, gradients, first, second, steps;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].grad().defined()) continue;
    parameters.push_back(parameters_[i]);
    gradients.push_back(parameters_[i].grad());
    first.push_back(first_[i]);
    second.push_back(second_[i]);
    steps.push_back(steps_[i].add_(1));
  }
  at::_fused_adamw_(parameters, gradients, first, second, {}, steps, learning_rate, options_.beta1,
                    options_.beta2, options_.weight_decay, options_.epsilon, false, false);
  for (const at::Tensor& parameter : parameters) parameter.mutable_grad().reset();
}

NamedTensors Adam::state() const {
  NamedTensors tensors;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const std::string number = std::to_string(i);
    tensors.emplace_back("adam.first." + number, first_[i]);
    tensors.emplace_back("adam.second." + number, second_[i]);
    tensors.emplace_back("adam.step." + number, steps_[i]);
  }
  return tensors;
}

NamedTensors named_tensors(const torch::nn::Module& network) {
  NamedTensors tensors;
  for (const auto& item : network.named_parameters()) tensors.emplace_back(item.key(), item.value());
  for (const auto& item : network.named_buffers())
    if (item.value().is_floating_point()) tensors.emplace_back(item.key(), item.value());
  return tensors;
}

void copy_tensors(const NamedTensors& from, const NamedTensors& to) {
  const at::NoGradGuard no_grad;
  std::map<std::string, at::Tensor> found(from.begin(), from.end());
  for (const auto& [name, tensor] : to) {
    const auto source = found.find(name);
    if (source == found.end()) throw std::invalid_argument("tensor \"" + name + "\" is missing");
    if (source->second.sizes() != tensor.sizes())
      throw std::invalid_argument("tensor \"" + name + "\" has another shape");
    tensor.copy_(source->second);
  }
}

WeightAverage::WeightAverage(const torch::nn::Module& network, double decay) : decay_(decay) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : named_tensors(network)) {
    live_.push_back(tensor);
    shadow_.emplace_back(name, tensor.detach().clone());
  }
}

void WeightAverage::update(int64_t step) {
  const at::NoGradGuard no_grad;
  const double count = static_cast<double>(step);
  const double decay = std::min(decay_, (1 + count) / (10 + count));
  for (size_t i = 0; i < live_.size(); ++i) shadow_[i].second.lerp_(live_[i], 1 - decay);
}

}  // namespace anomaly::train
