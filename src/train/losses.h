// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace anomaly::train {

// Cross-entropy where a label may stand for several classes: -log of the sum of their probabilities.
class GroupLoss {
 public:
  // groups: per group its classes. weights: per group, how much a pixel of it counts. overlap: how much is
  // added of one minus the soft intersection over union (Rahman and Wang, ISVC 2016), the mean over the
  // groups that each picture shows, where a thin pole counts as much as a wall.
  GroupLoss(const std::vector<std::vector<int>>& groups, const std::vector<float>& weights, int64_t classes,
            double overlap = 0);
  // logits: N x classes x H x W. targets: N x H x W uint8 group indices; those past the last group are
  // ignored. The weighted mean over the pixels that count, a scalar; zero (with gradients) where none does.
  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& targets) const;

 private:
  double overlap_;
  at::Tensor members_;  // groups x classes: 1 inside a group, 0 outside
  at::Tensor weights_;  // groups
};

}  // namespace anomaly::train
