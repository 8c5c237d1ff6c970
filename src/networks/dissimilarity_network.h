// SPDX-License-Identifier: LGPL-2.1-or-later
// The dissimilarity network (Di Biase et al., CVPR 2021, section 3.3; after Lis et al., ICCV 2019): where
// does the synthesis differ from the frame. With uncertainty maps and SPADE, or the baseline without both.
// Keys as published.
#pragma once

#include <array>
#include <memory>

#include "src/networks/layers.h"
#include "src/networks/network.h"
#include "src/networks/spade.h"

namespace anomaly {

struct DissimilarityOptions {
  bool uncertainty = true;  // false: the baseline network
  int64_t classes = 19;
  int64_t features = 64;  // channels of the finest level of the picture encoder
  int64_t hidden = 128;   // of SPADE
};

class VggDissimilarity : public torch::nn::Module, public DissimilarityNetwork {
 public:
  explicit VggDissimilarity(const DissimilarityOptions& options = {});
  bool uses_uncertainty() const override { return options_.uncertainty; }
  // Height and width: multiples of 8.
  at::Tensor logits(const at::Tensor& frame, const at::Tensor& synthesis, const at::Tensor& labels,
                    const at::Tensor& maps) override;

 private:
  static constexpr size_t kLevels = 4;
  using Levels = std::array<at::Tensor, kLevels>;  // full size first, then 1/2, 1/4, 1/8
  // SPADE, SELU, 3x3, SPADE, SELU; the baseline: 3x3, SELU.
  struct Refinement {
    std::shared_ptr<Spade> norm1, norm2;
    std::shared_ptr<Conv> convolution;
    at::Tensor forward(const at::Tensor& x, const at::Tensor& classes) const;
  };
  struct DecoderStage {
    std::shared_ptr<Conv> convolution;
    Refinement refinement;
    std::shared_ptr<Conv> upsampling;  // null in the last stage
  };

  Refinement add_refinement(const std::string& path, int64_t channels);
  std::pair<Levels, Levels> encode_pictures(const at::Tensor& frame, const at::Tensor& synthesis) const;
  Levels encode_picture(const at::Tensor& picture) const;
  static Levels encode_map(const std::array<std::shared_ptr<Conv>, kLevels>& layers, const at::Tensor& map);
  // Per level: the correlation channel, then the fused features.
  Levels fuse(const Levels& frame, const Levels& synthesis, const Levels& semantic,
              const Levels& prior) const;

  DissimilarityOptions options_;
  std::array<std::vector<std::shared_ptr<Conv>>, kLevels> vgg_;
  std::array<std::shared_ptr<Conv>, kLevels> semantic_, prior_, fusion_;
  std::array<DecoderStage, kLevels> decoder_;  // coarsest first
  std::shared_ptr<Conv> output_;
};

}  // namespace anomaly
