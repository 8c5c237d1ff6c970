// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/eval/ranking.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>

namespace anomaly::eval {

namespace {

// Neumaier's compensated sum: a hundred million terms lose no digit that shows.
class Sum {
 public:
  void add(double term) {
    const double next = sum_ + term;
    lost_ += std::abs(sum_) >= std::abs(term) ? (sum_ - next) + term : (term - next) + sum_;
    sum_ = next;
  }
  double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0, lost_ = 0;
};

// How many elements from `at` on equal scores[at]'s `value`.
size_t skip_equal(const std::vector<float>& scores, size_t at, float value) {
  while (at < scores.size() && scores[at] == value) ++at;
  return at;
}

}  // namespace

void Ranking::reserve(int64_t positives, int64_t negatives) {
  positives_.reserve(positives_.size() + static_cast<size_t>(positives));
  negatives_.reserve(negatives_.size() + static_cast<size_t>(negatives));
}

void Ranking::add(const float* scores, const uint8_t* targets, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (targets[i] != kNormal && targets[i] != kAnomalous) continue;
    if (std::isnan(scores[i])) throw std::invalid_argument("a score is not a number");
    (targets[i] == kAnomalous ? positives_ : negatives_).push_back(scores[i]);
  }
}

RankingMeasures Ranking::measure(int curve_points) {
  RankingMeasures result;
  result.positives = static_cast<int64_t>(positives_.size());
  result.negatives = static_cast<int64_t>(negatives_.size());
  if (!result.defined()) return result;
  std::sort(positives_.begin(), positives_.end(), std::greater<>());
  std::sort(negatives_.begin(), negatives_.end(), std::greater<>());

  const size_t all_positives = positives_.size(), all_negatives = negatives_.size();
  const auto share = [](size_t part, size_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
  };
  Sum precision_sum;
  uint64_t pairs = 0;  // twice the pairs ranked right, ties once: at most 2 * 2^31 * 2^31
  size_t hits = 0, alarms = 0;
  bool reached = false;
  const double step = curve_points > 0 ? 1.0 / curve_points : 2;
  while (hits < all_positives || alarms < all_negatives) {
    const bool of_positive =
        alarms == all_negatives || (hits < all_positives && positives_[hits] >= negatives_[alarms]);
    const float threshold = of_positive ? positives_[hits] : negatives_[alarms];
    const size_t hits_before = hits, alarms_before = alarms;
    hits = skip_equal(positives_, hits, threshold);
    alarms = skip_equal(negatives_, alarms, threshold);
    // Every new negative lies below the positives before it, level with the new ones.
    pairs += static_cast<uint64_t>(alarms - alarms_before) * (hits_before + hits);
    if (hits == hits_before) continue;  // recall stays, precision falls: nothing to note
    const double precision = share(hits, hits + alarms);
    precision_sum.add(static_cast<double>(hits - hits_before) * precision);
    if (!reached && hits * 100 >= all_positives * 95) {
      result.fpr95 = share(alarms, all_negatives);
      reached = true;
    }
    const double f1 = share(2 * hits, all_positives + hits + alarms);
    if (f1 > result.best_f1) {
      result.best_f1 = f1;
      result.best_f1_threshold = threshold;
    }
    const double recall = share(hits, all_positives);
    if (curve_points > 0 &&
        (result.curve.empty() || recall - result.curve.back().recall >= step || hits == all_positives))
      result.curve.push_back({recall, precision, threshold});
  }
  result.average_precision = precision_sum.value() / static_cast<double>(all_positives);
  result.auroc = static_cast<double>(pairs) / 2 /
                 (static_cast<double>(all_positives) * static_cast<double>(all_negatives));
  return result;
}

}  // namespace anomaly::eval
