// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/spade.h"

#include <ATen/ops/instance_norm.h>

#include "src/networks/fused_ops.h"

namespace anomaly {

Spade::Spade(const Options& o) : activation_(o.activation) {
  if (!o.batch_norm.empty()) norm_ = add<BatchNorm>(*this, o.batch_norm, o.channels, Activation::None, false);
  shared_ = add<Conv>(*this, o.shared, ConvOptions{.in = o.map_channels, .out = o.hidden}, Activation::ReLU);
  gamma_ = add<Conv>(*this, o.gamma, ConvOptions{.in = o.hidden, .out = o.channels});
  beta_ = add<Conv>(*this, o.beta, ConvOptions{.in = o.hidden, .out = o.channels});
  gamma_->absorb(beta_);
}

at::Tensor Spade::forward(const at::Tensor& x, const at::Tensor& map) {
  const at::Tensor hidden = shared_->forward(map);
  if (gamma_->frozen()) {
    at::Tensor scale, shift;
    if (norm_) {
      std::tie(scale, shift) = norm_->scale_shift();
      scale = scale.expand({x.size(0), -1}).contiguous();
      shift = shift.expand({x.size(0), -1}).contiguous();
    } else {
      std::tie(scale, shift) = instance_scale_shift(x);
    }
    return modulate(x, scale, shift, gamma_->forward(hidden), activation_);
  }
  const at::Tensor normalised =
      norm_ ? norm_->forward(x) : at::instance_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5, true);
  return activate(normalised * (1 + gamma_->forward(hidden)) + beta_->forward(hidden), activation_);
}

}  // namespace anomaly
