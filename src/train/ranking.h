// SPDX-License-Identifier: LGPL-2.1-or-later
// Average precision, AUROC and the false-positive rate at 95 % true positives, over all labelled pixels of a
// set.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace anomaly::train {

struct RankingMeasures {
  double average_precision = 0, auroc = 0, fpr95 = 1;
  int64_t positives = 0, negatives = 0;
};

class Ranking {
 public:
  // scores: h x w float32. targets: h x w uint8, 0 known, 1 anomaly, anything else ignored.
  void add(const at::Tensor& scores, const at::Tensor& targets);
  // Steps at every distinct score, no interpolation; fpr95 at the first threshold that reaches 95 %.
  // All zero (fpr95 one) where one of the two kinds is missing.
  RankingMeasures measure() const;

 private:
  std::vector<std::pair<float, bool>> pixels_;
};

}  // namespace anomaly::train
