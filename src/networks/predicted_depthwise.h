// SPDX-License-Identifier: LGPL-2.1-or-later
// CC-FPSE's conditional convolution (Liu et al., NeurIPS 2019): 3x3 depthwise kernels for every pixel,
// predicted from the label map's features.
#pragma once

#include <memory>
#include <vector>

#include "src/networks/layers.h"

namespace anomaly {

// The convolution that predicts kernels for `channels` channels: 9 * channels outputs, c * 9 + tap in the
// checkpoint. In the folded form it is split by channels, so that the kernels of one part stay within a few
// hundred megabytes (all of them would be 604 MB at 128 channels and 256x512), with its outputs in the order
// that the depthwise kernel reads.
class KernelPrediction : public Conv {
 public:
  // pixels: of the map that the kernels are predicted for.
  KernelPrediction(int64_t in, int64_t channels, int64_t pixels);
  // x convolved with the kernels predicted from `features`.
  at::Tensor apply(const at::Tensor& x, const at::Tensor& features);
  void freeze() override;

 private:
  int64_t channels_, part_;
  std::vector<FoldedConvolution> parts_;
};

// Keys 0 (convolution, ReLU) and 2 (the prediction).
class PredictedDepthwise : public torch::nn::Module {
 public:
  PredictedDepthwise(int64_t map_channels, int64_t hidden, int64_t channels, int64_t pixels);
  // x: N x channels x H x W, map: N x map_channels x H x W.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& map) {
    return prediction_->apply(x, hidden_->forward(map));
  }

 private:
  std::shared_ptr<Conv> hidden_;
  std::shared_ptr<KernelPrediction> prediction_;
};

}  // namespace anomaly
