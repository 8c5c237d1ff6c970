// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/heatmap.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/paint.h"
#include "kernels/paint_math.h"
#include "kernels/pixel_format.h"
#include "kernels/row_kernels.h"

namespace anomaly {
namespace {

PixelBox clip(const MutableFrameView& frame, int64_t x, int64_t y, int64_t width, int64_t height) {
  const auto limit = [](int64_t v, int size) { return static_cast<int>(std::clamp<int64_t>(v, 0, size)); };
  return {limit(x, frame.width), limit(y, frame.height), limit(x + width, frame.width),
          limit(y + height, frame.height)};
}

Rect or_whole(const Rect& r, const MutableFrameView& frame) {
  return r.width > 0 && r.height > 0 ? r : Rect{0, 0, frame.width, frame.height};
}

// The map, sampled bilinearly at the centres of the frame's pixels.
class MapBrush : public Brush {
 public:
  MapBrush(const float* map, int map_width, int map_height, const Rect& area, const PixelBox& box,
           float threshold)
      : map_(map), map_width_(map_width), map_height_(map_height), area_(area), threshold_(threshold) {
    for (int x = box.x0; x < box.x1; ++x)
      columns_.push_back(sample_between(x - area.x, area.width, map_width));
    line_.resize(map_width);
    highest_.resize(map_height);
    if (threshold > 0) row::maxima(map, map_width, map_height, highest_.data());
  }

  bool touches(int y) override {
    if (threshold_ <= 0) return true;
    const Between b = sample_between(y - area_.y, area_.height, map_height_);
    // What lies between two values is not over both, save for rounding.
    return std::max(highest_[b.first], highest_[b.second]) >= threshold_ * (1 - 1e-5F);
  }

  void values(int y, float* out) override {
    interpolate_rows(y);
    for (size_t i = 0; i < columns_.size(); ++i)
      out[i] = interpolate(line_[columns_[i].first], line_[columns_[i].second], columns_[i].weight);
  }

  void levels(const float* values, int count, int16_t* out) const override {
    for (int i = 0; i < count; ++i) out[i] = heat_level(values[i], threshold_);
  }

 private:
  // The map's values at row y, at the map's columns.
  void interpolate_rows(int y) {
    if (y == y_) return;
    y_ = y;
    const Between b = sample_between(y - area_.y, area_.height, map_height_);
    const float* upper = map_ + static_cast<int64_t>(b.first) * map_width_;
    const float* lower = map_ + static_cast<int64_t>(b.second) * map_width_;
    for (int x = 0; x < map_width_; ++x) line_[x] = interpolate(upper[x], lower[x], b.weight);
  }

  const float* map_;
  int map_width_, map_height_;
  Rect area_;
  float threshold_;
  int y_ = -1;
  std::vector<float> highest_;  // of each row of the map
  std::vector<Between> columns_;
  std::vector<float> line_;
};

// Values are coverages, 0..255.
class CoverageBrush : public Brush {
 public:
  void levels(const float* values, int count, int16_t* out) const override {
    for (int i = 0; i < count; ++i) out[i] = coverage_level(values[i]);
  }

  static Palette palette(const MutableFrameView& frame, uint8_t r, uint8_t g, uint8_t b) {
    Palette p;
    set_colour(p, 0, frame, r, g, b);
    for (int i = 0; i < kLevels; ++i) {
      p.alpha[i] = static_cast<int16_t>(coverage_alpha(i));
      for (auto& colour : p.colour) colour[i] = colour[0];
    }
    return p;
  }
};

class BoxBrush : public CoverageBrush {
 public:
  BoxBrush(const Rect& box, int thickness, const PixelBox& shown)
      : box_(box), thickness_(thickness), shown_(shown) {}

  void values(int y, float* out) override {
    const bool across = on_edge(y, box_.y, box_.height) || thickness_ <= 0;
    for (int x = shown_.x0; x < shown_.x1; ++x)
      out[x - shown_.x0] = across || on_edge(x, box_.x, box_.width) ? 255.0F : 0.0F;
  }

 private:
  bool on_edge(int64_t at, int64_t begin, int64_t size) const {
    return at < begin + thickness_ || at >= begin + size - thickness_;
  }

  Rect box_;
  int thickness_;
  PixelBox shown_;
};

class EvenBrush : public CoverageBrush {
 public:
  EvenBrush(uint8_t coverage, const PixelBox& shown) : coverage_(coverage), columns_(shown.x1 - shown.x0) {}

  void values(int, float* out) override { std::fill_n(out, columns_, static_cast<float>(coverage_)); }

