// SPDX-License-Identifier: LGPL-2.1-or-later
// SPADE (Park et al., CVPR 2019): a normalisation whose scale and shift are predicted from a map, pixel by
// pixel.
#pragma once

#include <memory>
#include <string>

#include "src/networks/layers.h"

namespace anomaly {

class Spade : public torch::nn::Module {
 public:
  struct Options {
    int64_t channels = 0;      // of the input that is normalised
    int64_t map_channels = 0;  // of the map
    int64_t hidden = 128;
    Activation activation = Activation::None;  // after the modulation: None or SELU
    // Batch norm with stored statistics and no affine part at this path; empty: instance norm.
    std::string batch_norm;
    std::string shared, gamma, beta;  // paths of the three convolutions
  };
  explicit Spade(const Options& options);
  // x: N x channels x H x W; map: N x map_channels x H x W. normalised(x) * (1 + gamma(map)) + beta(map).
  at::Tensor forward(const at::Tensor& x, const at::Tensor& map);

 private:
  Activation activation_;
  std::shared_ptr<BatchNorm> norm_;
  std::shared_ptr<Conv> shared_, gamma_, beta_;
};

}  // namespace anomaly
