// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/eval/thumbnails.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "kernels/heatmap.h"
#include "src/error.h"

namespace anomaly::eval {

namespace {

std::vector<uint8_t> encode(const cv::Mat& bgr, int quality) {
  std::vector<uint8_t> bytes;
  if (!cv::imencode(".jpg", bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, quality}))
    throw Error(ErrorKind::Io, "a picture cannot be encoded as JPEG");
  return bytes;
}

std::string as_text(const std::vector<uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

// 256 x 3 R G B of a score from 0 to 1.
const cv::Mat& colours() {
  static const cv::Mat table = [] {
    cv::Mat ramp(1, 256, CV_8UC1), coloured;
    std::iota(ramp.begin<uint8_t>(), ramp.end<uint8_t>(), uint8_t{0});
    cv::applyColorMap(ramp, coloured, cv::COLORMAP_TURBO);
    cv::cvtColor(coloured, coloured, cv::COLOR_BGR2RGB);
    return coloured;
  }();
  return table;
}

}  // namespace

std::vector<uint8_t> thumbnail(const std::vector<uint8_t>& rgb, int width, int height) {
  const cv::Mat whole(height, width, CV_8UC3, const_cast<uint8_t*>(rgb.data()));
  cv::Mat small = whole;
  if (width > kThumbnailWidth) {
    const double scale = static_cast<double>(kThumbnailWidth) / width;
    cv::resize(whole, small, {kThumbnailWidth, std::max(1, static_cast<int>(std::lround(height * scale)))}, 0,
               0, cv::INTER_AREA);
  }
  cv::Mat bgr;
  cv::cvtColor(small, bgr, cv::COLOR_RGB2BGR);
  return encode(bgr, 92);
}

void draw_example(const std::vector<uint8_t>& jpeg, const float* map, int map_width, int map_height,
                  const std::vector<uint8_t>& targets, int width, int height, Example& example) {
  cv::Mat picture = cv::imdecode(jpeg, cv::IMREAD_COLOR);
  cv::Mat heat = picture.clone();
  MutableFrameView view;
  view.format = PixelFormat::BGR;
  view.range = ColorRange::Full;
  view.width = heat.cols;
  view.height = heat.rows;
  view.plane[0] = heat.data;
  view.stride[0] = static_cast<std::ptrdiff_t>(heat.step);
  HeatmapStyle style;
  style.lut = colours().data;
  style.opacity = 0.9f;
  style.threshold = 0;
  blend_heatmap(view, map, map_width, map_height, {}, style);

  if (!targets.empty()) {
    const cv::Mat truth(height, width, CV_8UC1, const_cast<uint8_t*>(targets.data()));
    cv::Mat small, outline;
    cv::resize(truth, small, picture.size(), 0, 0, cv::INTER_NEAREST);
    const cv::Mat anomalous = small == kAnomalous, ignored = (small != kAnomalous) & (small != kNormal);
    cv::Mat dimmed;
    picture.convertTo(dimmed, -1, 0.5);
    dimmed.copyTo(picture, ignored);
    cv::dilate(anomalous, outline, cv::Mat(), {-1, -1}, 2);
    outline -= anomalous;
    picture.setTo(cv::Scalar(255, 0, 255), outline);
  }
  example.picture = as_text(encode(picture, 82));
  example.heatmap = as_text(encode(heat, 82));
  example.width = picture.cols;
  example.height = picture.rows;
}

}  // namespace anomaly::eval
