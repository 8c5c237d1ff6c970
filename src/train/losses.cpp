// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

namespace anomaly::train {

namespace {

constexpr double kLeastProbability = 1e-30;  // of float32, with room for its reciprocal

}  // namespace

GroupLoss::GroupLoss(const std::vector<std::vector<int>>& groups, const std::vector<float>& weights,
                     int64_t classes, double overlap)
    : overlap_(overlap) {
  const int64_t count = static_cast<int64_t>(groups.size());
  members_ = at::zeros({count, classes}, at::kFloat);
  weights_ = at::zeros({count}, at::kFloat);
  for (int64_t g = 0; g < count; ++g) {
    for (const int id : groups[static_cast<size_t>(g)]) members_[g][id] = 1;
    weights_[g] = weights[static_cast<size_t>(g)];
  }
}

at::Tensor GroupLoss::operator()(const at::Tensor& logits, const at::Tensor& targets) const {
  const int64_t groups = members_.size(0);
  const at::Tensor all_members = members_.to(logits.device()), all_weights = weights_.to(logits.device());
  const at::Tensor probabilities = logits.contiguous().softmax(1).flatten(2);
  const at::Tensor zero = at::zeros({}, logits.options().requires_grad(false));
  at::Tensor entropy = zero, weight = zero, overlap = zero;
  int64_t shown_groups = 0;
  for (int64_t n = 0; n < logits.size(0); ++n) {
    const at::Tensor target = targets[n].reshape({-1}).to(at::kLong).clamp_max(groups);
    const at::Tensor shown = target.bincount({}, groups + 1).slice(0, 0, groups).nonzero().squeeze(1);
    if (shown.numel() == 0) continue;
    const at::Tensor truth = (target == shown.unsqueeze(1)).to(at::kFloat);  // groups shown x pixels
    const at::Tensor counted = truth.sum(0);
    const at::Tensor of_group = at::matmul(all_members.index_select(0, shown), probabilities[n]) * counted;
    const at::Tensor of_truth = of_group * truth;
    const at::Tensor pixel_weight = at::matmul(all_weights.index_select(0, shown), truth);
    const at::Tensor surprise = of_truth.sum(0).clamp_min(kLeastProbability).log();
    entropy = entropy - (surprise * pixel_weight).sum();
    weight = weight + pixel_weight.sum();
    shown_groups += shown.numel();
    if (overlap_ <= 0) continue;
    const at::Tensor common = of_truth.sum(1);
    overlap = overlap + (1 - common / (of_group.sum(1) + truth.sum(1) - common)).sum();
  }
  if (shown_groups == 0) return logits.sum() * 0;
  const at::Tensor loss = entropy / weight.clamp_min(1e-6);
  return overlap_ <= 0 ? loss : loss + overlap_ / static_cast<double>(shown_groups) * overlap;
}

}  // namespace anomaly::train
