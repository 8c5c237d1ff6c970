// SPDX-License-Identifier: LGPL-2.1-or-later
// The layers that the published networks are made of. Parameters carry the published names. A layer begins
// without memory (meta tensors), so that a network of a hundred million parameters costs nothing until it is
// loaded or initialised. It has two forms: the plain one, which autograd can train, and the folded one after
// freeze(), for inference only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "src/networks/folded_convolution.h"
#include "src/networks/tensor_source.h"

namespace anomaly {

class Layer : public torch::nn::Module {
 public:
  // Takes every parameter and buffer of this layer from `source`, as `prefix` + name.
  void load(WeightSource& source, const std::string& prefix);
  // Random parameters, for training from nothing and for tests; at::manual_seed decides them.
  virtual void initialise() = 0;
  // Makes the folded form and lets go of the plain parameters.
  virtual void freeze() = 0;

 protected:
  void declare_parameter(const std::string& name, at::Tensor* member, std::vector<int64_t> shape);
  void declare_buffer(const std::string& name, at::Tensor* member, std::vector<int64_t> shape);
  void set(const std::string& name, const at::Tensor& value);
  void release_parameters();

 private:
  struct Slot {
    std::string name;
    at::Tensor* member;
    std::vector<int64_t> shape;
    bool parameter;
  };
  std::vector<Slot> slots_;
};

// Batch normalisation with stored statistics, epsilon 1e-5; without `affine`, no weight and bias. Not
// followed by a convolution's folding, it becomes one multiply-add per value, with the activation behind it.
class BatchNorm : public Layer {
 public:
  explicit BatchNorm(int64_t channels, Activation activation = Activation::None, bool affine = true);
  at::Tensor forward(const at::Tensor& x);
  void initialise() override;
  void freeze() override;
  bool frozen() const { return scale_.defined(); }
  // {scale, shift} such that the normalisation is x * scale + shift with the stored statistics.
  std::pair<at::Tensor, at::Tensor> scale_shift() const;

 private:
  Activation activation_;
  bool affine_;
  at::Tensor weight_, bias_, running_mean_, running_var_;
  at::Tensor scale_, shift_;  // folded form
};

struct ConvOptions {
  int64_t in = 0, out = 0, kernel = 3;
  int64_t stride = 1, dilation = 1;  // padding keeps the size at stride 1: dilation * (kernel - 1) / 2
  bool bias = true;
  bool spectral = false;    // weight = weight_orig / (u' W v), W reshaped to (out, rest)
  bool transposed = false;  // kernel == stride, no padding
  bool precise = false;     // folded for a GPU: in float32, whatever current_compute()'s type
  bool trunk = false;       // see FoldedConvolution
  bool defers = false;      // folded for a GPU: without the activation, which the output's reader applies
};

// A convolution with what follows it: a batch norm (registered elsewhere under its own name) and an
// activation.
class Conv : public Layer {
 public:
  explicit Conv(const ConvOptions& options, Activation activation = Activation::None);
  void followed_by(std::shared_ptr<BatchNorm> norm) { norm_ = std::move(norm); }
  // In the folded form, forward() returns the outputs of `other` behind its own: two convolutions of one
  // input at once. `other`, registered after this one, keeps its plain form alone.
  void absorb(const std::shared_ptr<Conv>& other);
  at::Tensor forward(const at::Tensor& x);
  const ConvOptions& options() const { return options_; }
  bool frozen() const { return frozen_; }
  bool fp8() const { return folded_.fp8(); }
  // Whether the activation is left to the output's reader (ConvOptions::defers).
  bool deferring() const { return deferring_; }
  void initialise() override;
  void freeze() override;

 protected:
  // Weight and bias that the folded form computes with: spectral norm and batch norm applied, absorbed
  // outputs behind.
  std::pair<at::Tensor, at::Tensor> folded_parameters() const;
  ConvolutionGeometry geometry() const;
  bool frozen_ = false;

 private:
  at::Tensor effective_weight() const;  // spectral norm applied

  ConvOptions options_;
  Activation activation_;
  std::shared_ptr<BatchNorm> norm_;
  std::shared_ptr<Conv> absorbed_;
  bool is_absorbed_ = false, deferring_ = false;
  at::Tensor weight_, weight_u_, weight_v_, bias_;
  FoldedConvolution folded_;
};

// y = x W' + b.
class Linear : public Layer {
 public:
  Linear(int64_t in, int64_t out);
  at::Tensor forward(const at::Tensor& x);
  void initialise() override;
  void freeze() override;

 private:
  int64_t in_, out_;
  at::Tensor weight_, bias_;
};

// Registers `module` beneath `root` under a dotted path ("aspp.features.0.1"), making the containers in
// between.
void register_at(torch::nn::Module& root, const std::string& path, std::shared_ptr<torch::nn::Module> module);

template <typename T, typename... Arguments>
std::shared_ptr<T> add(torch::nn::Module& root, const std::string& path, Arguments&&... arguments) {
  auto module = std::make_shared<T>(std::forward<Arguments>(arguments)...);
  register_at(root, path, module);
  return module;
}

// Convolution at `path`, batch norm at `norm_path`, then the activation.
std::shared_ptr<Conv> add_normalised(torch::nn::Module& root, const std::string& path,
                                     const std::string& norm_path, const ConvOptions& options,
                                     Activation activation);

// Every layer beneath `root`, in the order of registration.
void load_layers(torch::nn::Module& root, WeightSource& source);
void initialise_layers(torch::nn::Module& root);
void freeze_layers(torch::nn::Module& root);  // evaluation mode, no gradients from here on
// How many of the frozen convolutions multiply 8-bit numbers.
int64_t fp8_layers(const torch::nn::Module& root);

}  // namespace anomaly
