// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace anomaly::train {

// Cross-entropy where a label may stand for several classes: -log of the sum of their probabilities.
class GroupLoss {
 public:
  // groups: per group its classes. weights: per group, how much a pixel of it counts.
  GroupLoss(const std::vector<std::vector<int>>& groups, const std::vector<float>& weights, int64_t classes);
  // logits: N x classes x H x W. targets: N x H x W uint8 group indices; those past the last group are
  // ignored. The weighted mean over the pixels that count, a scalar; zero (with gradients) where none does.
  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& targets) const;

 private:
  int64_t classes_;
  at::Tensor mask_;     // groups + 1 x classes: 0 inside a group, a large negative number outside
  at::Tensor weights_;  // groups + 1
};

}  // namespace anomaly::train
