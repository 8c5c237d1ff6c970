// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/vgg_perceptual.h"

#include <ATen/ops/max_pool2d.h>

namespace anomaly {

VggPerceptual::VggPerceptual(VggDepth depth, int64_t features) {
  // A block is so many convolutions of one width, each with its ReLU behind it, then a pooling. Slice i ends
  // with the first convolution of block i, so that the others of a block, and its pooling, begin the next.
  constexpr std::array<int64_t, 5> kWidths = {1, 2, 4, 8, 8};
  const int64_t deep = depth == VggDepth::Vgg16 ? 3 : 4;
  const std::array<int64_t, 5> convolutions = {2, 2, deep, deep, 1};
  int64_t in = 3, index = 0;
  for (size_t block = 0; block < slices_.size(); ++block) {
    const int64_t out = kWidths[block] * features;
    for (int64_t i = 0; i < convolutions[block]; ++i) {
      const size_t slice = i == 0 ? block : block + 1;
      const std::string path = "slice" + std::to_string(slice + 1) + "." + std::to_string(index);
      slices_[slice].push_back({add<Conv>(*this, path, ConvOptions{.in = in, .out = out}, Activation::ReLU)});
      in = out;
      index += 2;
    }
    if (block + 1 < slices_.size()) slices_[block + 1].push_back({});
    ++index;
  }
}

std::vector<at::Tensor> VggPerceptual::features(const at::Tensor& image) {
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
