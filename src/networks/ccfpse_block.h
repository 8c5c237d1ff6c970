// SPDX-License-Identifier: LGPL-2.1-or-later
// A block of the CC-FPSE generator (Liu et al., NeurIPS 2019): two convolutions whose depthwise part is
// predicted per pixel and whose outputs are gated per pixel, beside a shortcut.
#pragma once

#include <memory>

#include "src/networks/layers.h"
#include "src/networks/predicted_depthwise.h"
#include "src/networks/spade.h"

namespace anomaly {

class CcFpseBlock : public torch::nn::Module {
 public:
  // pixels: of the map that the block works on.
  CcFpseBlock(int64_t in, int64_t out, int64_t map_channels, int64_t hidden, int64_t pixels);
  // x: N x in x H x W, map: N x map_channels x H x W. Returns N x out x H x W.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& map);

 private:
  // LeakyReLU(x * what `gate` makes of `features`), then `norm` where it is given, plus `shortcut` where that
  // is.
  static at::Tensor gated(at::Tensor x, Conv& gate, const at::Tensor& features, BatchNorm* norm,
                          const at::Tensor& shortcut);

  std::shared_ptr<PredictedDepthwise> depthwise1_, depthwise2_;  // gen_weights1, gen_weights2
  std::shared_ptr<Conv> gate1_hidden_, gate1_, gate2_hidden_, gate2_;
  std::shared_ptr<BatchNorm> norm_1_, norm_2_;
  std::shared_ptr<Conv> conv_1_, conv_3_, conv_s_;  // the pointwise ones; conv_s_ null where in == out
  std::shared_ptr<Spade> norm_s_;
};

}  // namespace anomaly
