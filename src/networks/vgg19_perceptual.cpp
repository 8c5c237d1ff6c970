// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/vgg19_perceptual.h"

#include <ATen/ops/max_pool2d.h>

namespace anomaly {

Vgg19Perceptual::Vgg19Perceptual(int64_t features) {
  // torchvision's `features`, 0 a pooling; every convolution has its ReLU behind it. A slice ends with the
  // first convolution after a pooling.
  constexpr std::array<int64_t, 17> kWidths = {1, 1, 0, 2, 2, 0, 4, 4, 4, 4, 0, 8, 8, 8, 8, 0, 8};
  int64_t in = 3, index = 0;
  size_t slice = 0;
  bool pooled = false;
  for (const int64_t width : kWidths) {
    if (width == 0) {
      slices_[slice].push_back({});
      pooled = true;
      ++index;
      continue;
    }
    const std::string path = "slice" + std::to_string(slice + 1) + "." + std::to_string(index);
    const int64_t out = width * features;
    slices_[slice].push_back({add<Conv>(*this, path, ConvOptions{.in = in, .out = out}, Activation::ReLU)});
    if (index == 0 || pooled) ++slice;
    pooled = false;
    in = out;
    index += 2;
  }
}

std::vector<at::Tensor> Vgg19Perceptual::features(const at::Tensor& image) {
  std::vector<at::Tensor> levels;
  at::Tensor x = image;
  for (const auto& slice : slices_) {
    for (const Step& step : slice)
      x = step.convolution ? step.convolution->forward(x) : at::max_pool2d(x, {2, 2}, {2, 2});
    levels.push_back(x);
  }
  return levels;
}

}  // namespace anomaly
