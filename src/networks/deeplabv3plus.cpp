// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/deeplabv3plus.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/upsample_bilinear2d.h>

namespace anomaly {

DeepLabWidths DeepLabWidths::scaled(int64_t features, int64_t classes) {
  DeepLabWidths w;
  const auto scale = [features](int64_t& width) { width = width * features / 64; };
  scale(w.body.stem);
  for (auto& stage : w.body.stages)
    for (int64_t& width : stage) scale(width);
  scale(w.pyramid);
  scale(w.fine);
  w.classes = classes;
  return w;
}

DeepLabV3Plus::DeepLabV3Plus(const DeepLabWidths& widths) : body_(*this, widths.body) {
  constexpr std::array<int64_t, 4> kDilations = {1, 12, 24, 36};
  const int64_t deep = widths.body.stages.back().back(), fine = widths.body.stages.front().back();
  for (size_t i = 0; i < kDilations.size(); ++i) {
    const std::string path = "aspp.features." + std::to_string(i);
    const ConvOptions options{.in = deep,
                              .out = widths.pyramid,
                              .kernel = i == 0 ? 1 : 3,
                              .dilation = kDilations[i],
                              .bias = false};
    branches_.push_back(add_normalised(*this, path + ".0", path + ".1", options, Activation::ReLU));
  }
  const ConvOptions pooled{.in = deep, .out = widths.pyramid, .kernel = 1, .bias = false};
  image_pooling_ = add_normalised(*this, "aspp.img_conv.0", "aspp.img_conv.1", pooled, Activation::ReLU);
  bot_fine_ =
      add<Conv>(*this, "bot_fine", ConvOptions{.in = fine, .out = widths.fine, .kernel = 1, .bias = false});
  bot_aspp_ =
      add<Conv>(*this, "bot_aspp",
                ConvOptions{.in = 5 * widths.pyramid, .out = widths.pyramid, .kernel = 1, .bias = false});
  final0_ =
      add_normalised(*this, "final.0", "final.1",
                     ConvOptions{.in = widths.fine + widths.pyramid, .out = widths.pyramid, .bias = false},
                     Activation::ReLU);
  final3_ = add_normalised(*this, "final.3", "final.4",
                           ConvOptions{.in = widths.pyramid, .out = widths.pyramid, .bias = false},
                           Activation::ReLU);
  final6_ = add<Conv>(
      *this, "final.6",
      ConvOptions{.in = widths.pyramid, .out = widths.classes, .kernel = 1, .bias = false, .precise = true});
}

at::Tensor DeepLabV3Plus::pyramid(const at::Tensor& x) {
  std::vector<at::Tensor> parts;
  // Bilinear upsampling of a single pixel repeats it.
  parts.push_back(image_pooling_->forward(x.mean({2, 3}, true))
                      .expand({x.size(0), -1, x.size(2), x.size(3)})
                      .contiguous(at::MemoryFormat::ChannelsLast));
  for (const auto& branch : branches_) parts.push_back(branch->forward(x));
  return at::cat(parts, 1);
}

at::Tensor DeepLabV3Plus::logits(const at::Tensor& image) {
  auto [fine, deep] = body_.forward(image);
  at::Tensor x = bot_aspp_->forward(pyramid(deep));
  deep = at::Tensor();
  x = at::upsample_bilinear2d(x, {fine.size(2), fine.size(3)}, true);
  x = at::cat({bot_fine_->forward(fine), x}, 1);
  fine = at::Tensor();
  x = final0_->forward(x);
  return final6_->forward(final3_->forward(x));
}

}  // namespace anomaly
