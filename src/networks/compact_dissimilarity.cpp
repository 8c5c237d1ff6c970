// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/compact_dissimilarity.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/pixel_shuffle.h>
#include <ATen/ops/selu.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <algorithm>

#include "src/networks/compact_architecture.h"
#include "src/networks/compute.h"
#include "src/networks/device_ops.h"
#include "src/networks/fused_ops.h"

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
    if (current_compute().gpu()) return modulate(x, scale, shift, gamma_beta, Activation::SELU);
    at::Tensor y = modulate(x, scale, shift, gamma_beta, Activation::None);
    return at::selu_(y);
  }
  const auto parts = gamma_beta.chunk(2, 1);
  return at::selu(at::instance_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5, false) * (1 + parts[0]) + parts[1]);
}

// The decoder's next input, channels last: what comes from below (undefined at the coarsest level) at the
// level's size by nearest neighbour, the correlation of frame and synthesis (mean over channels of their
// product), the fused features.
at::Tensor join(const at::Tensor& below, const at::Tensor& real, const at::Tensor& painted,
                const at::Tensor& fused) {
  const at::Tensor correlation =
      current_compute().gpu() ? device_ops::correlation(real, painted, true) : (real * painted).mean(1, true);
  if (!below.defined()) return at::cat({correlation, fused}, 1);
  return at::cat({at::upsample_nearest2d(below, fused.sizes().slice(2)), correlation, fused}, 1);
}

// The same in one pass over memory, without gradients; `doubt` (may be undefined) multiplies `fused` on the
// way. `below` is undefined or of half the size.
at::Tensor join_once(const at::Tensor& below, const at::Tensor& real, const at::Tensor& painted,
                     const at::Tensor& fused, const at::Tensor& doubt) {
  const auto format = at::MemoryFormat::ChannelsLast;
  const at::Tensor a = real.contiguous(format), b = painted.contiguous(format), f = fused.contiguous(format);
  const at::Tensor u = below.defined() ? below.contiguous(format) : below;
  const at::Tensor d = doubt.defined() ? doubt.contiguous(format) : doubt;
  const int64_t height = f.size(2), width = f.size(3), image = a.size(1), own = f.size(1);
  const int64_t lower = u.defined() ? u.size(1) : 0, all = lower + 1 + own;
  at::Tensor out = at::empty({f.size(0), all, height, width}, f.options().memory_format(format));
  const float* below_row = u.defined() ? u.const_data_ptr<float>() : nullptr;
  const float *a_data = a.const_data_ptr<float>(), *b_data = b.const_data_ptr<float>();
  const float* f_data = f.const_data_ptr<float>();
  const float* d_data = d.defined() ? d.const_data_ptr<float>() : nullptr;
  float* out_data = out.mutable_data_ptr<float>();
  at::parallel_for(0, f.size(0) * height, 8, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t n = row / height, y = row % height;
      for (int64_t x = 0; x < width; ++x) {
        const int64_t pixel = row * width + x;
        float* to = out_data + pixel * all;
        if (lower > 0)
          to = std::copy_n(below_row + ((n * (height / 2) + y / 2) * (width / 2) + x / 2) * lower, lower, to);
        float product = 0;
        for (int64_t c = 0; c < image; ++c) product += a_data[pixel * image + c] * b_data[pixel * image + c];
        *to++ = product / static_cast<float>(image);
        for (int64_t c = 0; c < own; ++c)
          to[c] = d_data ? f_data[pixel * own + c] * d_data[pixel * own + c] : f_data[pixel * own + c];
      }
    }
  });
  return out;
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

void PyramidImpl::reads_labels() {
  layers_[0]->as<ConvNorm>()->reads_labels(false);
}

std::array<at::Tensor, 4> PyramidImpl::forward(const at::Tensor& x) {
  return above(layers_[0]->as<ConvNorm>()->forward(x));
}

std::array<at::Tensor, 4> PyramidImpl::forward_labels(const at::Tensor& ids) {
  return above(layers_[0]->as<ConvNorm>()->forward_labels(ids));
}

std::array<at::Tensor, 4> PyramidImpl::above(const at::Tensor& lowest) {
  std::array<at::Tensor, 4> levels;
  levels[0] = lowest;
  for (size_t i = 1; i < levels.size(); ++i) levels[i] = layers_[i]->as<ConvNorm>()->forward(levels[i - 1]);
  return levels;
}

DecoderBlockImpl::DecoderBlockImpl(int64_t in, int64_t out, bool spade, int64_t classes, int64_t hidden) {
  const Activation after = spade ? Activation::None : Activation::SELU;
  first_ = register_module("first", ConvAct(in, out, 3, after));
  second_ = register_module("second", ConvAct(out, out, 3, after));
  if (!spade) return;
  labels_ = register_module("labels", ConvAct(classes, hidden, 3, Activation::ReLU));
  labels_->reads_labels(false);
  modulation1_ = register_module("modulation1", ConvAct(hidden, 2 * out, 3));
  modulation2_ = register_module("modulation2", ConvAct(hidden, 2 * out, 3));
}

at::Tensor DecoderBlockImpl::forward(const at::Tensor& x, const at::Tensor& labels) {
  const at::Tensor y = first_(x);
  if (!labels_) return second_(y);
  const at::Tensor hidden = labels_->forward_labels(labels);
  const bool fused = first_->folded();
  return spade_selu(second_(spade_selu(y, modulation1_(hidden), fused)), modulation2_(hidden), fused);
}

CompactDissimilarityImpl::CompactDissimilarityImpl(const CompactDissimilarityOptions& options)
    : options_(options) {
  image_ = register_module("image", Pyramid(3, options.image));
  semantic_ = register_module("semantic", Pyramid(options.classes, options.semantic));
  semantic_->reads_labels();
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
  const auto semantic = semantic_->forward_labels(labels);
  std::array<at::Tensor, 4> doubt;
  if (options_.uncertainty) doubt = uncertainty_(maps.contiguous(format));

  at::Tensor x;
  for (size_t level = 4; level-- > 0;) {
    const at::Tensor real = both[level].narrow(0, 0, batch), painted = both[level].narrow(0, batch, batch);
    const at::Tensor fused =
        fuse_[level]->as<ConvAct>()->forward(at::cat({real, painted, semantic[level]}, 1));
    if (score_->folded() && !current_compute().gpu()) {
      x = join_once(x, real, painted, fused, doubt[level]);
    } else {
      x = join(x, real, painted, options_.uncertainty ? fused * doubt[level] : fused);
    }
    const at::Tensor small =
        options_.uncertainty ? at::upsample_nearest2d(labels.unsqueeze(1), fused.sizes().slice(2)).squeeze(1)
                             : at::Tensor();
    x = decoder_[3 - level]->as<DecoderBlock>()->forward(x, small);
  }
  return at::pixel_shuffle(score_(x), 2);
}

}  // namespace anomaly
