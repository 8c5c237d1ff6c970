// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/heatmap.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/paint.h"
#include "kernels/pixel_format.h"

namespace anomaly {
namespace {

PixelBox clip(const MutableFrameView& frame, int64_t x, int64_t y, int64_t width, int64_t height) {
  const auto limit = [](int64_t v, int size) { return static_cast<int>(std::clamp<int64_t>(v, 0, size)); };
  return {limit(x, frame.width), limit(y, frame.height), limit(x + width, frame.width),
          limit(y + height, frame.height)};
}

// Alpha follows the coverage, the colour is one.
Palette coverage_palette(const MutableFrameView& frame, uint8_t r, uint8_t g, uint8_t b) {
  Palette p;
  for (int i = 0; i < kLevels; ++i) {
    p.alpha[i] = static_cast<int16_t>((i * 256 + 127) / 255);
    set_colour(p, i, frame, r, g, b);
  }
  return p;
}

int coverage_level(float coverage) {
  const int l = static_cast<int>(coverage + 0.5F);
  return l > 0 ? l : -1;
}

}  // namespace

void blend_heatmap(const MutableFrameView& frame, const float* map, int map_width, int map_height,
                   const Rect& area, const HeatmapStyle& style) {
  check_frame(frame);
  if (!map || !style.lut) throw std::invalid_argument("heatmap: the map or its colours are null");
  if (map_width < 1 || map_height < 1 || map_width > kMaxFrameSize || map_height > kMaxFrameSize)
    throw std::invalid_argument("heatmap: a map of " + std::to_string(map_width) + "x" +
                                std::to_string(map_height) + ": width and height must lie in 1.." +
                                std::to_string(kMaxFrameSize));
  const bool whole = area.width <= 0 || area.height <= 0;
  const Rect r = whole ? Rect{0, 0, frame.width, frame.height} : area;
  const PixelBox box = clip(frame, r.x, r.y, r.width, r.height);
  if (box.empty()) return;

  Palette palette;
  for (int i = 0; i < kLevels; ++i) {
    const float opacity = std::clamp(style.opacity, 0.0F, 1.0F) * static_cast<float>(i) / 255;
    palette.alpha[i] = static_cast<int16_t>(std::lround(256 * opacity));
    set_colour(palette, i, frame, style.lut[3 * i], style.lut[3 * i + 1], style.lut[3 * i + 2]);
  }
  std::vector<int> left(box.x1 - box.x0);
  std::vector<float> right_weight(left.size());
  for (int x = box.x0; x < box.x1; ++x) {
    const float at = std::max(
        (static_cast<float>(x - r.x) + 0.5F) * static_cast<float>(map_width) / static_cast<float>(r.width) -
            0.5F,
        0.0F);
    left[x - box.x0] = std::min(static_cast<int>(at), map_width - 1);
    right_weight[x - box.x0] = at - static_cast<float>(left[x - box.x0]);
  }
  std::vector<float> line(map_width + 1);
  paint(
      frame, box, palette,
      [&](int y, float* values) {
        const float at = std::max((static_cast<float>(y - r.y) + 0.5F) * static_cast<float>(map_height) /
                                          static_cast<float>(r.height) -
                                      0.5F,
                                  0.0F);
        const int upper = std::min(static_cast<int>(at), map_height - 1),
                  lower = std::min(upper + 1, map_height - 1);
        const float w = at - static_cast<float>(upper);
        const float* a = map + static_cast<int64_t>(upper) * map_width;
        const float* b = map + static_cast<int64_t>(lower) * map_width;
        for (int x = 0; x < map_width; ++x) line[x] = a[x] + (b[x] - a[x]) * w;
        line[map_width] = line[map_width - 1];
        for (size_t x = 0; x < left.size(); ++x) {
          const float v0 = line[left[x]], v1 = line[left[x] + 1];
          values[x] = v0 + (v1 - v0) * right_weight[x];
        }
        return true;
      },
      [&](float v) {
        return v >= style.threshold ? static_cast<int>(std::clamp(v, 0.0F, 1.0F) * 255 + 0.5F) : -1;
      });
}

void draw_box(const MutableFrameView& frame, const Rect& area, int thickness, uint8_t r, uint8_t g,
              uint8_t b) {
  check_frame(frame);
  const Palette palette = coverage_palette(frame, r, g, b);
  const Rect box = area.width > 0 && area.height > 0 ? area : Rect{0, 0, frame.width, frame.height};
  const PixelBox outer = clip(frame, box.x, box.y, box.width, box.height);
  const int64_t t = thickness;
  const bool filled = t <= 0 || 2 * t >= box.width || 2 * t >= box.height;
  paint(
      frame, outer, palette,
      [&](int y, float* values) {
        const bool edge_row = filled || y < box.y + t || y >= static_cast<int64_t>(box.y) + box.height - t;
        for (int x = outer.x0; x < outer.x1; ++x)
          values[x - outer.x0] =
              edge_row || x < box.x + t || x >= static_cast<int64_t>(box.x) + box.width - t ? 255.0F : 0.0F;
        return true;
      },
      coverage_level);
}

void blend_mask(const MutableFrameView& frame, int x, int y, const uint8_t* mask, int mask_width,
                int mask_height, uint8_t r, uint8_t g, uint8_t b) {
  check_frame(frame);
  if (mask_width < 0 || mask_height < 0 || (!mask && mask_width > 0 && mask_height > 0))
    throw std::invalid_argument("a mask of " + std::to_string(mask_width) + "x" +
                                std::to_string(mask_height) + " is null or has a negative size");
  const Palette palette = coverage_palette(frame, r, g, b);
  const PixelBox box = clip(frame, x, y, mask_width, mask_height);
  paint(
      frame, box, palette,
      [&](int row, float* values) {
        const uint8_t* m = mask + static_cast<int64_t>(row - y) * mask_width;
        for (int i = box.x0; i < box.x1; ++i) values[i - box.x0] = m[i - x];
        return true;
      },
      coverage_level);
}

}  // namespace anomaly
