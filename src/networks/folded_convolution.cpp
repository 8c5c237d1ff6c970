// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/folded_convolution.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/Context.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/cudnn_convolution_relu.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/mkldnn_reorder_conv2d_weight.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/selu.h>
#include <ATen/ops/sigmoid.h>

#include "src/networks/compute.h"
#include "src/networks/fp8_convolution.h"

namespace anomaly {
namespace {

using Scalars = c10::List<std::optional<at::Scalar>>;
using FusedSignature = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                                  at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t,
                                  std::string_view, Scalars, std::optional<std::string_view>);
using FusedOperator = c10::TypedOperatorHandle<FusedSignature>;

// oneDNN's convolution with its weights laid out beforehand and the activation on the way out. The operator
// has no function of its own in LibTorch's headers and is absent from builds without oneDNN: then the plain
// convolution serves.
const std::optional<FusedOperator>& fused_operator() {
  static const std::optional<FusedOperator> found = []() -> std::optional<FusedOperator> {
    const auto handle = c10::Dispatcher::singleton().findSchema({"mkldnn::_convolution_pointwise", ""});
    if (!handle || !at::Context::hasMKLDNN()) return std::nullopt;
    try {
      return handle->typed<FusedSignature>();
    } catch (const c10::Error&) {
      return std::nullopt;  // another LibTorch with another signature
    }
  }();
  return found;
}

struct Fused {
  std::string_view name = "none";
  bool complete = true;  // nothing is left to do after the convolution
};

Fused fused_name(Activation activation) {
  switch (activation) {
    case Activation::None:
      return {};
    case Activation::ReLU:
      return {"relu"};
    case Activation::LeakyReLU:
      return {"leaky_relu"};
    case Activation::Sigmoid:
      return {"sigmoid"};
    case Activation::SELU:
      break;
  }
  return {"none", false};
}

at::Tensor& activate_in_place(at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::None:
      return x;
    case Activation::ReLU:
      return at::relu_(x);
    case Activation::LeakyReLU:
      return at::leaky_relu_(x, kLeakySlope);
    case Activation::Sigmoid:
      return at::sigmoid_(x);
    case Activation::SELU:
      return at::selu_(x);
  }
  return x;
}

}  // namespace

// One layer's weights as oneDNN wants them, which depends on the input's size: weights laid out for another
// one are laid out anew at every call, which can take longer than the convolution.
class PackedWeights {
 public:
  PackedWeights(const at::Tensor& weight, const ConvolutionGeometry& geometry)
      : geometry_(geometry), most_(weight.numel() > kMuch ? 2 : kMostSizes) {
    packed_.emplace_back(std::vector<int64_t>(), weight.contiguous().to_mkldnn());
  }

  // Any thread.
  at::Tensor of(at::IntArrayRef input) {
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(packed_.begin(), packed_.end(),
                                    [&](const auto& packed) { return input == packed.first; });
    if (known != packed_.end()) {
      std::rotate(known, known + 1, packed_.end());
    } else {
      std::pair packed{input.vec(), pack(packed_.back().second.to_dense().to_mkldnn(), input)};
      if (packed_.size() < most_ && !packed_.front().first.empty())
        packed_.push_back(std::move(packed));
      else
        *std::rotate(packed_.begin(), packed_.begin() + 1, packed_.end()) = std::move(packed);
    }
    return packed_.back().second;
  }

 private:
  static constexpr int64_t kMuch = 1 << 20;  // weights, of which two layouts are kept
  static constexpr size_t kMostSizes = 4;

  at::Tensor pack(const at::Tensor& weight, at::IntArrayRef input) const {
    const auto& g = geometry_;
    return at::mkldnn_reorder_conv2d_weight(weight, {g.padding, g.padding}, {g.stride, g.stride},
                                            {g.dilation, g.dilation}, g.groups, input);
  }

  const ConvolutionGeometry geometry_;
  const size_t most_;
  std::mutex mutex_;
  // The size each is for (none: in no layout yet), the one used last at the end.
  std::vector<std::pair<std::vector<int64_t>, at::Tensor>> packed_;
};

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::None:
      return x;
    case Activation::ReLU:
      return at::relu(x);
    case Activation::LeakyReLU:
      return at::leaky_relu(x, kLeakySlope);
    case Activation::Sigmoid:
      return at::sigmoid(x);
    case Activation::SELU:
      return at::selu(x);
  }
  return x;
}

FoldedConvolution::FoldedConvolution(const at::Tensor& weight, const at::Tensor& bias,
                                     const ConvolutionGeometry& geometry, Activation activation, bool trunk)
    : geometry_(geometry), activation_(activation), bias_(bias.defined() ? bias.clone() : bias) {
  const auto& g = geometry_;
  const Compute& compute = current_compute();
  if (trunk && compute.fp8_trunk && Fp8Convolution::fits(weight, geometry)) {
    fp8_ = std::make_shared<const Fp8Convolution>(weight, bias, geometry);
    type_ = compute.type;
    bias_ = at::Tensor();
  } else if (compute.gpu()) {
    gpu_ = true;
    weight_ = weight.to(compute.device, compute.type).clone(at::MemoryFormat::ChannelsLast);
    if (bias_.defined()) bias_ = bias_.to(compute.device, compute.type);
    cudnn_ = compute.device.is_cuda() && activation == Activation::ReLU && bias_.defined() && g.groups == 1 &&
             at::globalContext().hasCuDNN();
  } else if (fused_operator()) {
    packed_ = std::make_shared<PackedWeights>(weight, geometry);
  } else {
    weight_ = weight.clone(at::MemoryFormat::ChannelsLast);
  }
}

at::Tensor FoldedConvolution::operator()(const at::Tensor& x) const {
  const auto& g = geometry_;
  if (fp8_) {
    at::Tensor y = (*fp8_)(x);
    return activate_in_place(y, activation_).to(type_);
  }
  const at::Tensor input =
      (gpu_ ? x.to(weight_.scalar_type()) : x).contiguous(at::MemoryFormat::ChannelsLast);
  if (cudnn_)
    return at::cudnn_convolution_relu(input, weight_, bias_, {g.stride, g.stride}, {g.padding, g.padding},
                                      {g.dilation, g.dilation}, g.groups);
  if (!packed_) {
    at::Tensor y = at::conv2d(input, weight_, bias_, {g.stride, g.stride}, {g.padding, g.padding},
                              {g.dilation, g.dilation}, g.groups);
    return activate_in_place(y, activation_);
  }
  const Fused fused = fused_name(activation_);
  Scalars scalars;
  if (activation_ == Activation::LeakyReLU) scalars.push_back(at::Scalar(kLeakySlope));
  at::Tensor y = fused_operator()->call(
      input, packed_->of(input.sizes()), bias_.defined() ? std::optional<at::Tensor>(bias_) : std::nullopt,
      {g.padding, g.padding}, {g.stride, g.stride}, {g.dilation, g.dilation}, g.groups, fused.name, scalars,
      std::nullopt);
  return fused.complete ? y : activate_in_place(y, activation_);
}

}  // namespace anomaly
