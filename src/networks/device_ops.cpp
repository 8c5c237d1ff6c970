// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/device_ops.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/var_mean.h>

#include "src/networks/channels_last.h"
#include "src/networks/compute.h"

namespace anomaly::device_ops {
namespace {

// N x C (or C) beside N x C x H x W.
at::Tensor beside(const at::Tensor& per_channel) {
  return per_channel.to(at::kFloat).view({-1, per_channel.size(-1), 1, 1});
}

at::Tensor as_activation(const at::Tensor& x) {
  return channels_last(x.to(current_compute().type));
}

}  // namespace

at::Tensor scale_shift(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                       Activation activation) {
  return as_activation(
      activate(at::addcmul(beside(shift), x.to(at::kFloat), beside(scale)), activation));
}

void gate_in_place(at::Tensor& x, const at::Tensor& gate, const at::Tensor& scale, const at::Tensor& shift) {
  const Compute& compute = current_compute();
  x = as_activation(x);
  const at::Tensor gates = as_activation(gate);
  AnomalyCudaGate arguments{};
  arguments.type = cuda_type(compute.type);
  arguments.x = arguments.out = x.mutable_data_ptr();
  arguments.gate = gates.const_data_ptr();
  arguments.slope = static_cast<float>(kLeakySlope);
  if (scale.defined()) {
    arguments.scale = scale.const_data_ptr<float>();
    arguments.shift = shift.const_data_ptr<float>();
  }
  arguments.pixels = x.size(0) * x.size(2) * x.size(3);
  arguments.channels = static_cast<int>(x.size(1));
  compute.check(compute.kernels->gate(&arguments, compute.stream()), "a gate");
}

std::pair<at::Tensor, at::Tensor> instance_scale_shift(const at::Tensor& x) {
  constexpr double kEpsilon = 1e-5;
  const auto [variance, mean] = at::var_mean(x.to(at::kFloat), at::IntArrayRef{2, 3}, false);
  const at::Tensor scale = at::rsqrt(variance + kEpsilon);
  return {scale, -mean * scale};
}

at::Tensor modulate(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                    const at::Tensor& gamma_beta, Activation activation) {
  const int64_t channels = x.size(1);
  const at::Tensor normalised = at::addcmul(beside(shift), x.to(at::kFloat), beside(scale));
  const at::Tensor gamma = gamma_beta.narrow(1, 0, channels).to(at::kFloat),
                   beta = gamma_beta.narrow(1, channels, channels).to(at::kFloat);
  return as_activation(activate(normalised * (gamma + 1) + beta, activation));
}

at::Tensor one_hot(const at::Tensor& ids, int64_t count, bool edges, int64_t channels, int64_t height,
                   int64_t width) {
  const Compute& compute = current_compute();
  const at::Tensor from = ids.contiguous();
  at::Tensor out = at::empty({from.size(0), channels, height, width},
                             compute.options().memory_format(at::MemoryFormat::ChannelsLast));
  AnomalyCudaOneHot arguments{};
  arguments.ids = from.const_data_ptr<uint8_t>();
  arguments.batch = static_cast<int>(from.size(0));
  arguments.in_width = static_cast<int>(from.size(2));
  arguments.in_height = static_cast<int>(from.size(1));
  arguments.out_width = static_cast<int>(width);
  arguments.out_height = static_cast<int>(height);
  arguments.classes = static_cast<int>(count);
  arguments.edges = edges ? 1 : 0;
  arguments.type = cuda_type(compute.type);
  arguments.out = out.mutable_data_ptr();
  arguments.pitch = static_cast<int>(channels);
  compute.check(compute.kernels->one_hot(&arguments, compute.stream()), "a one-hot map");
  return out;
}

at::Tensor pixelwise_depthwise(const at::Tensor& input, const at::Tensor& weights) {
  const Compute& compute = current_compute();
  const at::Tensor in = as_activation(input), kernels = as_activation(weights);
  at::Tensor out = at::empty_like(in);
  AnomalyCudaDepthwise arguments{};
  arguments.type = cuda_type(compute.type);
  arguments.input = in.const_data_ptr();
  arguments.weights = kernels.const_data_ptr();
  arguments.output = out.mutable_data_ptr();
  arguments.input_pitch = arguments.output_pitch = in.size(1);
  arguments.batch = static_cast<int>(in.size(0));
  arguments.height = static_cast<int>(in.size(2));
  arguments.width = static_cast<int>(in.size(3));
  arguments.channels = static_cast<int>(in.size(1));
  compute.check(compute.kernels->pixelwise_depthwise(&arguments, compute.stream()),
                "the per-pixel convolution");
  return out;
}

at::Tensor correlation(const at::Tensor& a, const at::Tensor& b, bool mean) {
  const at::Tensor product = a.to(at::kFloat) * b.to(at::kFloat);
  at::Tensor out = mean ? product.mean(1, true) : product.sum(1, true);
  if (current_compute().type == at::kHalf) out = at::clamp_max(out, std::numeric_limits<at::Half>::max());
  return out.to(current_compute().type);
}

}  // namespace anomaly::device_ops
