// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/ranking.h"

#include <stdexcept>

namespace anomaly::train {

void Ranking::add(const at::Tensor& scores, const at::Tensor& targets) {
  if (scores.sizes() != targets.sizes()) throw std::invalid_argument("scores and targets differ in size");
  const at::Tensor s = scores.to(at::kFloat).contiguous(), t = targets.contiguous();
  eval::Ranking::add(s.const_data_ptr<float>(), t.const_data_ptr<uint8_t>(), static_cast<size_t>(s.numel()));
}

}  // namespace anomaly::train
