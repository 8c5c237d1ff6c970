// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlaydraw.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "kernels/heatmap.h"

namespace anomaly {
namespace {

struct Color {
  uint8_t r, g, b;
};

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kFontHeight = 22;  // pixels of a capital of that font at scale 1
constexpr int kSmallestText = 5;    // a capital of fewer pixels cannot be read
constexpr int kLongestLabel = 64;   // letters; class names are words

// The score map, mapped for reading while this lives. Empty where there is none.
class Scores {
 public:
  explicit Scores(const GstAnomalyMeta& meta) : meta_(meta) {
    mapped_ = gst_anomaly_meta_map_scores(&meta, &info_, &values_, &width_, &height_);
  }
  ~Scores() {
    if (mapped_) gst_anomaly_meta_unmap_scores(&meta_, &info_);
  }
  Scores(const Scores&) = delete;
  Scores& operator=(const Scores&) = delete;

  const gfloat* values() const { return values_; }
  guint width() const { return width_; }
  guint height() const { return height_; }
  bool reach(float threshold) const {
    const gsize count = static_cast<gsize>(width_) * height_;
    return std::any_of(values_, values_ + count, [=](gfloat score) { return score >= threshold; });
  }

 private:
  const GstAnomalyMeta& meta_;
  GstMapInfo info_ = {};
  const gfloat* values_ = nullptr;
  guint width_ = 0, height_ = 0;
  gboolean mapped_ = FALSE;
};

float threshold_of(const GstAnomalyMeta& meta, const OverlayStyle& style) {
  return style.threshold < 0 ? static_cast<float>(meta.threshold) : style.threshold;
}

// Regions were found with the metadata's threshold; a higher one leaves those that still reach it.
bool shown(const GstAnomalyRegion& region, float threshold) {
  return region.max >= threshold;
}

Color color_at(const ColorTable& colors, double score) {
  const double clamped = std::isfinite(score) ? std::clamp(score, 0.0, 1.0) : 0;
  const uint8_t* color = &colors[3 * static_cast<size_t>(std::lround(clamped * 255))];
  return {color[0], color[1], color[2]};
}

int line_width(const MutableFrameView& frame) {
  return std::max(1, static_cast<int>(std::lround(std::min(frame.width, frame.height) / 270.0)));
}

// Black or white, whichever stands out against `color`.
uint8_t contrast(Color color) {
  return 299 * color.r + 587 * color.g + 114 * color.b > 127500 ? 0 : 255;
}

std::string label_of(const GstAnomalyRegion& region) {
  gchar number[G_ASCII_DTOSTR_BUF_SIZE];
  std::string text = g_ascii_formatd(number, sizeof number, "%.2f", region.max);
  if (region.label) text.append(" ").append(region.label, strnlen(region.label, kLongestLabel));
  return text;
}

// On a plate of the box's colour, above the box or, where the frame ends there, inside it.
void draw_label(const MutableFrameView& frame, const GstAnomalyRegion& region, Color color, int thickness) {
  const double capital = frame.height / 45.0;
  if (capital < kSmallestText) return;
  const double scale = capital / kFontHeight;
  const int stroke = std::max(1, static_cast<int>(std::lround(scale * 1.6)));
  int baseline = 0;
  const std::string text = label_of(region);
  const cv::Size size = cv::getTextSize(text, kFont, scale, stroke, &baseline);
  const int margin = stroke + 1, width = size.width + 2 * margin,
            height = size.height + baseline + 2 * margin;
  const int x = std::clamp(region.x, 0, std::max(0, frame.width - width));
  const int above = region.y - height;
  const int y = std::clamp(above >= 0 ? above : region.y + thickness, 0, std::max(0, frame.height - height));
  cv::Mat mask = cv::Mat::zeros(height, width, CV_8UC1);
  cv::putText(mask, text, {margin, margin + size.height}, kFont, scale, cv::Scalar(255), stroke, cv::LINE_AA);
  draw_box(frame, {x, y, width, height}, 0, color.r, color.g, color.b);
  const uint8_t ink = contrast(color);
  blend_mask(frame, x, y, mask.data, mask.cols, mask.rows, ink, ink, ink);
}

void draw_regions(const MutableFrameView& frame, const GstAnomalyMeta& meta, const OverlayStyle& style,
                  float threshold) {
  const int thickness =
      std::max(1, static_cast<int>(std::lround(std::min(frame.width, frame.height) / 270.0)));
  const guint count = gst_anomaly_meta_n_regions(&meta);
  for (guint i = count; i-- > 0;) {  // the largest last, so that its label is on top
    const GstAnomalyRegion& region = *gst_anomaly_meta_get_region(&meta, i);
    if (!shown(region, threshold) || region.width < 1 || region.height < 1) continue;
    const Color color = color_at(style.colors, region.max);
    draw_box(frame, {region.x, region.y, region.width, region.height}, thickness, color.r, color.g, color.b);
    if (style.labels) draw_label(frame, region, color, thickness);
  }
}

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
cv::Mat reaching(const Scores& scores, const cv::Rect& rectangle, const cv::Rect& inside, float threshold) {
  const int width = static_cast<int>(scores.width()), height = static_cast<int>(scores.height());
  const Lookup across(inside.x - rectangle.x, inside.width, rectangle.width, width);
  const Lookup down(inside.y - rectangle.y, inside.height, rectangle.height, height);
  cv::Mat mask(inside.size(), CV_8UC1);
  std::vector<float> line(width);
  for (int y = 0; y < inside.height; ++y) {
    const gfloat* a = scores.values() + static_cast<ptrdiff_t>(down.low[y]) * width;
    const gfloat* b = scores.values() + static_cast<ptrdiff_t>(down.high[y]) * width;
    for (int x = 0; x < width; ++x) line[x] = a[x] + (b[x] - a[x]) * down.weight[y];
    uint8_t* row = mask.ptr(y);
    for (int x = 0; x < inside.width; ++x) {
      const float left = line[across.low[x]], right = line[across.high[x]];
      row[x] = left + (right - left) * across.weight[x] >= threshold ? 255 : 0;
    }
  }
  return mask;
}

void draw_contours(const MutableFrameView& frame, const GstAnomalyMeta& meta, const Scores& scores,
                   const OverlayStyle& style, float threshold) {
  const bool whole = meta.width < 1 || meta.height < 1;
  const cv::Rect all(0, 0, frame.width, frame.height);
  const cv::Rect rectangle = whole ? all : cv::Rect(meta.x, meta.y, meta.width, meta.height);
  const cv::Rect inside = rectangle & all;
  if (inside.empty()) return;
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(reaching(scores, rectangle, inside, threshold), outlines, cv::RETR_CCOMP,
                   cv::CHAIN_APPROX_NONE);
  if (outlines.empty()) return;
  cv::Mat mask = cv::Mat::zeros(inside.size(), CV_8UC1);
  cv::drawContours(mask, outlines, -1, cv::Scalar(255), line_width(frame));
  const Color color = color_at(style.colors, 1);
  blend_mask(frame, inside.x, inside.y, mask.data, mask.cols, mask.rows, color.r, color.g, color.b);
}

void draw_text(const MutableFrameView& frame, const std::string& text, int right, int top, double capital) {
  const double scale = capital / kFontHeight;
  const int stroke = std::max(1, static_cast<int>(std::lround(scale * 1.6)));
  int baseline = 0;
  const cv::Size size = cv::getTextSize(text, kFont, scale, stroke, &baseline);
  cv::Mat mask = cv::Mat::zeros(size.height + 2 * stroke, size.width + 2 * stroke, CV_8UC1);
  cv::putText(mask, text, {stroke, stroke + size.height}, kFont, scale, cv::Scalar(255), stroke, cv::LINE_AA);
  draw_box(frame, {right - mask.cols, top, mask.cols, mask.rows}, 0, 0, 0, 0);
  blend_mask(frame, right - mask.cols, top, mask.data, mask.cols, mask.rows, 255, 255, 255);
}

int even(int value) {
  return value & ~1;
}

// 1 at the top, 0 at the bottom, and a white line at the threshold. On even pixels, which chroma is shared
// by.
void draw_legend(const MutableFrameView& frame, const OverlayStyle& style, float threshold) {
  const int width = even(frame.width / 60) + 2, height = even(frame.height / 3) + 2;
  const int x = even(frame.width - 2 * width), y = even((frame.height - height) / 2);
  const auto row_of = [=](double score) {
    return even(static_cast<int>(std::lround((1 - score) * (height - 2))));
  };
  for (int row = 0; row < height; row += 2) {
    const Color color =
        color_at(style.colors, 1 - static_cast<double>(row) / (height - 2 > 0 ? height - 2 : 1));
    draw_box(frame, {x, y + row, width, 2}, 0, color.r, color.g, color.b);
  }
  if (threshold >= 0 && threshold <= 1)
    draw_box(frame, {x, y + row_of(threshold), width, 2}, 0, 255, 255, 255);
  const double capital = frame.height / 60.0;
  if (capital < kSmallestText) return;
  draw_text(frame, "1", x, y, capital);
  draw_text(frame, "0", x, y + height - static_cast<int>(capital) - 2, capital);
}

int bar_length(const GstAnomalyMeta& meta, int frame_width) {
  const double score = std::isfinite(meta.score) ? std::clamp(meta.score, 0.0, 1.0) : 0;
  return static_cast<int>(std::lround(score * frame_width));
}

}  // namespace

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

bool draws(const GstAnomalyMeta& meta, const OverlayStyle& style) {
  const float threshold = threshold_of(meta, style);
  if (style.mode == OverlayMode::Map || style.legend || (style.score_bar && meta.score > 0)) return true;
  if (style.boxes) {
    for (guint i = 0; i < gst_anomaly_meta_n_regions(&meta); ++i)
      if (shown(*gst_anomaly_meta_get_region(&meta, i), threshold)) return true;
  }
  return (style.opacity > 0 || style.contours) && Scores(meta).reach(threshold);
}

void draw(const MutableFrameView& frame, const GstAnomalyMeta& meta, const OverlayStyle& style) {
  const float threshold = threshold_of(meta, style);
  const Scores scores(meta);
  HeatmapStyle heatmap;
  heatmap.lut = style.colors.data();
  heatmap.opacity = style.opacity;
  heatmap.threshold = threshold;
  const bool reached = scores.reach(threshold);
  if (style.mode == OverlayMode::Map) {
    draw_box(frame, {0, 0, frame.width, frame.height}, 0, 0, 0, 0);
    heatmap.opacity = 1;
    heatmap.threshold = -std::numeric_limits<float>::infinity();
  }
  if (scores.values() && (style.mode == OverlayMode::Map || (reached && style.opacity > 0)))
    blend_heatmap(frame, scores.values(), static_cast<int>(scores.width()), static_cast<int>(scores.height()),
                  {meta.x, meta.y, meta.width, meta.height}, heatmap);
  if (style.contours && reached) draw_contours(frame, meta, scores, style, threshold);
  if (style.boxes) draw_regions(frame, meta, style, threshold);
  const int length = bar_length(meta, frame.width);
  if (style.score_bar && length > 0) {
    const int height = std::max(1, frame.height / 90);
    const Color color = color_at(style.colors, meta.score);
    draw_box(frame, {0, frame.height - height, length, height}, 0, color.r, color.g, color.b);
  }
  if (style.legend) draw_legend(frame, style, threshold);
}

}  // namespace anomaly
