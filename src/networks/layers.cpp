// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/layers.h"

#include <cmath>

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/zeros.h>

#include "src/networks/compute.h"
#include "src/networks/fused_ops.h"

namespace anomaly {
namespace {

constexpr double kEpsilon = 1e-5, kMomentum = 0.1;

at::Tensor unit_vector(int64_t size) {
  const at::Tensor v = at::randn({size});
  return v / v.norm();
}

}  // namespace

void Layer::declare_parameter(const std::string& name, at::Tensor* member, std::vector<int64_t> shape) {
  *member = register_parameter(name, at::empty(shape, at::device(at::kMeta).dtype(at::kFloat)));
  slots_.push_back({name, member, std::move(shape), true});
}

void Layer::declare_buffer(const std::string& name, at::Tensor* member, std::vector<int64_t> shape) {
  *member = register_buffer(name, at::zeros(shape));  // small: statistics and singular vectors
  slots_.push_back({name, member, std::move(shape), false});
}

void Layer::set(const std::string& name, const at::Tensor& value) {
  for (Slot& slot : slots_) {
    if (slot.name != name) continue;
    if (slot.parameter) {
      *slot.member = value.detach().requires_grad_(true);
      parameters_[name] = *slot.member;
    } else {
      slot.member->copy_(value);
    }
  }
}

void Layer::load(WeightSource& source, const std::string& prefix) {
  const at::NoGradGuard no_grad;
  for (const Slot& slot : slots_) set(slot.name, source.take(prefix + slot.name, slot.shape));
}

void Layer::release_parameters() {
  for (Slot& slot : slots_) {
    if (!slot.parameter) continue;
    *slot.member = at::Tensor();
    parameters_.erase(slot.name);
  }
}

BatchNorm::BatchNorm(int64_t channels, Activation activation, bool affine)
    : activation_(activation), affine_(affine) {
  if (affine_) {
    declare_parameter("weight", &weight_, {channels});
    declare_parameter("bias", &bias_, {channels});
  }
  declare_buffer("running_mean", &running_mean_, {channels});
  declare_buffer("running_var", &running_var_, {channels});
}

at::Tensor BatchNorm::forward(const at::Tensor& x) {
  if (scale_.defined()) return anomaly::scale_shift(x, scale_, shift_, activation_);
  return activate(at::batch_norm(x, weight_, bias_, running_mean_, running_var_, is_training(), kMomentum,
                                 kEpsilon, true),
                  activation_);
}

void BatchNorm::initialise() {
  const int64_t channels = running_mean_.size(0);
  if (affine_) {
    set("weight", at::ones({channels}));
    set("bias", at::zeros({channels}));
  }
  set("running_mean", at::zeros({channels}));
  set("running_var", at::ones({channels}));
}

std::pair<at::Tensor, at::Tensor> BatchNorm::scale_shift() const {
  if (scale_.defined()) return {scale_, shift_};
  at::Tensor scale = at::rsqrt(running_var_.to(at::kDouble) + kEpsilon);
  if (affine_) scale = scale * weight_.to(at::kDouble);
  at::Tensor shift = -running_mean_.to(at::kDouble) * scale;
  if (affine_) shift = shift + bias_.to(at::kDouble);
  return {scale.to(at::kFloat), shift.to(at::kFloat)};
}

void BatchNorm::freeze() {
  if (scale_.defined()) return;
  std::tie(scale_, shift_) = scale_shift();
  const Compute& compute = current_compute();
  if (compute.gpu()) scale_ = scale_.to(compute.device), shift_ = shift_.to(compute.device);
  release_parameters();
}

Conv::Conv(const ConvOptions& options, Activation activation) : options_(options), activation_(activation) {
  const int64_t k = options.kernel, rest = options.in * k * k;
  if (options.transposed) {
    declare_parameter("weight", &weight_, {options.in, options.out, k, k});
  } else {
    declare_parameter(options.spectral ? "weight_orig" : "weight", &weight_, {options.out, options.in, k, k});
  }
  if (options.spectral) {
    declare_buffer("weight_u", &weight_u_, {options.out});
    declare_buffer("weight_v", &weight_v_, {rest});
  }
  if (options.bias) declare_parameter("bias", &bias_, {options.out});
}

at::Tensor Conv::effective_weight() const {
  if (!options_.spectral) return weight_;
  const at::Tensor sigma = at::dot(weight_u_, at::mv(weight_.reshape({options_.out, -1}), weight_v_));
  return weight_ / sigma;
}

at::Tensor Conv::forward(const at::Tensor& x) {
  const auto& o = options_;
  if (folded_.defined()) {
    const at::Tensor y = folded_(x);
    if (!o.transposed) return y;
    // N x (k * k * out) x H x W -> N x out x kH x kW
    const int64_t n = y.size(0), h = y.size(2), w = y.size(3), k = o.kernel;
    return y.permute({0, 2, 3, 1})
        .reshape({n, h, w, k, k, o.out})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape({n, h * k, w * k, o.out})
        .permute({0, 3, 1, 2});
  }
  if (o.transposed) return activate(at::conv_transpose2d(x, weight_, bias_, o.kernel), activation_);
  const int64_t padding = geometry().padding;
  const at::Tensor y = at::conv2d(x, effective_weight(), bias_, {o.stride, o.stride}, {padding, padding},
                                  {o.dilation, o.dilation});
  return activate(norm_ ? norm_->forward(y) : y, activation_);
}

void Conv::initialise() {
  const auto& o = options_;
  const double fan_in = static_cast<double>(o.in * o.kernel * o.kernel);
  set(o.spectral ? "weight_orig" : "weight", at::randn(weight_.sizes()) * std::sqrt(2.0 / fan_in));
  if (o.spectral) {
    // A few power iterations: u and v are those of the weight, as a trained checkpoint's are.
    const at::NoGradGuard no_grad;
    const at::Tensor w = weight_.reshape({o.out, -1});
    at::Tensor u = unit_vector(o.out), v;
    for (int i = 0; i < 10; ++i) {
      v = at::mv(w.t(), u);
      v = v / v.norm();
      u = at::mv(w, v);
      u = u / u.norm();
    }
    set("weight_u", u);
    set("weight_v", v);
  }
  if (o.bias) set("bias", at::zeros({o.out}));
}

void Conv::absorb(const std::shared_ptr<Conv>& other) {
  absorbed_ = other;
  other->is_absorbed_ = true;
}

ConvolutionGeometry Conv::geometry() const {
  const auto& o = options_;
  return {o.stride, o.dilation * (o.kernel - 1) / 2, o.dilation};
}

std::pair<at::Tensor, at::Tensor> Conv::folded_parameters() const {
  at::Tensor weight = effective_weight().detach();
  at::Tensor bias = bias_.defined() ? bias_.detach() : at::Tensor();
  if (norm_) {
    const auto [scale, shift] = norm_->scale_shift();
    weight = weight * scale.view({-1, 1, 1, 1});
    bias = bias.defined() ? bias * scale + shift : shift;
  }
  if (absorbed_) {
    const auto [other_weight, other_bias] = absorbed_->folded_parameters();
    weight = at::cat({weight, other_weight}, 0);
    if (bias.defined()) bias = at::cat({bias, other_bias}, 0);
  }
  return {weight, bias};
}

void Conv::freeze() {
  if (frozen_) return;
  frozen_ = true;
  if (!is_absorbed_) {
    auto [weight, bias] = folded_parameters();
    ConvolutionGeometry where = geometry();
    if (options_.transposed) {
      // Kernels that do not overlap: a 1x1 convolution to the k * k positions of each output block.
      const int64_t blocks = options_.kernel * options_.kernel;
      weight = weight.permute({2, 3, 1, 0}).reshape({blocks * options_.out, options_.in, 1, 1});
      if (bias.defined()) bias = bias.repeat({blocks});
      where = {};
    }
    Compute compute = current_compute();
    if (options_.precise) compute.type = at::kFloat;
    const ComputeScope scope(compute);
    deferring_ = options_.defers && compute.gpu();
    folded_ =
        FoldedConvolution(weight, bias, where, deferring_ ? Activation::None : activation_, options_.trunk);
  }
  norm_.reset();
  absorbed_.reset();
  release_parameters();
}

Linear::Linear(int64_t in, int64_t out) : in_(in), out_(out) {
  declare_parameter("weight", &weight_, {out, in});
  declare_parameter("bias", &bias_, {out});
}

at::Tensor Linear::forward(const at::Tensor& x) {
  return at::linear(x, weight_, bias_);
}

void Linear::initialise() {
  set("weight", at::randn({out_, in_}) * std::sqrt(1.0 / static_cast<double>(in_)));
  set("bias", at::zeros({out_}));
}

void Linear::freeze() {
  weight_.requires_grad_(false);
  bias_.requires_grad_(false);
  const Compute& compute = current_compute();
  if (!compute.gpu()) return;
  const at::Tensor weight = weight_.to(compute.device, compute.type),
                   bias = bias_.to(compute.device, compute.type);
  release_parameters();
  weight_ = weight;
  bias_ = bias;
}

void register_at(torch::nn::Module& root, const std::string& path,
                 std::shared_ptr<torch::nn::Module> module) {
  torch::nn::Module* parent = &root;
  size_t begin = 0;
  for (size_t dot; (dot = path.find('.', begin)) != std::string::npos; begin = dot + 1) {
    const std::string name = path.substr(begin, dot - begin);
    const auto children = parent->named_children();
    const auto* found = children.find(name);
    parent =
        found ? found->get() : parent->register_module(name, std::make_shared<torch::nn::Module>(name)).get();
  }
  parent->register_module(path.substr(begin), std::move(module));
}

std::shared_ptr<Conv> add_normalised(torch::nn::Module& root, const std::string& path,
                                     const std::string& norm_path, const ConvOptions& options,
                                     Activation activation) {
  auto conv = add<Conv>(root, path, options, activation);
  conv->followed_by(add<BatchNorm>(root, norm_path, options.out));
  return conv;
}

void load_layers(torch::nn::Module& root, WeightSource& source) {
  for (const auto& item : root.named_modules("", false))
    if (auto* layer = dynamic_cast<Layer*>(item.value().get())) layer->load(source, item.key() + ".");
}

void initialise_layers(torch::nn::Module& root) {
  for (const auto& module : root.modules(false))
    if (auto* layer = dynamic_cast<Layer*>(module.get())) layer->initialise();
}

void freeze_layers(torch::nn::Module& root) {
  const at::NoGradGuard no_grad;
  root.eval();
  // Convolutions first: they read the norms that they fold.
  for (const auto& module : root.modules(false))
    if (auto* conv = dynamic_cast<Conv*>(module.get())) conv->freeze();
  for (const auto& module : root.modules(false))
    if (auto* layer = dynamic_cast<Layer*>(module.get())) layer->freeze();
}

int64_t fp8_layers(const torch::nn::Module& root) {
  int64_t count = 0;
  for (const auto& item : root.named_modules("", false))
    if (const auto* conv = dynamic_cast<const Conv*>(item.value().get())) count += conv->fp8();
  return count;
}

}  // namespace anomaly
