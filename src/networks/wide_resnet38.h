// SPDX-License-Identifier: LGPL-2.1-or-later
// WideResNet-38-A2 (Wu et al., "Wider or Deeper", 2016) as the body of DeepLabV3+: stem, mod2..mod7, overall
// stride 8.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "src/networks/layers.h"

namespace anomaly {

// A pre-activation residual block. Two channels: two 3x3 convolutions; three: 1x1, 3x3, 1x1.
class WideResidualBlock : public torch::nn::Module {
 public:
  // trunk: see FoldedConvolution.
  WideResidualBlock(int64_t in, const std::vector<int64_t>& channels, int64_t stride, int64_t dilation,
                    bool trunk);
  at::Tensor forward(const at::Tensor& x);

 private:
  std::shared_ptr<BatchNorm> norm_;   // bn1.0, with ReLU
  std::shared_ptr<Conv> projection_;  // proj_conv, null where the shortcut is the identity
  std::vector<std::shared_ptr<Conv>> convolutions_;
};

struct WideResNetWidths {
  int64_t stem = 64;
  std::array<std::vector<int64_t>, 6> stages = {
      {{128, 128}, {256, 256}, {512, 512}, {512, 1024}, {512, 1024, 2048}, {1024, 2048, 4096}}};
  std::array<int64_t, 6> blocks = {3, 3, 6, 3, 1, 1};
};

class WideResNet38 {
 public:
  // mod4 to mod7, at stride 8, may have products of 8-bit numbers (FoldedConvolution's `trunk`): 512 outputs
  // and more, whose products gain more than their patches cost. Those before have 128 and 256 at larger maps.
  // Registers mod1..mod7 in `root`.
  WideResNet38(torch::nn::Module& root, const WideResNetWidths& widths);
  // image: N x 3 x H x W. Returns {mod2's output at stride 2, mod7's output at stride 8}.
  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& image);

 private:
  std::shared_ptr<Conv> stem_;
  std::array<std::vector<std::shared_ptr<WideResidualBlock>>, 6> stages_;
};

}  // namespace anomaly
