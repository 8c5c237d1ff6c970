// SPDX-License-Identifier: LGPL-2.1-or-later
// The synthesis stage's opponent: patches of a picture, seen with its label map, judged real or painted, at
// two scales (Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
// 2018).
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>

#include <vector>

namespace anomaly::train {

// What the layers of one scale answer, the last one the verdict: higher is more real.
using PatchAnswers = std::vector<at::Tensor>;

class DiscriminatorImpl : public torch::nn::Module {
 public:
  explicit DiscriminatorImpl(int64_t width);
  // pictures: N x 3 x h x w in [-1, 1]; labels: N x h x w label ids, uint8; h and w at least 32.
  std::vector<PatchAnswers> forward(const at::Tensor& pictures, const at::Tensor& labels);

 private:
  torch::nn::ModuleList scales_{nullptr};
};
TORCH_MODULE(Discriminator);

// Hinge loss: of the discriminator on real and painted pictures, and of the painter.
at::Tensor discriminator_loss(const std::vector<PatchAnswers>& real,
                              const std::vector<PatchAnswers>& painted);
at::Tensor adversarial_loss(const std::vector<PatchAnswers>& painted);
// Mean absolute difference of the layers' answers, the verdicts aside.
at::Tensor matching_loss(const std::vector<PatchAnswers>& real, const std::vector<PatchAnswers>& painted);

}  // namespace anomaly::train
