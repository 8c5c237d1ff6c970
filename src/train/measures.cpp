// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/measures.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <cmath>
#include <limits>
#include <opencv2/imgproc.hpp>

#include "src/train/batches.h"

namespace anomaly::train {

IouCounter::IouCounter(const DatasetConfig& config) {
  value_of_train_id_.fill(-1);
  for (const auto& ids : config.groups) {
    if (ids.empty()) continue;
    for (const int id : ids)
      if (value_of_train_id_[static_cast<size_t>(id)] < 0)
        value_of_train_id_[static_cast<size_t>(id)] = static_cast<int>(groups_.size());
    groups_.push_back(ids);
  }
  hit_.assign(groups_.size(), 0);
  truth_ = predicted_ = hit_;
}

void IouCounter::add(const cv::Mat& predicted, const cv::Mat& groups, const Groups& all) {
  std::array<int, 256> value_of_group;
  value_of_group.fill(-1);
  for (size_t g = 0; g < all.all().size(); ++g)
    for (size_t v = 0; v < groups_.size(); ++v) {
      std::vector<int> sorted = groups_[v];
      std::sort(sorted.begin(), sorted.end());
      if (sorted == all.all()[g]) value_of_group[g] = static_cast<int>(v);
    }
  for (int y = 0; y < groups.rows; ++y)
    for (int x = 0; x < groups.cols; ++x) {
      const int truth = value_of_group[groups.at<uint8_t>(y, x)];
      if (truth < 0) continue;
      const int guess = value_of_train_id_[predicted.at<uint8_t>(y, x)];
      ++truth_[static_cast<size_t>(truth)];
      if (guess >= 0) ++predicted_[static_cast<size_t>(guess)];
      if (guess == truth) ++hit_[static_cast<size_t>(truth)];
    }
}

std::vector<double> IouCounter::per_class() const {
  std::vector<double> values;
  for (size_t v = 0; v < hit_.size(); ++v) {
    const int64_t all = truth_[v] + predicted_[v] - hit_[v];
    values.push_back(all == 0 ? std::numeric_limits<double>::quiet_NaN()
                              : static_cast<double>(hit_[v]) / static_cast<double>(all));
  }
  return values;
}

double IouCounter::mean() const {
  double sum = 0;
  int count = 0;
  for (const double value : per_class())
    if (!std::isnan(value)) sum += value, ++count;
  return count == 0 ? 0 : sum / count;
}

cv::Mat predict_labels(const Segmenter& segmenter, const cv::Mat& rgb, const std::array<int, 2>& size) {
  const at::NoGradGuard no_grad;
  cv::Mat input;
  const bool shrinks = rgb.rows > size[0] && rgb.cols > size[1];
  cv::resize(rgb, input, {size[1], size[0]}, 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_CUBIC);
  const at::Tensor logits = segmenter(normalised(pictures_to_tensor({input})));
  const at::Tensor labels =
      at::upsample_bilinear2d(logits, {rgb.rows, rgb.cols}, true).argmax(1).to(at::kByte).contiguous();
  return cv::Mat(rgb.rows, rgb.cols, CV_8UC1, labels.data_ptr<uint8_t>()).clone();
}

double mean_iou(const Segmenter& segmenter, const DatasetConfig& config, const std::vector<Frame>& frames,
                const Groups& groups, const std::array<int, 2>& size, std::vector<double>* per_class) {
  IouCounter counter(config);
  for (const Frame& frame : frames)
    counter.add(predict_labels(segmenter, frame.rgb, size), frame.groups, groups);
  if (per_class) *per_class = counter.per_class();
  return counter.mean();
}

}  // namespace anomaly::train
