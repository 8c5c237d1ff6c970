// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/compact_generator.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/pixel_shuffle.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "src/networks/compact_architecture.h"
#include "src/networks/compute.h"
#include "src/networks/fused_ops.h"
#include "src/networks/one_hot.h"

namespace anomaly {

namespace {

template <size_t N>
Json list_of(const std::array<int64_t, N>& values) {
  Json list = Json::array();
  for (const int64_t value : values) list.push(value);
  return list;
}

template <size_t N>
void read_widths(const ArchitectureReader& reader, std::array<int64_t, N>& widths) {
  const auto values = reader.integers("widths", N, 1, 512);
  std::copy(values.begin(), values.end(), widths.begin());
}

}  // namespace

Json CompactEncoderOptions::to_json() const {
  return Json::object({{"type", "compact-encoder"}, {"widths", list_of(widths)}, {"latent", latent}});
}

CompactEncoderOptions CompactEncoderOptions::from_json(const Json& json, const std::string& file,
                                                       const std::string& network) {
  const ArchitectureReader reader(file, network, json, "compact-encoder");
  CompactEncoderOptions options;
  read_widths(reader, options.widths);
  options.latent = reader.integer("latent", 1, 1024);
  return options;
}

CompactEncoderImpl::CompactEncoderImpl(const CompactEncoderOptions& options) {
  torch::nn::ModuleList layers;
  int64_t in = 3;
  for (const int64_t width : options.widths) {
    layers->push_back(ConvNorm(in, width, 3, 2));
    in = width;
  }
  layers_ = register_module("layers", layers);
  mean_ = register_module("mean", torch::nn::Linear(in, options.latent));
  log_variance_ = register_module("log_variance", torch::nn::Linear(in, options.latent));
}

std::pair<at::Tensor, at::Tensor> CompactEncoderImpl::forward(const at::Tensor& image) {
  at::Tensor x = image;
  for (const auto& layer : *layers_) x = layer->as<ConvNorm>()->forward(x);
  x = x.mean({2, 3});
  return {mean_(x), log_variance_(x).clamp(-10, 10)};
}

Json CompactGeneratorOptions::to_json() const {
  return Json::object({{"type", "compact-generator"}, {"widths", list_of(widths)}, {"latent", latent}});
}

CompactGeneratorOptions CompactGeneratorOptions::from_json(const Json& json, const std::string& file,
                                                           const std::string& network) {
  const ArchitectureReader reader(file, network, json, "compact-generator");
  CompactGeneratorOptions options;
  read_widths(reader, options.widths);
  options.latent = reader.integer("latent", 1, 1024);
  return options;
}

LatentBlockImpl::LatentBlockImpl(int64_t in, int64_t out, int64_t latent) {
  layer_ = register_module("layer", ConvNorm(in, out, 3, 1, false));
  style_ = register_module("style", torch::nn::Linear(latent, 2 * out));
}

at::Tensor LatentBlockImpl::forward(const at::Tensor& x, const at::Tensor& z, const at::Tensor& skip) {
  at::Tensor y = layer_(x);
  if (skip.defined()) y = y + skip;
  const auto style = style_(z).chunk(2, 1);
  if (layer_->folded() && z.size(0) == 1 && !current_compute().gpu())
    return scale_shift(y, (1 + style[0]).squeeze(0), style[1].squeeze(0).contiguous(), Activation::ReLU);
  const auto per_channel = [](const at::Tensor& row) { return row.unsqueeze(-1).unsqueeze(-1); };
  return (y * (1 + per_channel(style[0])) + per_channel(style[1])).relu_();
}

CompactGeneratorImpl::CompactGeneratorImpl(const CompactGeneratorOptions& options) : latent_(options.latent) {
  const auto& w = options.widths;
  torch::nn::ModuleList down, up, refine;
  int64_t in = kLabelIds + 1;
  for (const int64_t width : w) {
    down->push_back(ConvNorm(in, width, 3, 2));
    in = width;
  }
  down[0]->as<ConvNorm>()->reads_labels(true);
  // From the deepest level up: arrive at a level's width, then refine there.
  up->push_back(LatentBlock(w[3], w[3], latent_));
  for (size_t level = 3; level-- > 0;) {
    up->push_back(LatentBlock(w[level + 1], w[level], latent_));
    refine->push_back(LatentBlock(w[level], w[level], latent_));
  }
  down_ = register_module("down", down);
  up_ = register_module("up", up);
  refine_ = register_module("refine", refine);
  paint_ = register_module("paint", ConvAct(w[0], 12, 3));
}

at::Tensor CompactGeneratorImpl::forward(const at::Tensor& labels, const at::Tensor& z) {
  std::array<at::Tensor, 4> levels;
  at::Tensor x = levels[0] = down_[0]->as<ConvNorm>()->forward_labels(labels);
  for (size_t i = 1; i < levels.size(); ++i) x = levels[i] = down_[i]->as<ConvNorm>()->forward(x);
  x = up_[0]->as<LatentBlock>()->forward(x, z);
  for (size_t i = 0; i < 3; ++i) {
    const at::Tensor& skip = levels[2 - i];
    x = at::upsample_nearest2d(x, skip.sizes().slice(2));
    x = up_[i + 1]->as<LatentBlock>()->forward(x, z, skip);
    x = refine_[i]->as<LatentBlock>()->forward(x, z);
  }
  return at::pixel_shuffle(paint_(x), 2).tanh();
}

at::Tensor label_planes(const at::Tensor& labels) {
  return one_hot_with_edges(labels, kLabelIds);
}

}  // namespace anomaly