 private:
  uint8_t coverage_;
  int columns_;
};

class MaskBrush : public CoverageBrush {
 public:
  MaskBrush(int x, int y, const uint8_t* mask, int mask_width, const PixelBox& shown)
      : x_(x), y_(y), mask_(mask), mask_width_(mask_width), shown_(shown) {}

  bool touches(int y) override {
    const uint8_t* row = row_of(y);
    const auto count = static_cast<size_t>(shown_.x1 - shown_.x0);
    return row[0] != 0 || std::memcmp(row, row + 1, count - 1) != 0;
  }

  void values(int y, float* out) override {
    const uint8_t* row = row_of(y);
    for (int i = 0; i < shown_.x1 - shown_.x0; ++i) out[i] = row[i];
  }

 private:
  const uint8_t* row_of(int y) const {
    return mask_ + (static_cast<int64_t>(y) - y_) * mask_width_ + (static_cast<int64_t>(shown_.x0) - x_);
  }

  int x_, y_;
  const uint8_t* mask_;
  int mask_width_;
  PixelBox shown_;
};

}  // namespace

void blend_heatmap(const MutableFrameView& frame, const float* map, int map_width, int map_height,
                   const Rect& area, const HeatmapStyle& style) {
  check_frame(frame);
  if (!map || !style.lut) throw std::invalid_argument("heatmap: the map or its colours are null");
  if (map_width < 1 || map_height < 1 || map_width > kMaxFrameSize || map_height > kMaxFrameSize)
    throw std::invalid_argument("heatmap: a map of " + std::to_string(map_width) + "x" +
                                std::to_string(map_height) + ": width and height must lie in 1.." +
                                std::to_string(kMaxFrameSize));
  const Rect covered = or_whole(area, frame);
  const PixelBox box = clip(frame, covered.x, covered.y, covered.width, covered.height);
  if (box.empty()) return;
  Palette palette;
  for (int i = 0; i < kLevels; ++i) {
    palette.alpha[i] =
        static_cast<int16_t>(heat_alpha(style.opacity_follows_score ? i : kLevels - 1, style.opacity));
    set_colour(palette, i, frame, style.lut[3 * i], style.lut[3 * i + 1], style.lut[3 * i + 2]);
  }
  MapBrush brush(map, map_width, map_height, covered, box, style.threshold);
  paint(frame, box, palette, brush);
}

void draw_box(const MutableFrameView& frame, const Rect& box, int thickness, uint8_t r, uint8_t g,
              uint8_t b) {
  check_frame(frame);
  const Rect outer = or_whole(box, frame);
  const Palette palette = CoverageBrush::palette(frame, r, g, b);
  const PixelBox shown = clip(frame, outer.x, outer.y, outer.width, outer.height);
  if (shown.empty()) return;
  const int64_t line = thickness;
  const PixelBox inside =
      clip(frame, outer.x + line, outer.y + line, outer.width - 2 * line, outer.height - 2 * line);
  // Filled: all of it but the rim, which may share samples with what lies outside. Outlined: nothing inside.
  const PixelBox hole = thickness <= 0 ? fill_inside(frame, shown, r, g, b) : inside;
  for (const PixelBox& part : hole.empty() ? std::vector<PixelBox>{shown} : ring(frame, shown, hole)) {
    BoxBrush brush(outer, thickness, part);
    paint(frame, part, palette, brush);
  }
}

void shade_box(const MutableFrameView& frame, const Rect& box, uint8_t coverage, uint8_t r, uint8_t g,
               uint8_t b) {
  check_frame(frame);
  const Rect area = or_whole(box, frame);
  const PixelBox shown = clip(frame, area.x, area.y, area.width, area.height);
  if (shown.empty()) return;
  EvenBrush brush(coverage, shown);
  paint(frame, shown, CoverageBrush::palette(frame, r, g, b), brush);
}

void blend_mask(const MutableFrameView& frame, int x, int y, const uint8_t* mask, int mask_width,
                int mask_height, uint8_t r, uint8_t g, uint8_t b) {
  check_frame(frame);
  if (mask_width < 0 || mask_height < 0)
    throw std::invalid_argument("a mask of " + std::to_string(mask_width) + "x" +
                                std::to_string(mask_height) + ": its size is negative");
  if (mask_width == 0 || mask_height == 0) return;
  if (!mask) throw std::invalid_argument("the mask is null");
  const PixelBox box = clip(frame, x, y, mask_width, mask_height);
  if (box.empty()) return;
  MaskBrush brush(x, y, mask, mask_width, box);
  paint(frame, box, CoverageBrush::palette(frame, r, g, b), brush);
}

}  // namespace anomaly
