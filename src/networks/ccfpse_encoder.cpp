// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/ccfpse_encoder.h"

#include <ATen/ops/instance_norm.h>
#include <ATen/ops/upsample_bilinear2d.h>

namespace anomaly {

CcFpseEncoder::CcFpseEncoder(const CcFpseEncoderOptions& options) : options_(options) {
  constexpr std::array<int64_t, 6> kWidths = {1, 2, 4, 8, 8, 8};
  int64_t in = 3;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const int64_t out = kWidths[i] * options.features;
    layers_[i] = add<Conv>(*this, "layer" + std::to_string(i + 1) + ".0",
                           ConvOptions{.in = in, .out = out, .stride = 2, .bias = false, .spectral = true});
    in = out;
  }
  const int64_t side = options.size / 64;
  fc_mu_ = add<Linear>(*this, "fc_mu", in * side * side, options.latent);
  fc_var_ = add<Linear>(*this, "fc_var", in * side * side, options.latent);
}

std::pair<at::Tensor, at::Tensor> CcFpseEncoder::encode(const at::Tensor& image) {
  at::Tensor x = image;
  if (x.size(2) != options_.size || x.size(3) != options_.size)
    x = at::upsample_bilinear2d(x, {options_.size, options_.size}, false);
  for (const auto& layer : layers_)
    x = activate(at::instance_norm(layer->forward(x), {}, {}, {}, {}, true, 0.1, 1e-5, true),
                 Activation::LeakyReLU);
  x = x.contiguous().flatten(1);
  return {fc_mu_->forward(x), fc_var_->forward(x)};
}

}  // namespace anomaly
