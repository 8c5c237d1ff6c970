// SPDX-License-Identifier: LGPL-2.1-or-later
// CC-FPSE generator (Liu et al., "Learning to Predict Layout-to-image Conditional Convolutions for Semantic
// Image Synthesis", NeurIPS 2019): a label map and a latent vector to a picture. Keys as published, without
// those that take no part (norm_0, conv_0.norm_layer, conv_2.norm_layer).
#pragma once

#include <array>
#include <memory>

#include "src/networks/ccfpse_block.h"
#include "src/networks/network.h"

namespace anomaly {

struct CcFpseOptions {
  int64_t height = 256, width = 512;  // of the picture: multiples of 64
  int64_t latent = 256;
  int64_t labels = 35;    // Cityscapes label ids; the edge map makes one channel more
  int64_t features = 64;  // ngf
  int64_t pyramid = 64;   // channels of the label pyramid
  int64_t hidden = 128;   // of every prediction
};

class CcFpseGenerator : public torch::nn::Module, public GeneratorNetwork {
 public:
  explicit CcFpseGenerator(const CcFpseOptions& options = {});
  at::Tensor synthesise(const at::Tensor& labels, const at::Tensor& z) override;
  int64_t latent_size() const override { return options_.latent; }

 private:
  static constexpr int64_t kLevels = 7;
  // The label map's features, coarsest (1/64) first.
  std::array<at::Tensor, kLevels> pyramid(const at::Tensor& map);

  // The label map at the features' size, with them behind it. map: the labels' one-hot with edges.
  at::Tensor block_input(const at::Tensor& labels, const at::Tensor& map, const at::Tensor& features) const;

  CcFpseOptions options_;
  std::shared_ptr<Linear> fc_;
  std::array<std::shared_ptr<Conv>, kLevels> encoder_;                // labelenc1..7
  std::array<std::shared_ptr<Conv>, kLevels - 1> lateral_, decoder_;  // labellat1..6, labeldec1..6
  std::array<std::shared_ptr<CcFpseBlock>, kLevels> blocks_;
  std::shared_ptr<Conv> conv_img_;
};

}  // namespace anomaly
