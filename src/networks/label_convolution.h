// SPDX-License-Identifier: LGPL-2.1-or-later
// A 3x3 convolution whose input is the one-hot map of a label map: where a tap reads a label it adds that
// label's weights, so the planes need neither be made nor multiplied.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "src/networks/folded_convolution.h"

namespace anomaly {

// For inference on the CPU; the result is the convolution's, but for the order of the sums.
class LabelConvolution {
 public:
  static constexpr int64_t kMostLabels = 126;
  LabelConvolution() = default;
  // weight: out x planes x 3 x 3; bias: out; both float32. `edges`: the last plane is that of
  // one_hot_with_edges. At most kMostLabels planes.
  // "Same" padding with zeros. activation: None or ReLU.
  LabelConvolution(const at::Tensor& weight, const at::Tensor& bias, int64_t stride, bool edges,
                   Activation activation);
  bool defined() const { return table_.defined(); }
  // ids: N x h x w uint8; an id that has no plane adds nothing. Returns N x out x ceil(h / stride) x
  // ceil(w / stride) float32, channels last.
  at::Tensor operator()(const at::Tensor& ids) const;

 private:
  int64_t stride_ = 1, labels_ = 0, rows_ = 0;  // rows: of the table, for each tap
  bool edges_ = false, relu_ = false;
  at::Tensor table_, bias_;  // 9 taps x rows x out, the last row zeros
};

// What a layer whose input is a one-hot map reads: the map in training and on a GPU, the labels themselves
// else.
class LabelInput {
 public:
  LabelInput() = default;
  // planes: of the layer's input, the edges' included where `edges`.
  LabelInput(int64_t planes, bool edges) : planes_(planes), edges_(edges) {}
  bool defined() const { return planes_ > 0; }
  // Of N x h x w uint8 ids.
  at::Tensor one_hot_map(const at::Tensor& ids) const;
  void fold(const at::Tensor& weight, const at::Tensor& bias, int64_t stride, Activation activation);
  const LabelConvolution& folded() const { return folded_; }

 private:
  int64_t planes_ = 0;
  bool edges_ = false;
  LabelConvolution folded_;
};

}  // namespace anomaly
