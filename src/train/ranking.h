// SPDX-License-Identifier: LGPL-2.1-or-later
// The measures of src/eval/ranking.h, fed with tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include "src/eval/ranking.h"

namespace anomaly::train {

using eval::RankingMeasures;

class Ranking : public eval::Ranking {
 public:
  // scores: h x w float32. targets: h x w uint8, 0 known, 1 anomaly, anything else ignored.
  void add(const at::Tensor& scores, const at::Tensor& targets);
};

}  // namespace anomaly::train
