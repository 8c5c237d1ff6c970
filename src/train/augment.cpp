// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/augment.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "src/train/weather.h"

namespace anomaly::train {

void resize_picture(const cv::Mat& rgb, cv::Mat& resized, cv::Size size) {
  const auto along = [](int from, int to) { return to < from ? cv::INTER_AREA : cv::INTER_CUBIC; };
  cv::Mat narrow;
  cv::resize(rgb, narrow, {size.width, rgb.rows}, 0, 0, along(rgb.cols, size.width));
  cv::resize(narrow, resized, size, 0, 0, along(rgb.rows, size.height));
}

void random_crop(const Geometry& geometry, Random& random, cv::Mat& rgb, cv::Mat& labels, int focus) {
  const int step = geometry.label_step;
  const double scale = random.log_uniform(geometry.scale_low, geometry.scale_high);
  const double stretch = std::exp(random.uniform(-geometry.aspect, geometry.aspect));
  // In steps from here on.
  const cv::Size frame(std::max(16, static_cast<int>(geometry.full_width * scale * stretch)) / step,
                       std::max(16, static_cast<int>(geometry.full_height * scale)) / step);
  const cv::Size window(geometry.width / step, geometry.height / step);
  cv::Mat resized, resized_labels;
  resize_picture(rgb, resized, frame * step);
  cv::resize(labels, resized_labels, frame, 0, 0, cv::INTER_NEAREST_EXACT);
  if (random.chance(0.5)) {
    cv::flip(resized, resized, 1);
    cv::flip(resized_labels, resized_labels, 1);
  }
  // Offset of the crop within the frame, negative where the frame is the smaller of the two. `held`: a row or
  // column that must be within.
  const auto offset = [&random](int whole, int part, int held) {
    const int slack = whole - part;
    if (slack < 0) return -static_cast<int>(random.below(1 - slack));
    const int low = held < 0 ? 0 : std::max(0, held - part + 1),
              high = held < 0 ? slack : std::min(slack, held);
    return low + static_cast<int>(random.below(high - low + 1));
  };
  cv::Point held(-1, -1);
  std::vector<cv::Point> places;
  if (focus >= 0) cv::findNonZero(resized_labels == focus, places);
  if (!places.empty()) held = places[static_cast<size_t>(random.below(static_cast<int64_t>(places.size())))];
  const int top = offset(frame.height, window.height, held.y),
            left = offset(frame.width, window.width, held.x);
  const cv::Rect in_frame = cv::Rect({left, top}, window) & cv::Rect({0, 0}, frame);
  const cv::Rect in_crop = in_frame - cv::Point(left, top);
  const auto pixels = [step](const cv::Rect& r) { return cv::Rect(r.tl() * step, r.size() * step); };
  cv::Mat crop(window * step, CV_8UC3, cv::Scalar(124, 116, 104));
  cv::Mat crop_labels(window, CV_8UC1, cv::Scalar(255));
  resized(pixels(in_frame)).copyTo(crop(pixels(in_crop)));
  resized_labels(in_frame).copyTo(crop_labels(in_crop));
  rgb = crop;
  labels = crop_labels;
}

void random_appearance(Random& random, cv::Mat& rgb) {
  // One lookup table a channel holds gamma, contrast, brightness and white balance.
  double gamma = random.log_uniform(0.65, 1.5);
  double gain = random.log_uniform(0.75, 1.33);
  const double lift = random.uniform(-0.1, 0.1);
  if (random.chance(0.08)) {  // dusk
    gamma = random.uniform(1.3, 2.2);
    gain = random.uniform(0.4, 0.9);
  }
  cv::Mat lookup(1, 256, CV_8UC3);
  for (int channel = 0; channel < 3; ++channel) {
    const double balance = random.log_uniform(0.88, 1.14);
    for (int value = 0; value < 256; ++value) {
      const double light = std::pow(value / 255.0, gamma) * gain * balance + lift;
      lookup.at<cv::Vec3b>(0, value)[channel] = cv::saturate_cast<uchar>(255 * light);
    }
  }
  cv::LUT(rgb, lookup, rgb);

  if (random.chance(0.5)) {  // saturation
    cv::Mat grey, grey3;
    cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
    cv::cvtColor(grey, grey3, cv::COLOR_GRAY2RGB);
    const double amount = random.uniform(0.2, 1.5);
    cv::addWeighted(rgb, amount, grey3, 1 - amount, 0, rgb);
  }
  const double weather = random.uniform();
  if (weather < 0.05)
    paint_night(random, rgb);
  else if (weather < 0.09)
    paint_rain(random, rgb);
  else if (weather < 0.13)
    paint_fog(random, rgb);
  else if (weather < 0.17) {  // an even haze
    const double amount = random.uniform(0.1, 0.5);
    cv::addWeighted(rgb, 1 - amount, cv::Mat(rgb.size(), CV_8UC3, cv::Scalar::all(random.uniform(140, 230))),
                    amount, 0, rgb);
  }
  if (random.chance(0.2)) {
    const double sigma = random.uniform(0.3, 1.6);
    cv::GaussianBlur(rgb, rgb, {}, sigma);
  }
  if (random.chance(0.2)) {
    cv::RNG noise(random.next());
    cv::Mat grain(rgb.size(), CV_16SC3), wide;
    noise.fill(grain, cv::RNG::NORMAL, 0, random.uniform(1, 9));
    rgb.convertTo(wide, CV_16SC3);
    wide += grain;
    wide.convertTo(rgb, CV_8UC3);
  }
}

}  // namespace anomaly::train
