// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/ranking.h"

#include <algorithm>
#include <stdexcept>

namespace anomaly::train {

void Ranking::add(const at::Tensor& scores, const at::Tensor& targets) {
  if (scores.sizes() != targets.sizes()) throw std::invalid_argument("scores and targets differ in size");
  const at::Tensor s = scores.to(at::kFloat).contiguous(), t = targets.contiguous();
  const float* score = s.const_data_ptr<float>();
  const uint8_t* target = t.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < s.numel(); ++i)
    if (target[i] <= 1) pixels_.emplace_back(score[i], target[i] == 1);
}

RankingMeasures Ranking::measure() const {
  RankingMeasures result;
  for (const auto& pixel : pixels_) (pixel.second ? result.positives : result.negatives) += 1;
  if (result.positives == 0 || result.negatives == 0) return result;
  auto sorted = pixels_;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  const double positives = static_cast<double>(result.positives),
               negatives = static_cast<double>(result.negatives);
  double hits = 0, alarms = 0, last_recall = 0, last_rate = 0;
  bool reached = false;
  for (size_t i = 0; i < sorted.size();) {
    const float threshold = sorted[i].first;
    for (; i < sorted.size() && sorted[i].first == threshold; ++i) (sorted[i].second ? hits : alarms) += 1;
    const double recall = hits / positives, rate = alarms / negatives;
    result.average_precision += (recall - last_recall) * hits / (hits + alarms);
    result.auroc += (rate - last_rate) * (recall + last_recall) / 2;
    if (!reached && recall >= 0.95) {
      result.fpr95 = rate;
      reached = true;
    }
    last_recall = recall;
    last_rate = rate;
  }
  return result;
}

}  // namespace anomaly::train
