// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/ccfpse_block.h"

#include <algorithm>

#include <ATen/ops/sigmoid.h>

#include "src/networks/fused_ops.h"

namespace anomaly {

CcFpseBlock::CcFpseBlock(int64_t in, int64_t out, int64_t map_channels, int64_t hidden, int64_t pixels) {
  const int64_t middle = std::min(in, out);
  const auto gate = [&](const std::string& name, int64_t channels, std::shared_ptr<Conv>& first,
                        std::shared_ptr<Conv>& second) {
    first = add<Conv>(*this, name + ".0", ConvOptions{.in = map_channels, .out = hidden}, Activation::ReLU);
    second = add<Conv>(*this, name + ".2", ConvOptions{.in = hidden, .out = channels, .defers = true},
                       Activation::Sigmoid);
  };
  depthwise1_ = add<PredictedDepthwise>(*this, "gen_weights1", map_channels, hidden, in, pixels);
  depthwise2_ = add<PredictedDepthwise>(*this, "gen_weights2", map_channels, hidden, middle, pixels);
  gate("gen_se_weights1", middle, gate1_hidden_, gate1_);
  gate("gen_se_weights2", out, gate2_hidden_, gate2_);
  norm_1_ = add<BatchNorm>(*this, "norm_1", in);
  conv_1_ = add<Conv>(*this, "conv_1", ConvOptions{.in = in, .out = middle, .kernel = 1});
  norm_2_ = add<BatchNorm>(*this, "norm_2", middle);
  conv_3_ = add<Conv>(*this, "conv_3", ConvOptions{.in = middle, .out = out, .kernel = 1});
  if (in == out) return;
  conv_s_ = add<Conv>(*this, "conv_s",
                      ConvOptions{.in = in, .out = out, .kernel = 1, .bias = false, .spectral = true});
  Spade::Options spade;
  spade.channels = in;
  spade.map_channels = map_channels;
  spade.hidden = hidden;
  spade.batch_norm = "param_free_norm";
  spade.shared = "mlp_shared.0";
  spade.gamma = "mlp_gamma";
  spade.beta = "mlp_beta";
  norm_s_ = add<Spade>(*this, "norm_s", spade);
}

at::Tensor CcFpseBlock::gated(at::Tensor x, Conv& gate, const at::Tensor& features, BatchNorm* norm,
                              const at::Tensor& shortcut) {
  const at::Tensor gates = gate.forward(features);
  if (x.requires_grad() || !gate.frozen()) {
    at::Tensor y = activate(x * (gate.deferring() ? at::sigmoid(gates) : gates), Activation::LeakyReLU);
    if (norm) y = norm->forward(y);
    return shortcut.defined() ? y + shortcut : y;
  }
  GateForm form;
  form.logistic = gate.deferring();
  if (norm) std::tie(form.scale, form.shift) = norm->scale_shift();
  form.residual = shortcut;
  gate_in_place(x, gates, form);
  return x;
}

at::Tensor CcFpseBlock::forward(const at::Tensor& x, const at::Tensor& map) {
  at::Tensor y = depthwise1_->forward(norm_1_->forward(x), map);
  y = gated(conv_1_->forward(y), *gate1_, gate1_hidden_->forward(map), norm_2_.get(), {});
  y = depthwise2_->forward(y, map);
  const at::Tensor shortcut = conv_s_ ? conv_s_->forward(norm_s_->forward(x, map)) : x;
  return gated(conv_3_->forward(y), *gate2_, gate2_hidden_->forward(map), nullptr, shortcut);
}

}  // namespace anomaly
