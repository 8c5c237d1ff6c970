// SPDX-License-Identifier: LGPL-2.1-or-later
// VGG-19 (Simonyan and Zisserman, ICLR 2015) up to relu5_1, in the five slices of the perceptual loss
// (Johnson et al., ECCV 2016). Keys: slice<level>.<index in torchvision's `features`>.
#pragma once

#include <array>
#include <memory>

#include "src/networks/layers.h"
#include "src/networks/network.h"

namespace anomaly {

class Vgg19Perceptual : public torch::nn::Module, public PerceptualNetwork {
 public:
  explicit Vgg19Perceptual(int64_t features = 64);  // channels of the first level
  std::vector<at::Tensor> features(const at::Tensor& image) override;
  std::vector<double> level_weights() const override { return {1.0 / 32, 1.0 / 16, 1.0 / 8, 1.0 / 4, 1.0}; }

 private:
  struct Step {
    std::shared_ptr<Conv> convolution;  // null: max pooling
  };
  std::array<std::vector<Step>, 5> slices_;
};

}  // namespace anomaly
