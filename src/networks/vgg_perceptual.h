// SPDX-License-Identifier: LGPL-2.1-or-later
// VGG (Simonyan and Zisserman, ICLR 2015) up to relu5_1, in the five slices of the perceptual loss
// (Johnson et al., ECCV 2016). Keys: slice<level>.<index in torchvision's `features`>.
#pragma once

#include <array>
#include <memory>

#include "src/networks/layers.h"
#include "src/networks/network.h"

namespace anomaly {

// VGG-19 is what the published weights were trained with; VGG-16 is what the papers write.
enum class VggDepth { Vgg16, Vgg19 };

class VggPerceptual : public torch::nn::Module, public PerceptualNetwork {
 public:
  explicit VggPerceptual(VggDepth depth, int64_t features = 64);  // features: channels of the first level
  // The outputs of relu1_1, relu2_1, relu3_1, relu4_1, relu5_1: 1, 2, 4, 8, 8 times `features` channels at
  // 1, 1/2, 1/4, 1/8, 1/16.
  std::vector<at::Tensor> features(const at::Tensor& image) override;
  std::vector<double> level_weights() const override { return {1.0 / 32, 1.0 / 16, 1.0 / 8, 1.0 / 4, 1.0}; }

 private:
  struct Step {
    std::shared_ptr<Conv> convolution;  // null: max pooling
  };
  std::array<std::vector<Step>, 5> slices_;
};

}  // namespace anomaly
