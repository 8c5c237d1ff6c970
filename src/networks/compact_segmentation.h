// SPDX-License-Identifier: LGPL-2.1-or-later
// Compact segmentation: a small residual trunk (strides 2 to 32) with a top-down decoder to stride 4. Its
// deep half (strides 16 and 32, decoder) is of dense 3x3 convolutions or of depthwise separable ones.
#pragma once

#include <array>
#include <string>

#include "src/json.h"
#include "src/networks/compact_layers.h"

namespace anomaly {

struct CompactSegmentationOptions {
  std::array<int64_t, 5> widths = {32, 48, 80, 128, 160};  // channels at strides 2, 4, 8, 16, 32
  std::array<int64_t, 3> blocks = {2, 3, 2};               // residual blocks at strides 8, 16, 32
  int64_t decoder = 96;                                    // channels of the decoder at strides 32, 16, 8
  int64_t head = 32;                                       // channels before the classifier, at stride 4
  // 0: dense. Else the inverted residuals' inner width over their outer one, and their depthwise kernels at
  // strides 16 and 32 (odd).
  int64_t expansion = 0;
  std::array<int64_t, 2> kernels = {3, 5};
  // Further layers where thin things are seen: inverted residuals at stride 8 in the trunk and in the decoder
  // (expansion 2 where the deep half is dense), 3x3 convolutions at stride 4 before the classifier.
  std::array<int64_t, 3> refine = {0, 0, 0};
  // The classifier's answers a side for each cell of stride 4, 1 to 4: logits come at stride 4 / detail.
  int64_t detail = 1;
  // How maps lie upon each other within the network, and the logits upon the image: by their corner pixels,
  // as in the published networks, or (false) by their pixels' areas, where a cell is as far from what it sees
  // at one edge as at the other.
  bool align_corners = true;
  int64_t classes = 19;

  Json to_json() const;
  // Throws Error(BadBundle). `file` and `network` are for messages; the classes come from the bundle.
  static CompactSegmentationOptions from_json(const Json& json, const std::string& file,
                                              const std::string& network, int64_t classes);
};

// The trunk up to stride 8, shared in structure with the perceptual network.
class CompactStemImpl : public torch::nn::Module {
 public:
  CompactStemImpl(const std::array<int64_t, 3>& widths, int64_t blocks);
  // image: N x 3 x H x W normalised. Returns the maps at strides 2, 4 and 8.
  std::array<at::Tensor, 3> forward(const at::Tensor& image);

 private:
  ConvNorm half_{nullptr}, quarter_{nullptr};
  torch::nn::ModuleList eighth_{nullptr};
};
TORCH_MODULE(CompactStem);

class CompactSegmentationImpl : public torch::nn::Module {
 public:
  explicit CompactSegmentationImpl(const CompactSegmentationOptions& options);
  // image: N x 3 x H x W normalised, any H, W >= 32. Returns logits
  // N x classes x detail * ceil(H / 4) x detail * ceil(W / 4).
  at::Tensor forward(const at::Tensor& image);
  CompactStem stem() const { return stem_; }
  bool align_corners() const { return align_corners_; }  // of the logits on the image too

 private:
  int64_t detail_;
  bool align_corners_;
  CompactStem stem_{nullptr};
  torch::nn::ModuleList refine_{nullptr}, sixteenth_{nullptr}, thirtysecond_{nullptr}, decode_{nullptr},
      finish_{nullptr};
  torch::nn::Conv2d gate_{nullptr}, classifier_{nullptr};
  ConvNorm lateral5_{nullptr}, lateral4_{nullptr}, lateral3_{nullptr}, lateral2_{nullptr}, reduce_{nullptr},
      depth4_{nullptr}, depth3_{nullptr}, fuse4_{nullptr}, fuse3_{nullptr}, fuse2_{nullptr};
};
TORCH_MODULE(CompactSegmentation);

}  // namespace anomaly
