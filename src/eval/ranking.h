// SPDX-License-Identifier: LGPL-2.1-or-later
// Average precision, AUROC and the false-positive rate at 95 % true positives over all labelled pixels of a
// set, exact: no bins, no interpolation. No LibTorch here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace anomaly::eval {

// What a pixel's mask says of it; every other value is ignored as well.
inline constexpr uint8_t kNormal = 0, kAnomalous = 1, kIgnored = 255;

struct CurvePoint {
  double recall = 0, precision = 0;  // of the pixels at or over `threshold`
  float threshold = 0;
};

struct RankingMeasures {
  // With P positives and N negatives, and over the distinct scores t from the highest down, TP and FP the
  // positives and negatives at or over t:
  double average_precision = 0;  // sum of (TP - TP before) / P * TP / (TP + FP)
  double auroc = 0;              // share of the P * N pairs that are ranked right, ties counted half
  double fpr95 = 1;              // FP / N at the first t with TP / P >= 0.95
  // The t with the highest F1 = 2 TP / (P + TP + FP), the highest of them; and that F1.
  double best_f1 = 0;
  float best_f1_threshold = 0;
  int64_t positives = 0, negatives = 0;
  std::vector<CurvePoint> curve;  // by rising recall, at most `curve_points` + 2 of the distinct scores
  bool defined() const { return positives > 0 && negatives > 0; }
};

class Ranking {
 public:
  // Room for that many more pixels; without it the arrays grow by doubling.
  void reserve(int64_t positives, int64_t negatives);
  // scores and targets: `count` each. Throws std::invalid_argument on a score that is not a number.
  void add(const float* scores, const uint8_t* targets, size_t count);
  int64_t pixels() const { return static_cast<int64_t>(positives_.size() + negatives_.size()); }

  // Sorts the scores in place: 4 bytes a pixel are all that is ever held. Where one of the two kinds is
  // missing the measures are undefined: defined() is false, the figures are zero (fpr95 one).
  RankingMeasures measure(int curve_points = 0);

 private:
  std::vector<float> positives_, negatives_;
};

}  // namespace anomaly::eval
