// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/weather.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace anomaly::train {

namespace {

// out = in * gain + lift, per channel.
void scale_channels(cv::Mat& rgb, const std::array<double, 3>& gain, double lift) {
  cv::Mat lookup(1, 256, CV_8UC3);
  for (int value = 0; value < 256; ++value)
    for (int channel = 0; channel < 3; ++channel)
      lookup.at<cv::Vec3b>(0, value)[channel] =
          cv::saturate_cast<uchar>(value * gain[static_cast<size_t>(channel)] + lift);
  cv::LUT(rgb, lookup, rgb);
}

void add_noise(Random& random, cv::Mat& rgb, double deviation) {
  cv::RNG generator(random.next());
  cv::Mat grain(rgb.size(), CV_16SC3), wide;
  generator.fill(grain, cv::RNG::NORMAL, 0, deviation);
  rgb.convertTo(wide, CV_16SC3);
  wide += grain;
  wide.convertTo(rgb, CV_8UC3);
}

}  // namespace

void paint_night(Random& random, cv::Mat& rgb) {
  const double gain = random.uniform(0.12, 0.4);
  scale_channels(rgb, {gain * random.uniform(0.8, 1.1), gain, gain * random.uniform(1.0, 1.35)},
                 random.uniform(0, 8));
  // Glows, of lamps and headlights: wide soft spots, computed at an eighth of the size.
  cv::Mat small = cv::Mat::zeros(rgb.rows / 8 + 1, rgb.cols / 8 + 1, CV_8UC3), glow;
  for (int64_t lamp = random.below(5); lamp > 0; --lamp) {
    const int x = static_cast<int>(random.below(small.cols)), y = static_cast<int>(random.below(small.rows));
    const double light = random.uniform(90, 255);
    cv::circle(small, {x, y}, 1 + static_cast<int>(random.below(3)),
               cv::Scalar(light, light * 0.9, light * 0.7), -1);
  }
  cv::GaussianBlur(small, small, {}, random.uniform(1, 2.5));
  cv::resize(small, glow, rgb.size(), 0, 0, cv::INTER_LINEAR);
  rgb += glow;
  add_noise(random, rgb, random.uniform(2, 8));
}

void paint_rain(Random& random, cv::Mat& rgb) {
  const double gain = random.uniform(0.6, 0.9);
  scale_channels(rgb, {gain, gain, gain * 1.03}, random.uniform(10, 35));
  const double angle = random.uniform(-0.35, 0.35), length = random.uniform(6, 22);
  const int drops = rgb.rows * rgb.cols / 700;
  cv::Mat streaks = cv::Mat::zeros(rgb.size(), CV_8UC3);
  for (int i = 0; i < drops; ++i) {
    const double x = random.uniform(0, rgb.cols), y = random.uniform(0, rgb.rows),
                 reach = length * random.uniform(0.5, 1);
    cv::line(streaks, cv::Point2d(x, y),
             cv::Point2d(x + reach * std::sin(angle), y + reach * std::cos(angle)),
             cv::Scalar::all(random.uniform(20, 60)), 1, cv::LINE_AA);
  }
  rgb += streaks;
  if (random.chance(0.5)) cv::GaussianBlur(rgb, rgb, {}, random.uniform(0.4, 1.2));
}

void paint_fog(Random& random, cv::Mat& rgb) {
  const double horizon = random.uniform(0.3, 0.55) * rgb.rows, thickness = random.uniform(0.35, 0.85),
               light = random.uniform(150, 235);
  for (int y = 0; y < rgb.rows; ++y) {
    // Above the horizon all is far; below, distance falls as 1 / (rows under the horizon).
    const double distance = y <= horizon ? 1 : 1 / (1 + 8 * (y - horizon) / rgb.rows);
    const double amount = thickness * distance;
    cv::Mat row = rgb.row(y);
    row.convertTo(row, -1, 1 - amount, amount * light);
  }
}

}  // namespace anomaly::train
