// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/preview.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "src/bundle/bundle.h"
#include "src/error.h"

namespace anomaly::train {

namespace fs = std::filesystem;

void write_preview(const Session& session, const std::string& stage, int64_t steps, const cv::Mat& rgb) {
  if (rgb.empty()) return;
  const fs::path folder = fs::path(session.work) / "previews";
  std::error_code failed;
  fs::create_directories(folder, failed);
  char name[64];
  std::snprintf(name, sizeof name, "-%06lld.jpg", static_cast<long long>(steps));
  const std::string path = (folder / (stage + name)).string();
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  if (failed || !cv::imwrite(path, bgr)) throw Error(ErrorKind::Io, path + ": the preview cannot be written");
}

cv::Mat segmentation_sheet(const Session& session, const Segmenter& segmenter,
                           const std::array<int, 2>& size) {
  constexpr size_t kFrames = 2;  // of a data set
  const auto classes = cityscapes_classes();
  cv::Mat sheet;
  for (const Dataset& dataset : session.datasets) {
    if (dataset.config.segmentation_share() <= 0) continue;
    for (size_t i = 0; i < std::min(kFrames, dataset.held_out.size()); ++i) {
      const cv::Mat& rgb = dataset.held_out[i].rgb;
      const cv::Mat labels = predict_labels(segmenter, rgb, size);
      cv::Mat colours(labels.size(), CV_8UC3), both;
      for (int y = 0; y < labels.rows; ++y)
        for (int x = 0; x < labels.cols; ++x) {
          const auto& colour = classes.at(labels.at<uint8_t>(y, x)).color;
          colours.at<cv::Vec3b>(y, x) = {colour[0], colour[1], colour[2]};
        }
      std::vector<cv::Mat> column(2);
      cv::resize(rgb, column[0], {size[1], size[0]}, 0, 0, cv::INTER_AREA);
      cv::resize(colours, column[1], {size[1], size[0]}, 0, 0, cv::INTER_NEAREST);
      cv::vconcat(column, both);
      if (sheet.empty())
        sheet = both;
      else
        cv::hconcat(std::vector<cv::Mat>{sheet, both}, sheet);
    }
  }
  return sheet;
}

}  // namespace anomaly::train
