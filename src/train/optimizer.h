// SPDX-License-Identifier: LGPL-2.1-or-later
// Adam with decoupled weight decay (Loshchilov and Hutter, 2019), and a moving average of the weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace torch::nn {
class Module;  // its header takes 10 s to read
}

namespace anomaly::train {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, weight_decay = 0, epsilon = 1e-8;
};

class Adam {
 public:
  Adam(std::vector<at::Tensor> parameters, const AdamOptions& options);
  void step(double learning_rate);  // uses and then clears the gradients
  // First and second moments and the step count, to save and to load into.
  NamedTensors state() const;

 private:
  AdamOptions options_;
  std::vector<at::Tensor> parameters_, first_, second_, steps_;
};

// Keeps shadow = decay * shadow + (1 - decay) * weights, over parameters and batch-norm statistics.
class WeightAverage {
 public:
  WeightAverage(const torch::nn::Module& network, double decay);
  void update(int64_t step);  // early steps decay faster, so that the start is forgotten
  const NamedTensors& tensors() const { return shadow_; }

 private:
  double decay_;
  std::vector<at::Tensor> live_;
  NamedTensors shadow_;
};

// Parameters and buffers under their keys, without the counters that no network needs at run time.
NamedTensors named_tensors(const torch::nn::Module& network);
// Copies by name; every tensor of `to` must be found in `from`. Throws std::invalid_argument naming the
// tensor.
void copy_tensors(const NamedTensors& from, const NamedTensors& to);

}  // namespace anomaly::train
