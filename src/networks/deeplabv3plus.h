// SPDX-License-Identifier: LGPL-2.1-or-later
// DeepLabV3+ (Chen et al., ECCV 2018) on WideResNet-38: semantic segmentation. Keys as in the published
// checkpoint without its "module." prefix.
#pragma once

#include "src/networks/network.h"
#include "src/networks/wide_resnet38.h"

namespace anomaly {

struct DeepLabWidths {
  WideResNetWidths body;
  int64_t classes = 19;
  int64_t pyramid = 256;  // each branch of ASPP, bot_aspp, and the decoder
  int64_t fine = 48;      // bot_fine
  // Every width times features / 64; features a multiple of 4.
  static DeepLabWidths scaled(int64_t features, int64_t classes);
};

class DeepLabV3Plus : public torch::nn::Module, public SegmentationNetwork {
 public:
  explicit DeepLabV3Plus(const DeepLabWidths& widths = {});
  at::Tensor logits(const at::Tensor& image) override;
  int64_t fp8_layers() const override { return anomaly::fp8_layers(*this); }

 private:
  at::Tensor pyramid(const at::Tensor& x);

  WideResNet38 body_;
  std::shared_ptr<Conv> image_pooling_;
  std::vector<std::shared_ptr<Conv>> branches_;  // 1x1, then 3x3 with dilation 12, 24, 36
  std::shared_ptr<Conv> bot_fine_, bot_aspp_, final0_, final3_, final6_;
};

}  // namespace anomaly
