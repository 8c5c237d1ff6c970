// SPDX-License-Identifier: LGPL-2.1-or-later
// Component-wise measures as in SegmentMeIfYouCan (Chan et al., NeurIPS 2021 Datasets and Benchmarks,
// arXiv 2104.14812, and the benchmark's published program): how well whole things are found, whatever their
// size.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace anomaly::eval {

// 8-connected components of the pixels that are not 0.
struct Components {
  std::vector<int32_t>
      labels;                  // height x width; 0 = none, 1 .. count() by their first pixel in reading order
  std::vector<int64_t> areas;  // areas[label - 1], pixels
  int32_t count() const { return static_cast<int32_t>(areas.size()); }
};
// mask: height x width. Throws std::invalid_argument where it has 2^31 pixels or more.
Components find_components(const uint8_t* mask, int width, int height);

struct ComponentOptions {
  int64_t min_prediction = 50;  // pixels; smaller predicted components are removed
  int64_t min_truth = 10;       // pixels; smaller true components are ignored, with what is predicted there
};

// sIoU of a true component k, K(k) being the union of the predicted ones that overlap it:
//   |k and K(k)| / |(k or K(k)) without the pixels of other true components|
// PPV of a predicted component: the share of its pixels that lie on true components.
// With 11 thresholds t = 0.25, 0.30, .. 0.75: TP = true components with sIoU >= t, FN = the others,
// FP = predicted ones with PPV < t, F1(t) = 2 TP / (2 TP + FN + FP) over the whole set; F1* = their mean.
struct ComponentMeasures {
  double siou = 0, ppv = 0;  // means over all true, all predicted components
  double f1 = 0;             // F1*
  int64_t truths = 0, predictions = 0;
  std::array<double, 11> f1_at{};
};

class ComponentCounter {
 public:
  explicit ComponentCounter(const ComponentOptions& options) : options_(options) {}
  // One frame. predicted: 0 or not. targets: kNormal, kAnomalous, anything else ignored: nothing counts
  // there.
  void add(const uint8_t* predicted, const uint8_t* targets, int width, int height);
  // siou is undefined (0) without true, ppv without predicted components.
  ComponentMeasures measure() const;

 private:
  static constexpr int kThresholds = 11;
  ComponentOptions options_;
  double siou_sum_ = 0, ppv_sum_ = 0;
  int64_t truths_ = 0, predictions_ = 0;
  std::array<int64_t, kThresholds> hits_{}, false_alarms_{};
};

}  // namespace anomaly::eval
