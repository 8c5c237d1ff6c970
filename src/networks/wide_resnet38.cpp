// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/wide_resnet38.h"

#include <ATen/ops/max_pool2d.h>

namespace anomaly {

WideResidualBlock::WideResidualBlock(int64_t in, const std::vector<int64_t>& channels, int64_t stride,
                                     int64_t dilation, bool trunk) {
  const bool bottleneck = channels.size() == 3;
  norm_ = add<BatchNorm>(*this, "bn1.0", in, Activation::ReLU);
  int64_t width = in;
  for (size_t i = 0; i < channels.size(); ++i) {
    ConvOptions options{
        .in = width, .out = channels[i], .stride = i == 0 ? stride : 1, .bias = false, .trunk = trunk};
    options.kernel = bottleneck && i != 1 ? 1 : 3;
    options.dilation = options.kernel == 3 ? dilation : 1;
    const std::string path = "convs.conv" + std::to_string(i + 1);
    // The block's last convolution goes straight into the sum; the others have the next norm and ReLU behind
    // them.
    convolutions_.push_back(i + 1 < channels.size()
                                ? add_normalised(*this, path, "convs.bn" + std::to_string(i + 2) + ".0",
                                                 options, Activation::ReLU)
                                : add<Conv>(*this, path, options));
    width = channels[i];
  }
  if (stride != 1 || in != width)
    projection_ = add<Conv>(
        *this, "proj_conv",
        ConvOptions{.in = in, .out = width, .kernel = 1, .stride = stride, .bias = false, .trunk = trunk});
}

at::Tensor WideResidualBlock::forward(const at::Tensor& x) {
  const at::Tensor active = norm_->forward(x);
  const at::Tensor shortcut = projection_ ? projection_->forward(active) : x;
  at::Tensor y = active;
  for (const auto& convolution : convolutions_) y = convolution->forward(y);
  return y.requires_grad() ? y + shortcut : y.add_(shortcut);
}

WideResNet38::WideResNet38(torch::nn::Module& root, const WideResNetWidths& widths) {
  constexpr std::array<int64_t, 6> kDilations = {1, 1, 1, 2, 4, 4};
  constexpr size_t kStridingStage = 2;  // mod4; max pooling strides before mod2 and mod3
  constexpr size_t kTrunkStage = 2;     // mod4
  stem_ = add<Conv>(root, "mod1.conv1", ConvOptions{.in = 3, .out = widths.stem, .bias = false});
  int64_t in = widths.stem;
  for (size_t stage = 0; stage < stages_.size(); ++stage)
    for (int64_t block = 0; block < widths.blocks[stage]; ++block) {
      const int64_t stride = stage == kStridingStage && block == 0 ? 2 : 1;
      const std::string path = "mod" + std::to_string(stage + 2) + ".block" + std::to_string(block + 1);
      stages_[stage].push_back(add<WideResidualBlock>(root, path, in, widths.stages[stage], stride,
                                                      kDilations[stage], stage >= kTrunkStage));
      in = widths.stages[stage].back();
    }
}

std::pair<at::Tensor, at::Tensor> WideResNet38::forward(const at::Tensor& image) {
  at::Tensor x = stem_->forward(image), fine;
  for (size_t stage = 0; stage < stages_.size(); ++stage) {
    if (stage < 2) x = at::max_pool2d(x, {3, 3}, {2, 2}, {1, 1});
    for (const auto& block : stages_[stage]) x = block->forward(x);
    if (stage == 0) fine = x;
  }
  return {fine, x};
}

}  // namespace anomaly
