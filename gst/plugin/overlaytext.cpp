// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlaytext.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

namespace anomaly {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kFontHeight = 22;   // pixels of a capital of that font at scale 1
constexpr double kSmallestText = 5;  // a capital of fewer pixels cannot be read

bool overlap(const Rect& a, const Rect& b) {
  const auto meet = [](int64_t p, int64_t n, int64_t q, int64_t m) { return p < q + m && q < p + n; };
  return meet(a.x, a.width, b.x, b.width) && meet(a.y, a.height, b.y, b.height);
}

}  // namespace

bool readable(double capital) {
  return capital >= kSmallestText;
}

TextPlate::TextPlate(std::string text, double capital)
    : text_(std::move(text)),
      scale_(capital / kFontHeight),
      stroke_(std::max(1, static_cast<int>(std::lround(scale_ * 1.8)))),
      margin_(static_cast<int>(std::lround(capital / 4)) + 1) {
  const cv::Size size = cv::getTextSize(text_, kFont, scale_, stroke_, &baseline_);
  letters_ = size.height;
  width_ = size.width + 2 * margin_;
  height_ = size.height + baseline_ + 2 * margin_;
}

void TextPlate::draw(PaintList& list, int x, int y, Color plate) const {
  std::vector<uint8_t> coverages(static_cast<size_t>(height_) * static_cast<size_t>(width_));
  cv::Mat mask(height_, width_, CV_8UC1, coverages.data());
  cv::putText(mask, text_, {margin_, margin_ + letters_}, kFont, scale_, cv::Scalar(255), stroke_,
              cv::LINE_AA);
  const Rect area = {x, y, width_, height_};
  list.box(area, 0, plate.r, plate.g, plate.b);
  const Color ink = contrast(plate);
  list.mask(area, std::move(coverages), ink.r, ink.g, ink.b);
}

bool Occupied::free(const Rect& area) const {
  return std::none_of(areas_.begin(), areas_.end(), [&](const Rect& a) { return overlap(a, area); });
}

std::optional<Rect> place_beside(const Rect& box, int line, int width, int height, int frame_width,
                                 int frame_height, const Occupied& occupied) {
  const int64_t right = int64_t{box.x} + box.width, bottom = int64_t{box.y} + box.height;
  const bool roomy = box.width >= width + 2 * line && box.height >= 2 * height;
  const int64_t columns[] = {box.x, right - width, int64_t{box.x} + line, right - line - width};
  const std::pair<int64_t, bool> rows[] = {{int64_t{box.y} - height, false},
                                           {int64_t{box.y} + line, true},
                                           {bottom, false},
                                           {bottom - line - height, true}};
  for (const auto& [y, inside] : rows) {
    if ((inside && !roomy) || y < 0 || y > frame_height - height) continue;
    for (int i = 0; i < 2; ++i) {
      const int64_t last = std::max(0, frame_width - width);
      const Rect place = {static_cast<int>(std::clamp<int64_t>(columns[inside ? i + 2 : i], 0, last)),
                          static_cast<int>(y), width, height};
      if (occupied.free(place)) return place;
    }
  }
  return std::nullopt;
}

}  // namespace anomaly
