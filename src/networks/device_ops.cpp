// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/device_ops.h"

#include <algorithm>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/var_mean.h>
#include <ATen/ops/zeros.h>

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
  at::Tensor y = at::leaky_relu(x.to(at::kFloat) * gate.to(at::kFloat), kLeakySlope);
  if (scale.defined()) y = at::addcmul(beside(shift), y, beside(scale));
  x = as_activation(y);
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

at::Tensor one_hot(const at::Tensor& ids, int64_t count, int64_t channels) {
  const Compute& compute = current_compute();
  at::Tensor out = at::zeros({ids.size(0), ids.size(1), ids.size(2), channels}, compute.options());
  // An id beyond `count` writes a zero.
  out.scatter_(3, at::clamp_max(ids.to(at::kLong), channels - 1).unsqueeze(3),
               (ids < count).to(compute.type).unsqueeze(3));
  return out.permute({0, 3, 1, 2});
}

at::Tensor pixelwise_depthwise(const at::Tensor& input, const at::Tensor& weights) {
  const Compute& compute = current_compute();
  const at::Tensor in = channels_last(input), kernels = channels_last(weights);
  const int64_t channels = in.size(1), height = in.size(2), width = in.size(3);
  if (in.scalar_type() == at::kFloat) {
    at::Tensor out = at::empty_like(in);
    compute.check(compute.kernels->pixelwise_depthwise(
                      in.const_data_ptr<float>(), kernels.const_data_ptr<float>(),
                      out.mutable_data_ptr<float>(), static_cast<int>(in.size(0)), static_cast<int>(height),
                      static_cast<int>(width), static_cast<int>(channels), compute.stream()),
                  "the per-pixel convolution");
    return out;
  }
  at::Tensor sum = at::zeros(in.sizes(), compute.floats().memory_format(at::MemoryFormat::ChannelsLast));
  for (int64_t tap = 0; tap < 9; ++tap) {
    const int64_t dy = tap / 3 - 1, dx = tap % 3 - 1;
    const int64_t y = std::max<int64_t>(0, -dy), x = std::max<int64_t>(0, -dx);  // first pixel with a neighbour
    const int64_t rows = height - std::abs(dy), columns = width - std::abs(dx);
    if (rows <= 0 || columns <= 0) continue;
    const auto part = [&](const at::Tensor& t, int64_t from_y, int64_t from_x) {
      return t.narrow(2, from_y, rows).narrow(3, from_x, columns);
    };
    part(sum, y, x).addcmul_(part(in, y + dy, x + dx).to(at::kFloat),
                             part(kernels.narrow(1, tap * channels, channels), y, x).to(at::kFloat));
  }
  return as_activation(sum);
}

at::Tensor correlation(const at::Tensor& a, const at::Tensor& b, bool mean) {
  const at::Tensor product = a.to(at::kFloat) * b.to(at::kFloat);
  at::Tensor out = mean ? product.mean(1, true) : product.sum(1, true);
  if (current_compute().type == at::kHalf) out = at::clamp_max(out, std::numeric_limits<at::Half>::max());
  return out.to(current_compute().type);
}

}  // namespace anomaly::device_ops
