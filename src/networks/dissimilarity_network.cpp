// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/dissimilarity_network.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "src/networks/compute.h"
#include "src/networks/device_ops.h"
#include "src/networks/one_hot.h"

namespace anomaly {

VggDissimilarity::VggDissimilarity(const DissimilarityOptions& options) : options_(options) {
  const int64_t f = options.features;
  const std::array<int64_t, kLevels> picture = {f, 2 * f, 4 * f, 8 * f}, map = {f / 2, f, 2 * f, 4 * f};
  constexpr std::array<int64_t, kLevels> kDepths = {2, 2, 3, 3};
  int64_t in = 3;
  for (size_t level = 0; level < kLevels; ++level)
    for (int64_t i = 0; i < kDepths[level]; ++i) {
      // From the second level on the pooling is the slice's module 0.
      const int64_t index = 2 * i + (level > 0 ? 1 : 0);
      const std::string path = "vgg_encoder.layer" + std::to_string(level + 1) + "." + std::to_string(index);
      vgg_[level].push_back(
          add<Conv>(*this, path, ConvOptions{.in = in, .out = picture[level]}, Activation::ReLU));
      in = picture[level];
    }
  const auto map_encoder = [&](const std::string& name, int64_t channels,
                               const std::array<int64_t, kLevels>& widths) {
    std::array<std::shared_ptr<Conv>, kLevels> layers;
    for (size_t level = 0; level < kLevels; ++level) {
      ConvOptions conv{.in = level == 0 ? channels : widths[level - 1], .out = widths[level]};
      conv.kernel = level == 0 ? 7 : 3;
      conv.stride = level == 0 ? 1 : 2;
      const std::string path = name + ".hidden_layers." + std::to_string(level) + ".0";
      layers[level] = add<Conv>(*this, path, conv, Activation::ReLU);
    }
    return layers;
  };
  semantic_ = map_encoder("semantic_encoder", options.classes, map);
  if (options.uncertainty) prior_ = map_encoder("prior_encoder", 3, picture);
  constexpr std::array<const char*, kLevels> kFusion = {"conv10", "conv9", "conv8", "conv7"};
  for (size_t level = 0; level < kLevels; ++level)
    fusion_[level] =
        add<Conv>(*this, kFusion[level],
                  ConvOptions{.in = 2 * picture[level] + map[level], .out = picture[level], .kernel = 1});

  constexpr std::array<const char*, kLevels> kFirst = {"conv1.0", "conv12.0", "conv3.0", "conv5.0"};
  constexpr std::array<const char*, kLevels> kRefinement = {"conv2", "conv13", "conv4", "conv6"};
  constexpr std::array<const char*, kLevels> kUpsampling = {"tconv1", "tconv3", "tconv2", nullptr};
  const std::array<int64_t, kLevels> widths = {4 * f, 4 * f, 2 * f, f};
  int64_t from_below = 0;
  for (size_t stage = 0; stage < kLevels; ++stage) {
    DecoderStage& s = decoder_[stage];
    const int64_t fused = picture[kLevels - 1 - stage] + 1;
    s.convolution = add<Conv>(*this, kFirst[stage],
                              ConvOptions{.in = from_below + fused, .out = widths[stage]}, Activation::SELU);
    s.refinement = add_refinement(kRefinement[stage], widths[stage]);
    if (kUpsampling[stage])
      s.upsampling = add<Conv>(
          *this, kUpsampling[stage],
          ConvOptions{
              .in = widths[stage], .out = widths[stage], .kernel = 2, .stride = 2, .transposed = true});
    from_below = widths[stage];
  }
  output_ = add<Conv>(*this, "conv11", ConvOptions{.in = f, .out = 2, .kernel = 1});
}

VggDissimilarity::Refinement VggDissimilarity::add_refinement(const std::string& path, int64_t channels) {
  Refinement r;
  const ConvOptions conv{.in = channels, .out = channels};
  if (!options_.uncertainty) {
    r.convolution = add<Conv>(*this, path + ".0", conv, Activation::SELU);
    return r;
  }
  Spade::Options spade;
  spade.channels = channels;
  spade.map_channels = options_.classes;
  spade.hidden = options_.hidden;
  spade.activation = Activation::SELU;
  spade.shared = "shared.0";
  spade.gamma = "gamma";
  spade.beta = "beta";
  r.norm1 = add<Spade>(*this, path + ".norm1", spade);
  r.convolution = add<Conv>(*this, path + ".conv", conv);
  r.norm2 = add<Spade>(*this, path + ".norm2", spade);
  return r;
}

at::Tensor VggDissimilarity::Refinement::forward(const at::Tensor& x, const at::Tensor& classes) const {
  if (!norm1) return convolution->forward(x);
  return norm2->forward(convolution->forward(norm1->forward(x, classes)), classes);
}

VggDissimilarity::Levels VggDissimilarity::encode_picture(const at::Tensor& picture) const {
  Levels levels;
  at::Tensor x = picture;
  for (size_t level = 0; level < kLevels; ++level) {
    if (level > 0) x = at::max_pool2d(x, {2, 2}, {2, 2});
    for (const auto& convolution : vgg_[level]) x = convolution->forward(x);
    levels[level] = x;
  }
  return levels;
}

// On a GPU in one pass: twice the pixels for every weight that is read. A processor gains nothing by it.
std::pair<VggDissimilarity::Levels, VggDissimilarity::Levels> VggDissimilarity::encode_pictures(
    const at::Tensor& frame, const at::Tensor& synthesis) const {
  if (!current_compute().gpu()) return {encode_picture(frame), encode_picture(synthesis)};
  const int64_t batch = frame.size(0);
  const Levels both = encode_picture(at::cat({frame, synthesis}, 0));
  std::pair<Levels, Levels> out;
  for (size_t level = 0; level < kLevels; ++level) {
    out.first[level] = both[level].narrow(0, 0, batch);
    out.second[level] = both[level].narrow(0, batch, batch);
  }
  return out;
}

VggDissimilarity::Levels VggDissimilarity::encode_map(
    const std::array<std::shared_ptr<Conv>, kLevels>& layers, const at::Tensor& map) {
  Levels levels;
  for (size_t level = 0; level < kLevels; ++level)
    levels[level] = layers[level]->forward(level == 0 ? map : levels[level - 1]);
  return levels;
}

VggDissimilarity::Levels VggDissimilarity::fuse(const Levels& frame, const Levels& synthesis,
                                                const Levels& semantic, const Levels& prior) const {
  Levels fused;
  for (size_t level = 0; level < kLevels; ++level) {
    const at::Tensor correlation = current_compute().gpu()
                                       ? device_ops::correlation(frame[level], synthesis[level], false)
                                       : at::sum(frame[level] * synthesis[level], {1}, true);
    at::Tensor x = fusion_[level]->forward(at::cat({frame[level], synthesis[level], semantic[level]}, 1));
    if (prior[level].defined()) x = x * prior[level];
    fused[level] = at::cat({correlation, x}, 1).contiguous(at::MemoryFormat::ChannelsLast);
  }
  return fused;
}

at::Tensor VggDissimilarity::logits(const at::Tensor& frame, const at::Tensor& synthesis,
                                    const at::Tensor& labels, const at::Tensor& maps) {
  const at::Tensor classes = one_hot(labels, options_.classes, options_.classes);
  Levels fused;
  {
    const Levels prior = options_.uncertainty ? encode_map(prior_, maps) : Levels{};
    const auto [of_frame, of_synthesis] = encode_pictures(frame, synthesis);
    fused = fuse(of_frame, of_synthesis, encode_map(semantic_, classes), prior);
  }
  at::Tensor x;
  for (size_t stage = 0; stage < kLevels; ++stage) {
    const DecoderStage& s = decoder_[stage];
    const at::Tensor level = std::exchange(fused[kLevels - 1 - stage], at::Tensor());
    x = s.convolution->forward(x.defined() ? at::cat({x, level}, 1) : level);
    x = s.refinement.forward(x, at::upsample_nearest2d(classes, {x.size(2), x.size(3)}));
    if (s.upsampling) x = s.upsampling->forward(x);
  }
  return output_->forward(x);
}

}  // namespace anomaly
