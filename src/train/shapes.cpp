// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/shapes.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace anomaly::train {

namespace {

constexpr double kPi = 3.14159265358979323846;

void add_ellipse(Random& random, cv::Mat& mask) {
  const double w = mask.cols, h = mask.rows;
  cv::ellipse(mask,
              cv::Point(static_cast<int>(w * random.uniform(0.35, 0.65)),
                        static_cast<int>(h * random.uniform(0.35, 0.65))),
              cv::Size(static_cast<int>(w * random.uniform(0.12, 0.4)),
                       static_cast<int>(h * random.uniform(0.12, 0.4))),
              random.uniform(0, 180), 0, 360, cv::Scalar(255), -1);
}

// Corners at random distances from a middle, in order: never crosses itself.
void add_polygon(Random& random, cv::Mat& mask) {
  const double x = mask.cols * random.uniform(0.4, 0.6), y = mask.rows * random.uniform(0.4, 0.6),
               turn = random.uniform(0, 2 * kPi);
  const int64_t count = 3 + random.below(5);
  std::vector<cv::Point> corners;
  for (int64_t i = 0; i < count; ++i) {
    const double angle = turn + 2 * kPi * (static_cast<double>(i) + random.uniform(-0.3, 0.3)) /
                                    static_cast<double>(count),
                 reach = random.uniform(0.2, 0.5);
    corners.emplace_back(static_cast<int>(x + reach * mask.cols * std::cos(angle)),
                         static_cast<int>(y + reach * mask.rows * std::sin(angle)));
  }
  cv::fillPoly(mask, std::vector<std::vector<cv::Point>>{corners}, cv::Scalar(255));
}

void paint_surface(Random& random, cv::Mat& rgb) {
  cv::Scalar one, other;
  for (int c = 0; c < 3; ++c) {
    one[c] = random.uniform(10, 245);
    other[c] = std::clamp(one[c] + random.uniform(-120, 120), 0.0, 255.0);
  }
  rgb.setTo(one);
  const int64_t kind = random.below(4);
  if (kind == 0) return;
  if (kind == 1) {  // speckle
    cv::RNG noise(random.next());
    cv::Mat grain(rgb.rows / 2 + 1, rgb.cols / 2 + 1, CV_8UC1);
    noise.fill(grain, cv::RNG::UNIFORM, 0, 256);
    cv::resize(grain, grain, rgb.size(), 0, 0, cv::INTER_LINEAR);
    rgb.setTo(other, grain > random.uniform(90, 200));
    return;
  }
  // A wave across: long, it is a gradient; short, stripes.
  const double angle = random.uniform(0, kPi), length = random.log_uniform(6, kind == 2 ? 40 : 300);
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; ++x) {
      const double wave = std::sin(2 * kPi * (x * std::cos(angle) + y * std::sin(angle)) / length);
      const double share = kind == 2 ? (wave > 0 ? 1 : 0) : 0.5 + 0.5 * wave;
      for (int c = 0; c < 3; ++c)
        rgb.at<cv::Vec3b>(y, x)[c] = cv::saturate_cast<uchar>(one[c] + share * (other[c] - one[c]));
    }
}

}  // namespace

PastedObject random_shape(const std::vector<PastedObject>& surfaces, Random& random) {
  const cv::Size size(64 + static_cast<int>(random.below(97)), 64 + static_cast<int>(random.below(97)));
  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1), rgb(size, CV_8UC3);
  for (int64_t left = 1 + random.below(4); left > 0; --left)
    random.chance(0.5) ? add_ellipse(random, mask) : add_polygon(random, mask);
  if (!surfaces.empty() && random.chance(0.5)) {
    const cv::Mat& whole =
        surfaces[static_cast<size_t>(random.below(static_cast<int64_t>(surfaces.size())))].rgb;
    const int w = std::max(8, static_cast<int>(whole.cols * random.uniform(0.3, 0.9))),
              h = std::max(8, static_cast<int>(whole.rows * random.uniform(0.3, 0.9)));
    const cv::Rect patch = cv::Rect(static_cast<int>(random.below(std::max(1, whole.cols - w + 1))),
                                    static_cast<int>(random.below(std::max(1, whole.rows - h + 1))), w, h) &
                           cv::Rect({0, 0}, whole.size());
    cv::resize(whole(patch), rgb, size, 0, 0, cv::INTER_AREA);
  } else {
    paint_surface(random, rgb);
  }
  // Lighter above, darker below, as under a sky.
  const double depth = random.uniform(0, 0.5);
  for (int y = 0; y < rgb.rows; ++y) {
    cv::Mat row = rgb.row(y);
    row.convertTo(row, -1, 1 + depth * (0.5 - static_cast<double>(y) / rgb.rows));
  }
  const cv::Rect box = cv::boundingRect(mask);
  return {"shape", "", rgb(box).clone(), mask(box).clone()};
}

}  // namespace anomaly::train
