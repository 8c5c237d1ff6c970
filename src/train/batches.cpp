// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/batches.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <cstring>

namespace anomaly::train {

namespace {

at::Tensor stack(const std::vector<cv::Mat>& mats, int64_t channels) {
  const int height = mats.at(0).rows, width = mats.at(0).cols;
  at::Tensor all = at::empty({static_cast<int64_t>(mats.size()), height, width, channels}, at::kByte);
  const size_t row = static_cast<size_t>(width) * static_cast<size_t>(channels);
  uint8_t* out = all.data_ptr<uint8_t>();
  for (const cv::Mat& mat : mats)
    for (int y = 0; y < height; ++y, out += row) std::memcpy(out, mat.ptr(y), row);
  return all;
}

}  // namespace

at::Tensor pictures_to_tensor(const std::vector<cv::Mat>& pictures) {
  return stack(pictures, 3).to(at::kFloat).div_(255).permute({0, 3, 1, 2});
}

at::Tensor maps_to_tensor(const std::vector<cv::Mat>& maps) {
  return stack(maps, 1).squeeze(-1);
}

at::Tensor normalised(const at::Tensor& pictures) {
  static const at::Tensor mean = at::tensor({0.485f, 0.456f, 0.406f}).view({1, 3, 1, 1});
  static const at::Tensor deviation = at::tensor({0.229f, 0.224f, 0.225f}).view({1, 3, 1, 1});
  return (pictures - mean.to(pictures.device())) / deviation.to(pictures.device());
}

std::vector<cv::Mat> tensor_to_pictures(const at::Tensor& tensor) {
  const at::Tensor bytes =
      tensor.detach().clamp(0, 1).mul(255).round().to(at::kByte).permute({0, 2, 3, 1}).contiguous();
  std::vector<cv::Mat> pictures;
  for (int64_t i = 0; i < bytes.size(0); ++i)
    pictures.push_back(cv::Mat(static_cast<int>(bytes.size(1)), static_cast<int>(bytes.size(2)), CV_8UC3,
                               bytes[i].data_ptr<uint8_t>())
                           .clone());
  return pictures;
}

}  // namespace anomaly::train
