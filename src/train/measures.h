// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "src/eval/iou.h"
#include "src/train/frames.h"

namespace anomaly::train {

// eval::IouCounter over the label values of one data set, those whose group is not empty, for frames that
// hold groups of all data sets instead of label values.
class IouCounter {
 public:
  // Throws Error(BadSettings) naming the data set where two of its label values claim one train id.
  explicit IouCounter(const DatasetConfig& config);
  // predicted: H x W train ids. groups: H x W indices into `all`, other values ignored.
  void add(const cv::Mat& predicted, const cv::Mat& groups, const Groups& all);
  // NaN for a value that neither occurs nor is predicted.
  std::vector<double> per_class() const { return counter_.per_value(); }
  double mean() const { return counter_.mean(); }  // over the values that occur or are predicted

 private:
  eval::LabelGroups groups_;
  eval::IouCounter counter_;
};

struct Segmenter {
  std::function<at::Tensor(const at::Tensor&)> logits;  // for a normalised batch of one picture
  bool align_corners = true;                            // how they lie on the picture
};

// Train ids at the frame's own size, from logits of the frame resized to `size` (height, width).
cv::Mat predict_labels(const Segmenter& segmenter, const cv::Mat& rgb, const std::array<int, 2>& size);

double mean_iou(const Segmenter& segmenter, const DatasetConfig& config, const std::vector<Frame>& frames,
                const Groups& groups, const std::array<int, 2>& size,
                std::vector<double>* per_class = nullptr);

}  // namespace anomaly::train
