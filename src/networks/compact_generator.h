// SPDX-License-Identifier: LGPL-2.1-or-later
// Compact synthesis: an encoder that draws a frame's look together into a latent vector, and a generator that
// paints a label map in that look.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "src/json.h"
#include "src/networks/compact_layers.h"

namespace anomaly {

inline constexpr int64_t kLabelIds = 35;  // Cityscapes label ids 0..34

struct CompactEncoderOptions {
  std::array<int64_t, 4> widths = {16, 32, 48, 64};
  int64_t latent = 32;

  Json to_json() const;
  static CompactEncoderOptions from_json(const Json& json, const std::string& file,
                                         const std::string& network);
};

// Four stride-2 convolutions, the mean over the frame, two linear heads.
class CompactEncoderImpl : public torch::nn::Module {
 public:
  explicit CompactEncoderImpl(const CompactEncoderOptions& options);
  // image: N x 3 x H x W in [-1, 1]. Returns {mean, log variance}, N x latent each; the latter within [-10,
  // 10].
  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& image);

 private:
  torch::nn::ModuleList layers_{nullptr};
  torch::nn::Linear mean_{nullptr}, log_variance_{nullptr};
};
TORCH_MODULE(CompactEncoder);

struct CompactGeneratorOptions {
  std::array<int64_t, 4> widths = {24, 40, 72, 96};  // channels at strides 2, 4, 8, 16
  int64_t latent = 32;

  Json to_json() const;
  static CompactGeneratorOptions from_json(const Json& json, const std::string& file,
                                           const std::string& network);
};

// 3x3 convolution and batch norm, an optional addition, then scale and shift per channel from the latent,
// ReLU.
class LatentBlockImpl : public torch::nn::Module {
 public:
  LatentBlockImpl(int64_t in, int64_t out, int64_t latent);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& z, const at::Tensor& skip = {});

 private:
  ConvNorm layer_{nullptr};
  torch::nn::Linear style_{nullptr};
};
TORCH_MODULE(LatentBlock);

// A U of four levels over one-hot label ids and their edges; the last convolution paints 2x2 pixels at once.
class CompactGeneratorImpl : public torch::nn::Module {
 public:
  explicit CompactGeneratorImpl(const CompactGeneratorOptions& options);
  // labels: N x H x W uint8 label ids, H and W multiples of 16. z: N x latent. Returns N x 3 x H x W in [-1,
  // 1].
  at::Tensor forward(const at::Tensor& labels, const at::Tensor& z);
  int64_t latent_size() const { return latent_; }

 private:
  int64_t latent_;
  torch::nn::ModuleList down_{nullptr}, up_{nullptr}, refine_{nullptr};
  ConvAct paint_{nullptr};
};
TORCH_MODULE(CompactGenerator);

// One-hot of the label ids and a 36th channel: 1 where the id differs from the left, right, upper or lower
// neighbour.
at::Tensor label_planes(const at::Tensor& labels);

}  // namespace anomaly
