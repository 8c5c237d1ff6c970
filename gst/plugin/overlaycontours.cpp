// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlaycontours.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "kernels/heatmap.h"
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
cv::Mat reaching(const Scores& scores, const Rect& rectangle, const cv::Rect& inside, float threshold) {
  const int width = scores.width(), height = scores.height();
  const Lookup across(inside.x - rectangle.x, inside.width, rectangle.width, width);
  const Lookup down(inside.y - rectangle.y, inside.height, rectangle.height, height);
  cv::Mat mask(inside.size(), CV_8UC1);
  std::vector<float> line(width);
  std::vector<float> highest(height);
  row::maxima(scores.values(), width, height, highest.data());
  for (int y = 0; y < inside.height; ++y) {
    uint8_t* row = mask.ptr(y);
    // What lies between two values is not over both, save for rounding.
    if (threshold > 0 && std::max(highest[down.low[y]], highest[down.high[y]]) < threshold * (1 - 1e-5F)) {
      std::memset(row, 0, static_cast<size_t>(inside.width));
      continue;
    }
    const gfloat* a = scores.values() + static_cast<ptrdiff_t>(down.low[y]) * width;
    const gfloat* b = scores.values() + static_cast<ptrdiff_t>(down.high[y]) * width;
    for (int x = 0; x < width; ++x) line[x] = a[x] + (b[x] - a[x]) * down.weight[y];
    for (int x = 0; x < inside.width; ++x) {
      const float left = line[across.low[x]], right = line[across.high[x]];
      row[x] = left + (right - left) * across.weight[x] >= threshold ? 255 : 0;
    }
  }
  return mask;
}

}  // namespace

void draw_contours(const MutableFrameView& frame, const Scores& scores, const Rect& rectangle,
                   float threshold, int line) {
  const auto limit = [](int64_t v, int size) { return static_cast<int>(std::clamp<int64_t>(v, 0, size)); };
  const int left = limit(rectangle.x, frame.width), top = limit(rectangle.y, frame.height);
  const int right = limit(int64_t{rectangle.x} + rectangle.width, frame.width);
  const int bottom = limit(int64_t{rectangle.y} + rectangle.height, frame.height);
  if (left >= right || top >= bottom) return;
  const cv::Rect inside(left, top, right - left, bottom - top);
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(reaching(scores, rectangle, inside, threshold), outlines, cv::RETR_CCOMP,
                   cv::CHAIN_APPROX_NONE);
  if (outlines.empty()) return;
  const int rim = std::max(1, line / 2);
  cv::Mat mask = cv::Mat::zeros(inside.size(), CV_8UC1);
  cv::drawContours(mask, outlines, -1, cv::Scalar(255), line + 2 * rim);
  blend_mask(frame, left, top, mask.data, mask.cols, mask.rows, 0, 0, 0);
  mask.setTo(cv::Scalar(0));
  cv::drawContours(mask, outlines, -1, cv::Scalar(255), line);
  blend_mask(frame, left, top, mask.data, mask.cols, mask.rows, 255, 255, 255);
}

}  // namespace anomaly
