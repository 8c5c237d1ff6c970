// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/zeros.h>

namespace anomaly::train {

GroupLoss::GroupLoss(const std::vector<std::vector<int>>& groups, const std::vector<float>& weights,
                     int64_t classes)
    : classes_(classes) {
  const int64_t count = static_cast<int64_t>(groups.size());
  mask_ = at::full({count + 1, classes}, -1e4, at::kFloat);
  weights_ = at::zeros({count + 1}, at::kFloat);
  for (int64_t g = 0; g < count; ++g) {
    for (const int id : groups[static_cast<size_t>(g)]) mask_[g][id] = 0;
    weights_[g] = weights[static_cast<size_t>(g)];
  }
}

at::Tensor GroupLoss::operator()(const at::Tensor& logits, const at::Tensor& targets) const {
  const at::Tensor rows = logits.permute({0, 2, 3, 1}).reshape({-1, classes_});
  const at::Tensor index = targets.reshape({-1}).to(at::kLong).clamp_max(mask_.size(0) - 1);
  const at::Tensor weight = weights_.index_select(0, index);
  const at::Tensor loss = at::logsumexp(rows, 1) - at::logsumexp(rows + mask_.index_select(0, index), 1);
  return (loss * weight).sum() / weight.sum().clamp_min(1e-6);
}

}  // namespace anomaly::train
