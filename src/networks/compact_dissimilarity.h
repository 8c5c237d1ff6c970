// SPDX-License-Identifier: LGPL-2.1-or-later
// Compact dissimilarity: the published network's structure at small widths, from stride 2 to 16. Frame and
// synthesis pass one encoder; a 1x1 convolution joins them with features of the label map; features of the
// uncertainty maps multiply the result; a correlation channel stands in front; the decoder's norms are SPADE
// on the label map.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "src/json.h"
#include "src/networks/compact_layers.h"

namespace anomaly {

struct CompactDissimilarityOptions {
  bool uncertainty = true;  // false: the baseline network, without uncertainty maps and SPADE
  std::array<int64_t, 4> image = {32, 48, 64, 96};  // channels at strides 2, 4, 8, 16
  std::array<int64_t, 4> semantic = {12, 16, 24, 32};
  std::array<int64_t, 4> fused = {24, 40, 64, 96};  // also of the uncertainty features
  std::array<int64_t, 4> decoder = {16, 32, 48, 64};
  int64_t spade_hidden = 12;
  int64_t classes = 19;

  Json to_json() const;
  static CompactDissimilarityOptions from_json(const Json& json, const std::string& file,
                                               const std::string& network, int64_t classes);
};

// Four stride-2 convolutions; the maps after each.
class PyramidImpl : public torch::nn::Module {
 public:
  PyramidImpl(int64_t in, const std::array<int64_t, 4>& widths);
  std::array<at::Tensor, 4> forward(const at::Tensor& x);
  // For labels, as ConvNorm's.
  void reads_labels();
  std::array<at::Tensor, 4> forward_labels(const at::Tensor& ids);

 private:
  std::array<at::Tensor, 4> above(const at::Tensor& lowest);
  torch::nn::ModuleList layers_{nullptr};
};
TORCH_MODULE(Pyramid);

// 3x3, SPADE, SELU, 3x3, SPADE, SELU; without SPADE, 3x3, SELU, 3x3, SELU.
class DecoderBlockImpl : public torch::nn::Module {
 public:
  DecoderBlockImpl(int64_t in, int64_t out, bool spade, int64_t classes, int64_t hidden);
  // labels: the label map at x's size, N x h x w uint8.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& labels);

 private:
  ConvAct first_{nullptr}, second_{nullptr};
  ConvAct labels_{nullptr}, modulation1_{nullptr}, modulation2_{nullptr};
};
TORCH_MODULE(DecoderBlock);

class CompactDissimilarityImpl : public torch::nn::Module {
 public:
  explicit CompactDissimilarityImpl(const CompactDissimilarityOptions& options);
  // As DissimilarityNetwork::logits; height and width multiples of 16.
  at::Tensor forward(const at::Tensor& frame, const at::Tensor& synthesis, const at::Tensor& labels,
                     const at::Tensor& maps);
  bool uses_uncertainty() const { return options_.uncertainty; }
  Pyramid image_encoder() const { return image_; }

 private:
  CompactDissimilarityOptions options_;
  Pyramid image_{nullptr}, semantic_{nullptr}, uncertainty_{nullptr};
  torch::nn::ModuleList fuse_{nullptr}, decoder_{nullptr};
  ConvAct score_{nullptr};
};
TORCH_MODULE(CompactDissimilarity);

}  // namespace anomaly
