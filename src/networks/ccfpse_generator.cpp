// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/ccfpse_generator.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "src/networks/compute.h"
#include "src/networks/device_ops.h"
#include "src/networks/one_hot.h"

namespace anomaly {
namespace {

at::Tensor doubled(const at::Tensor& x) {
  return at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
}

}  // namespace

CcFpseGenerator::CcFpseGenerator(const CcFpseOptions& options) : options_(options) {
  const auto& o = options_;
  const int64_t map_channels = o.labels + 1, f = o.features, side = int64_t{1} << (kLevels - 1);
  fc_ = add<Linear>(*this, "fc", o.latent, 16 * f * (o.height / side) * (o.width / side));
  const auto layer = [&](const std::string& name, int64_t in, int64_t kernel, int64_t stride) {
    const ConvOptions conv{
        .in = in, .out = o.pyramid, .kernel = kernel, .stride = stride, .bias = false, .spectral = true};
    return add_normalised(*this, name + ".0.0", name + ".0.1", conv, Activation::LeakyReLU);
  };
  for (int64_t i = 0; i < kLevels; ++i)
    encoder_[i] =
        layer("labelenc" + std::to_string(i + 1), i == 0 ? map_channels : o.pyramid, 3, i == 0 ? 1 : 2);
  for (int64_t i = 0; i + 1 < kLevels; ++i)
    lateral_[i] = layer("labellat" + std::to_string(i + 1), o.pyramid, 1, 1);
  for (int64_t i = 0; i + 1 < kLevels; ++i)
    decoder_[i] = layer("labeldec" + std::to_string(i + 1), o.pyramid, 3, 1);

  constexpr std::array<const char*, kLevels> kNames = {"head_0", "G_middle_0", "G_middle_1", "up_0",
                                                       "up_1",   "up_2",       "up_3"};
  constexpr std::array<int64_t, kLevels + 1> kWidths = {16, 16, 16, 16, 8, 4, 2, 1};
  for (int64_t i = 0; i < kLevels; ++i) {
    const int64_t scale = side >> i, pixels = (o.height / scale) * (o.width / scale);
    blocks_[i] = add<CcFpseBlock>(*this, kNames[i], kWidths[i] * f, kWidths[i + 1] * f,
                                  map_channels + o.pyramid, o.hidden, pixels);
  }
  conv_img_ = add<Conv>(*this, "conv_img", ConvOptions{.in = f, .out = 3});
}

std::array<at::Tensor, CcFpseGenerator::kLevels> CcFpseGenerator::pyramid(const at::Tensor& map) {
  std::array<at::Tensor, kLevels> up, out;
  up[0] = encoder_[0]->forward(map);
  for (int64_t i = 1; i < kLevels; ++i) up[i] = encoder_[i]->forward(up[i - 1]);
  out[0] = std::move(up[kLevels - 1]);
  for (int64_t i = 1; i < kLevels; ++i) {
    const at::Tensor lateral = lateral_[i - 1]->forward(std::exchange(up[kLevels - 1 - i], at::Tensor()));
    out[i] = decoder_[i - 1]->forward(doubled(out[i - 1]) + lateral);
  }
  return out;
}

at::Tensor CcFpseGenerator::block_input(const at::Tensor& labels, const at::Tensor& map,
                                        const at::Tensor& features) const {
  const int64_t h = features.size(2), w = features.size(3), own = map.size(1);
  if (!current_compute().gpu()) return at::cat({at::upsample_nearest2d(map, {h, w}), features}, 1);
  at::Tensor out = device_ops::one_hot(labels, options_.labels, true, own + features.size(1), h, w);
  out.narrow(1, own, features.size(1)).copy_(features);
  return out;
}

at::Tensor CcFpseGenerator::synthesise(const at::Tensor& labels, const at::Tensor& z) {
  const int64_t side = int64_t{1} << (kLevels - 1);
  const at::Tensor map = one_hot_with_edges(labels, options_.labels);
  auto features = pyramid(map);
  at::Tensor x = fc_->forward(z)
                     .view({-1, 16 * options_.features, options_.height / side, options_.width / side})
                     .contiguous(at::MemoryFormat::ChannelsLast);
  for (int64_t i = 0; i < kLevels; ++i) {
    if (i > 0) x = doubled(x);
    x = blocks_[i]->forward(x, block_input(labels, map, std::exchange(features[i], at::Tensor())));
  }
  return at::tanh(conv_img_->forward(activate(x, Activation::LeakyReLU)));
}

}  // namespace anomaly
