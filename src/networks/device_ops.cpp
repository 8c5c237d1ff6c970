// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/device_ops.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "src/networks/channels_last.h"
#include "src/networks/compute.h"

namespace anomaly::device_ops {
namespace {

at::Tensor as_activation(const at::Tensor& x) {
  return channels_last(x.to(current_compute().type));
}

// activation((x * scale + shift) * (1 + gamma) + beta), scale and shift N x C or C; gamma_beta may be
// undefined.
at::Tensor modulated(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                     const at::Tensor& gamma_beta, Activation activation) {
  const Compute& compute = current_compute();
  const at::Tensor in = as_activation(x), scales = scale.contiguous(), shifts = shift.contiguous();
  at::Tensor out = at::empty_like(in);
  AnomalyCudaModulate arguments{};
  arguments.type = cuda_type(compute.type);
  arguments.x = in.const_data_ptr();
  arguments.gamma_beta = gamma_beta.defined() ? gamma_beta.const_data_ptr() : nullptr;
  arguments.scale = scales.const_data_ptr<float>();
  arguments.shift = shifts.const_data_ptr<float>();
  arguments.per_picture = scale.dim() == 2 ? 1 : 0;
  arguments.activation = activation == Activation::SELU ? kAnomalySelu : kAnomalyLeaky;
  arguments.slope = activation == Activation::ReLU        ? 0.0f
                    : activation == Activation::LeakyReLU ? static_cast<float>(kLeakySlope)
                                                          : 1.0f;
  arguments.out = out.mutable_data_ptr();
  arguments.batch = static_cast<int>(in.size(0));
  arguments.pixels = in.size(2) * in.size(3);
  arguments.channels = static_cast<int>(in.size(1));
  compute.check(compute.kernels->modulate(&arguments, compute.stream()), "a norm");
  return out;
}

}  // namespace

at::Tensor scale_shift(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                       Activation activation) {
  return modulated(x, scale, shift, {}, activation);
}

void gate_in_place(at::Tensor& x, const at::Tensor& gate, const GateForm& form) {
  const Compute& compute = current_compute();
  x = as_activation(x);
  const at::Tensor gates = as_activation(gate);
  const at::Tensor residual = form.residual.defined() ? as_activation(form.residual) : at::Tensor();
  AnomalyCudaGate arguments{};
  arguments.type = cuda_type(compute.type);
  arguments.x = arguments.out = x.mutable_data_ptr();
  arguments.gate = gates.const_data_ptr();
  arguments.sigmoid = form.logistic ? 1 : 0;
  arguments.slope = static_cast<float>(kLeakySlope);
  if (form.scale.defined()) {
    arguments.scale = form.scale.const_data_ptr<float>();
    arguments.shift = form.shift.const_data_ptr<float>();
  }
  if (residual.defined()) arguments.residual = residual.const_data_ptr();
  arguments.pixels = x.size(0) * x.size(2) * x.size(3);
  arguments.channels = static_cast<int>(x.size(1));
  compute.check(compute.kernels->gate(&arguments, compute.stream()), "a gate");
}

std::pair<at::Tensor, at::Tensor> instance_scale_shift(const at::Tensor& x) {
  const Compute& compute = current_compute();
  const at::Tensor in = as_activation(x);
  const int64_t pixels = in.size(2) * in.size(3), strips = (pixels + kAnomalyStrip - 1) / kAnomalyStrip;
  at::Tensor workspace = at::empty({in.size(0), strips, 2, in.size(1)}, compute.floats().dtype(at::kDouble));
  at::Tensor scale = at::empty({in.size(0), in.size(1)}, compute.floats()), shift = at::empty_like(scale);
  AnomalyCudaInstanceNorm arguments{};
  arguments.type = cuda_type(compute.type);
  arguments.x = in.const_data_ptr();
  arguments.batch = static_cast<int>(in.size(0));
  arguments.pixels = pixels;
  arguments.channels = static_cast<int>(in.size(1));
  arguments.epsilon = 1e-5;
  arguments.workspace = workspace.mutable_data_ptr<double>();
  arguments.scale = scale.mutable_data_ptr<float>();
  arguments.shift = shift.mutable_data_ptr<float>();
  compute.check(compute.kernels->instance_norm(&arguments, compute.stream()), "an instance norm");
  return {scale, shift};
}

at::Tensor modulate(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                    const at::Tensor& gamma_beta, Activation activation) {
  return modulated(x, scale, shift, as_activation(gamma_beta), activation);
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
  const Compute& compute = current_compute();
  const at::Tensor one = as_activation(a), other = as_activation(b);
  at::Tensor out = at::empty({one.size(0), 1, one.size(2), one.size(3)},
                             compute.options().memory_format(at::MemoryFormat::ChannelsLast));
  compute.check(
      compute.kernels->correlation(cuda_type(compute.type), one.const_data_ptr(), other.const_data_ptr(),
                                   static_cast<int>(one.size(0)), static_cast<int>(one.size(2)),
                                   static_cast<int>(one.size(3)), static_cast<int>(one.size(1)), mean ? 1 : 0,
                                   out.mutable_data_ptr(), compute.stream()),
      "a correlation");
  return out;
}

}  // namespace anomaly::device_ops
