// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/measures.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "src/error.h"
#include "src/train/augment.h"
#include "src/train/batches.h"

namespace anomaly::train {

namespace {

eval::IouCounter counter_of(const DatasetConfig& config) {
  try {
    return eval::IouCounter(config.groups);
  } catch (const std::invalid_argument& problem) {
    throw Error(ErrorKind::BadSettings, "the groups of data set " + config.name + ": " + problem.what());
  }
}

}  // namespace

IouCounter::IouCounter(const DatasetConfig& config) : groups_(config.groups), counter_(counter_of(config)) {}

void IouCounter::add(const cv::Mat& predicted, const cv::Mat& groups, const Groups& all) {
  constexpr uint8_t kIgnored =
      255;  // no data set has a value of that number: a configuration lists up to 255
  std::array<uint8_t, 256> value_of_group;
  value_of_group.fill(kIgnored);
  for (size_t g = 0; g < all.all().size(); ++g)
    for (size_t v = 0; v < groups_.size(); ++v) {
      std::vector<int> sorted = groups_[v];
      std::sort(sorted.begin(), sorted.end());
      sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
      if (sorted == all.all()[g]) value_of_group[g] = static_cast<uint8_t>(v);
    }
  cv::Mat values;
  cv::LUT(groups, cv::Mat(1, 256, CV_8U, value_of_group.data()), values);
  const cv::Mat guesses = predicted.isContinuous() ? predicted : predicted.clone();
  counter_.add(guesses.ptr(), values.ptr(), values.total());
}

cv::Mat predict_labels(const Segmenter& segmenter, const cv::Mat& rgb, const std::array<int, 2>& size) {
  const at::NoGradGuard no_grad;
  cv::Mat input;
  resize_picture(rgb, input, {size[1], size[0]});
  const at::Tensor logits = segmenter.logits(normalised(pictures_to_tensor({input})));
  const at::Tensor labels = at::upsample_bilinear2d(logits, {rgb.rows, rgb.cols}, segmenter.align_corners)
                                .argmax(1)
                                .to(at::kByte)
                                .contiguous();
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
