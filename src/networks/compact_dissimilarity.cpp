// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/compact_dissimilarity.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/pixel_shuffle.h>
#include <ATen/ops/selu.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "src/networks/compact_architecture.h"
#include "src/networks/fused_ops.h"
#include "src/networks/one_hot.h"

namespace anomaly {

namespace {

Json list_of(const std::array<int64_t, 4>& values) {
  Json list = Json::array();
  for (const int64_t value : values) list.push(value);
  return list;
}

std::array<int64_t, 4> four(const ArchitectureReader& reader, const std::string& member) {
  const auto values = reader.integers(member, 4, 1, 512);
  return {values[0], values[1], values[2], values[3]};
}

// Instance norm without affine part, times (1 + gamma) plus beta, SELU. `fused`: in one pass, without
// gradients.
at::Tensor spade_selu(const at::Tensor& x, const at::Tensor& gamma_beta, bool fused) {
  if (fused) {
    const auto [scale, shift] = instance_scale_shift(x);
    return modulate(x, scale, shift, gamma_beta, Activation::SELU);
  }
  const auto parts = gamma_beta.chunk(2, 1);
  return at::selu(at::instance_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5, false) * (1 + parts[0]) + parts[1]);
}

}  // namespace

Json CompactDissimilarityOptions::to_json() const {
  return Json::object({{"type", "compact-dissimilarity"},
                       {"uncertainty", uncertainty},
                       {"image", list_of(image)},
                       {"semantic", list_of(semantic)},
                       {"fused", list_of(fused)},
                       {"decoder", list_of(decoder)},
                       {"spade_hidden", spade_hidden}});
}

CompactDissimilarityOptions CompactDissimilarityOptions::from_json(const Json& json, const std::string& file,
                                                                   const std::string& network,
                                                                   int64_t classes) {
  const ArchitectureReader reader(file, network, json, "compact-dissimilarity");
  CompactDissimilarityOptions options;
  options.uncertainty = reader.boolean("uncertainty");
  options.image = four(reader, "image");
  options.semantic = four(reader, "semantic");
  options.fused = four(reader, "fused");
  options.decoder = four(reader, "decoder");
  options.spade_hidden = reader.integer("spade_hidden", 1, 512);
  options.classes = classes;
  return options;
}

PyramidImpl::PyramidImpl(int64_t in, const std::array<int64_t, 4>& widths) {
  torch::nn::ModuleList layers;
  for (const int64_t width : widths) {
    layers->push_back(ConvNorm(in, width, 3, 2));
    in = width;
  }
  layers_ = register_module("layers", layers);
}

std::array<at::Tensor, 4> PyramidImpl::forward(at::Tensor x) {
  std::array<at::Tensor, 4> levels;
  for (size_t i = 0; i < levels.size(); ++i) x = levels[i] = layers_[i]->as<ConvNorm>()->forward(x);
  return levels;
}

DecoderBlockImpl::DecoderBlockImpl(int64_t in, int64_t out, bool spade, int64_t classes, int64_t hidden) {
  const Activation after = spade ? Activation::None : Activation::SELU;
  first_ = register_module("first", ConvAct(in, out, 3, after));
  second_ = register_module("second", ConvAct(out, out, 3, after));
  if (!spade) return;
  labels_ = register_module("labels", ConvAct(classes, hidden, 3, Activation::ReLU));
  modulation1_ = register_module("modulation1", ConvAct(hidden, 2 * out, 3));
  modulation2_ = register_module("modulation2", ConvAct(hidden, 2 * out, 3));
}

at::Tensor DecoderBlockImpl::forward(const at::Tensor& x, const at::Tensor& planes) {
  const at::Tensor y = first_(x);
  if (!labels_) return second_(y);
  const at::Tensor hidden = labels_(planes);
  const bool fused = first_->folded();
  return spade_selu(second_(spade_selu(y, modulation1_(hidden), fused)), modulation2_(hidden), fused);
}

CompactDissimilarityImpl::CompactDissimilarityImpl(const CompactDissimilarityOptions& options)
    : options_(options) {
  image_ = register_module("image", Pyramid(3, options.image));
  semantic_ = register_module("semantic", Pyramid(options.classes, options.semantic));
  if (options.uncertainty) uncertainty_ = register_module("uncertainty", Pyramid(3, options.fused));
  torch::nn::ModuleList fuse, decoder;
  for (size_t level = 0; level < 4; ++level)
    fuse->push_back(ConvAct(2 * options.image[level] + options.semantic[level], options.fused[level], 1));
  for (size_t level = 4; level-- > 0;) {
    const int64_t from_below = level == 3 ? 0 : options.decoder[level + 1];
    decoder->push_back(DecoderBlock(from_below + options.fused[level] + 1, options.decoder[level],
                                    options.uncertainty, options.classes, options.spade_hidden));
  }
  fuse_ = register_module("fuse", fuse);
  decoder_ = register_module("decoder", decoder);
  score_ = register_module("score", ConvAct(options.decoder[0], 8, 3));
}

at::Tensor CompactDissimilarityImpl::forward(const at::Tensor& frame, const at::Tensor& synthesis,
                                             const at::Tensor& labels, const at::Tensor& maps) {
  const auto format = at::MemoryFormat::ChannelsLast;
  const int64_t batch = frame.size(0);
  const auto both = image_(at::cat({frame, synthesis}).contiguous(format));
  const at::Tensor planes = one_hot(labels, options_.classes, options_.classes);
  const auto semantic = semantic_(planes);
  std::array<at::Tensor, 4> doubt;
  if (options_.uncertainty) doubt = uncertainty_(maps.contiguous(format));

  at::Tensor x;
  for (size_t level = 4; level-- > 0;) {
    const at::Tensor real = both[level].narrow(0, 0, batch), painted = both[level].narrow(0, batch, batch);
    at::Tensor fused = fuse_[level]->as<ConvAct>()->forward(at::cat({real, painted, semantic[level]}, 1));
    if (options_.uncertainty) fused = fused * doubt[level];
    const at::Tensor correlation = (real * painted).mean(1, true);
    const at::IntArrayRef size = fused.sizes().slice(2);
    x = x.defined() ? at::cat({at::upsample_nearest2d(x, size), correlation, fused}, 1)
                    : at::cat({correlation, fused}, 1);
    const at::Tensor small = options_.uncertainty ? at::upsample_nearest2d(planes, size) : at::Tensor();
    x = decoder_[3 - level]->as<DecoderBlock>()->forward(x, small);
  }
  return at::pixel_shuffle(score_(x), 2);
}

}  // namespace anomaly
