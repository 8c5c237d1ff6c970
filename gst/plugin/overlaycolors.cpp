// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlaycolors.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace anomaly {

ColorTable color_table(int opencv_colormap) {
  cv::Mat scores(256, 1, CV_8UC1), colors;
  std::iota(scores.data, scores.data + 256, static_cast<uint8_t>(0));
  cv::applyColorMap(scores, colors, opencv_colormap);
  ColorTable table;
  for (int i = 0; i < 256; ++i) {
    const auto& bgr = colors.at<cv::Vec3b>(i);
    for (int c = 0; c < 3; ++c) table[3 * i + c] = bgr[2 - c];
  }
  return table;
}

Color color_at(const ColorTable& colors, double score) {
  const double clamped = std::isfinite(score) ? std::clamp(score, 0.0, 1.0) : 0;
  const uint8_t* color = &colors[3 * static_cast<size_t>(std::lround(clamped * 255))];
  return {color[0], color[1], color[2]};
}

Color contrast(Color color) {
  return 299 * color.r + 587 * color.g + 114 * color.b > 127500 ? kBlack : kWhite;
}

}  // namespace anomaly
