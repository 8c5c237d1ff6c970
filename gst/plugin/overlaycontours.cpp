// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlaycontours.h"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "gst/plugin/overlaycolors.h"
#include "kernels/row_kernels.h"

namespace anomaly {
namespace {

// Where frame pixels `first` to `first + count` - 1 lie on a map of `values` values, between which two of
// them.
struct Lookup {
  std::vector<int> low, high;
  std::vector<float> weight;  // of `high`

  Lookup(int first, int count, int length, int values) : low(count), high(count), weight(count) {
    for (int i = 0; i < count; ++i) {
      const double at = std::max((first + i + 0.5) * values / length - 0.5, 0.0);
      low[i] = std::min(static_cast<int>(at), values - 1);
      high[i] = std::min(low[i] + 1, values - 1);
      weight[i] = static_cast<float>(at - low[i]);
    }
  }
};

// The pixels of `inside` whose score, sampled as the heatmap is, reaches the threshold. OpenCV's own
// resampling of a part of a picture rounds positions to 1/32.
cv::Mat reaching(const ScoreMap& scores, const Rect& rectangle, const cv::Rect& inside, float threshold) {
  const int width = scores.width, height = scores.height;
  const Lookup across(inside.x - rectangle.x, inside.width, rectangle.width, width);
  const Lookup down(inside.y - rectangle.y, inside.height, rectangle.height, height);
  cv::Mat mask(inside.size(), CV_8UC1);
  std::vector<float> line(width);
  std::vector<float> highest(height);
  row::maxima(scores.values, width, height, highest.data());
  for (int y = 0; y < inside.height; ++y) {
    uint8_t* row = mask.ptr(y);
    // What lies between two values is not over both, save for rounding.
    if (threshold > 0 && std::max(highest[down.low[y]], highest[down.high[y]]) < threshold * (1 - 1e-5F)) {
      std::memset(row, 0, static_cast<size_t>(inside.width));
      continue;
    }
    const float* a = scores.values + static_cast<ptrdiff_t>(down.low[y]) * width;
    const float* b = scores.values + static_cast<ptrdiff_t>(down.high[y]) * width;
    for (int x = 0; x < width; ++x) line[x] = a[x] + (b[x] - a[x]) * down.weight[y];
    for (int x = 0; x < inside.width; ++x) {
      const float left = line[across.low[x]], right = line[across.high[x]];
      row[x] = left + (right - left) * across.weight[x] >= threshold ? 255 : 0;
    }
  }
  return mask;
}

}  // namespace

void draw_contours(PaintList& list, const ScoreMap& scores, const Rect& rectangle, float threshold,
                   int line) {
  const auto limit = [](int64_t v, int size) { return static_cast<int>(std::clamp<int64_t>(v, 0, size)); };
  const int left = limit(rectangle.x, list.width()), top = limit(rectangle.y, list.height());
  const int right = limit(int64_t{rectangle.x} + rectangle.width, list.width());
  const int bottom = limit(int64_t{rectangle.y} + rectangle.height, list.height());
  if (left >= right || top >= bottom) return;
  const cv::Rect inside(left, top, right - left, bottom - top);
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(reaching(scores, rectangle, inside, threshold), outlines, cv::RETR_CCOMP,
                   cv::CHAIN_APPROX_NONE);
  if (outlines.empty()) return;
  const int rim = std::max(1, line / 2), widest = line + 2 * rim;
  cv::Rect inked;
  for (const std::vector<cv::Point>& outline : outlines) inked |= cv::boundingRect(outline);
  inked = cv::Rect(inked.x - widest, inked.y - widest, inked.width + 2 * widest, inked.height + 2 * widest) &
          cv::Rect({0, 0}, inside.size());
  const auto add = [&](int width, Color color) {
    std::vector<uint8_t> coverages(static_cast<size_t>(inked.width) * static_cast<size_t>(inked.height));
    cv::Mat mask(inked.size(), CV_8UC1, coverages.data());
    cv::drawContours(mask, outlines, -1, cv::Scalar(255), width, cv::LINE_8, cv::noArray(), INT_MAX,
                     -inked.tl());
    list.mask({left + inked.x, top + inked.y, inked.width, inked.height}, std::move(coverages), color.r,
              color.g, color.b);
  };
  add(widest, kBlack);
  add(line, kWhite);
}

}  // namespace anomaly
