// SPDX-License-Identifier: LGPL-2.1-or-later
// From pictures to tensors, and a batch prepared while the last one trains.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <future>
#include <opencv2/core.hpp>
#include <vector>

namespace anomaly::train {

// 8UC3 R G B pictures of one size -> N x 3 x H x W float32 in [0, 1], channels last.
at::Tensor pictures_to_tensor(const std::vector<cv::Mat>& pictures);
// 8UC1 maps of one size -> N x H x W uint8.
at::Tensor maps_to_tensor(const std::vector<cv::Mat>& maps);
// (x - mean) / deviation of ImageNet, as every network takes its pictures.
at::Tensor normalised(const at::Tensor& pictures);
// N x 3 x H x W in [0, 1] -> 8UC3 pictures, clamped.
std::vector<cv::Mat> tensor_to_pictures(const at::Tensor& tensor);

// Calls `make(step)` one step ahead on another thread.
template <typename Batch>
class Prefetch {
 public:
  Prefetch(std::function<Batch(int64_t)> make, int64_t first, int64_t end)
      : make_(std::move(make)), next_(first), end_(end) {
    start();
  }
  Batch take() {
    Batch batch = pending_.get();
    start();
    return batch;
  }

 private:
  void start() {
    if (next_ < end_) pending_ = std::async(std::launch::async, make_, next_++);
  }
  std::function<Batch(int64_t)> make_;
  int64_t next_, end_;
  std::future<Batch> pending_;
};

}  // namespace anomaly::train
