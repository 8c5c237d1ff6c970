// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/contours.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/contour_math.h"
#include "kernels/heatmap.h"
#include "kernels/paint.h"
#include "kernels/row_kernels.h"

namespace anomaly {
namespace {

// Which pixels of a row of `box` reach the threshold, with one to the left and one to the right that do not.
class Reaching {
 public:
  Reaching(const float* map, int map_width, int map_height, const Rect& area, const PixelBox& box,
           float threshold)
      : map_(map),
        map_width_(map_width),
        map_height_(map_height),
        area_(area),
        box_(box),
        threshold_(threshold),
        line_(static_cast<size_t>(map_width)),
        highest_(static_cast<size_t>(map_height)) {
    for (int x = box.x0; x < box.x1; ++x)
      columns_.push_back(sample_between(x - area.x, area.width, map_width));
    row::maxima(map, map_width, map_height, highest_.data());
  }

  // out: two more than the box has columns. Whether there is any.
  bool row(int y, std::vector<uint8_t>& out) {
    std::fill(out.begin(), out.end(), uint8_t{0});
    if (y < box_.y0 || y >= box_.y1) return false;
    const Between down = sample_between(y - area_.y, area_.height, map_height_);
    // What lies between two values is not over both, save for rounding.
    if (threshold_ > 0 && std::max(highest_[static_cast<size_t>(down.first)],
                                   highest_[static_cast<size_t>(down.second)]) < threshold_ * (1 - 1e-5F))
      return false;
    const float* upper = map_ + static_cast<int64_t>(down.first) * map_width_;
    const float* lower = map_ + static_cast<int64_t>(down.second) * map_width_;
    for (int x = 0; x < map_width_; ++x)
      line_[static_cast<size_t>(x)] = interpolate(upper[x], lower[x], down.weight);
    bool any = false;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const Between& c = columns_[i];
      const float score =
          interpolate(line_[static_cast<size_t>(c.first)], line_[static_cast<size_t>(c.second)], c.weight);
      any |= out[i + 1] = score >= threshold_;
    }
    return any;
  }

 private:
  const float* map_;
  int map_width_, map_height_;
  Rect area_;
  PixelBox box_;
  float threshold_;
  std::vector<float> line_;
  std::vector<float> highest_;  // of each row of the map
  std::vector<Between> columns_;
};

// Bytes of the pixels of a box, row by row.
struct Plane {
  PixelBox box;
  std::vector<uint8_t> bytes;

  Plane(const PixelBox& of, uint8_t value)
      : box(of), bytes(static_cast<size_t>(of.x1 - of.x0) * static_cast<size_t>(of.y1 - of.y0), value) {}
  int width() const { return box.x1 - box.x0; }
  uint8_t* row(int y) { return bytes.data() + static_cast<int64_t>(y - box.y0) * width(); }
};

// Sets the contour pixels of `plane` to 1, and returns the box that they fill; empty where there are none.
PixelBox mark(Reaching& reaching, Plane& plane) {
  const PixelBox& box = plane.box;
  PixelBox found = {box.x1, box.y1, box.x0, box.y0};
  const auto width = static_cast<size_t>(plane.width());
  std::vector<uint8_t> above(width + 2), here(width + 2), below(width + 2);
  bool any_here = reaching.row(box.y0, here);
  for (int y = box.y0; y < box.y1; ++y) {
    const bool any_below = reaching.row(y + 1, below);
    if (any_here) {
      uint8_t* out = plane.row(y);
      for (size_t i = 0; i < width; ++i)
        out[i] = static_cast<uint8_t>(here[i + 1] & ~(here[i] & here[i + 2] & above[i + 1] & below[i + 1]));
      const auto* first = std::find(out, out + width, uint8_t{1});
      if (first != out + width) {
        const auto last =
            std::find(std::make_reverse_iterator(out + width), std::make_reverse_iterator(out), uint8_t{1});
        found.x0 = std::min(found.x0, box.x0 + static_cast<int>(first - out));
        found.x1 = std::max(found.x1, box.x0 + static_cast<int>(last.base() - out));
        found.y0 = std::min(found.y0, y);
        found.y1 = y + 1;
      }
    }
    above.swap(here);
    here.swap(below);
    any_here = any_below;
  }
  return found;
}

// In place: marks -> how far the next one of the row is, kFarFromContour from `reach` + 1 on. Whether the row
// has one.
bool distances(uint8_t* row, int width, int reach) {
  const int none = reach + 1;
  int to_left = none;
  bool any = false;
  for (int x = 0; x < width; ++x) {
    any |= row[x] != 0;
    to_left = row[x] ? 0 : std::min(to_left + 1, none);
    row[x] = static_cast<uint8_t>(to_left);
  }
  if (!any) return false;
  int to_right = none;
  for (int x = width - 1; x >= 0; --x) {
    to_right = row[x] == 0 ? 0 : std::min(to_right + 1, none);
    const int nearest = std::min<int>(row[x], to_right);
    row[x] = nearest > reach ? kFarFromContour : static_cast<uint8_t>(nearest);
  }
  return true;
}

void check(const float* map, int map_width, int map_height, const ContourStyle& style) {
  if (!map) throw std::invalid_argument("contours: the map is null");
  if (map_width < 1 || map_height < 1 || map_width > kMaxFrameSize || map_height > kMaxFrameSize)
    throw std::invalid_argument("contours: a map of " + std::to_string(map_width) + "x" +
                                std::to_string(map_height) + ": width and height must lie in 1.." +
                                std::to_string(kMaxFrameSize));
  if (!valid_contour_widths(style.line, style.rim))
    throw std::invalid_argument("contours: a line of " + std::to_string(style.line) +
                                " pixels with a rim of " + std::to_string(style.rim) +
                                ": together they must take 1.." + std::to_string(kMostContourWidth) +
                                " pixels");
}

}  // namespace

void draw_contours(const MutableFrameView& frame, const float* map, int map_width, int map_height,
                   const Rect& area, const ContourStyle& style) {
  check_frame(frame);
  check(map, map_width, map_height, style);
  const bool whole = area.width < 1 || area.height < 1;
  const Rect covered = whole ? Rect{0, 0, frame.width, frame.height} : area;
  const auto limit = [](int64_t v, int size) { return static_cast<int>(std::clamp<int64_t>(v, 0, size)); };
  const PixelBox box = {limit(covered.x, frame.width), limit(covered.y, frame.height),
                        limit(int64_t{covered.x} + covered.width, frame.width),
                        limit(int64_t{covered.y} + covered.height, frame.height)};
  if (box.empty()) return;
  Plane marks(box, 0);
  Reaching reaching(map, map_width, map_height, covered, box, style.threshold);
  const PixelBox marked = mark(reaching, marks);
  if (marked.empty()) return;

  const int width = style.line + 2 * style.rim, reach = contour_reach(width);
  const PixelBox inked = {std::max(marked.x0 - reach, box.x0), std::max(marked.y0 - reach, box.y0),
                          std::min(marked.x1 + reach, box.x1), std::min(marked.y1 + reach, box.y1)};
  const int left = inked.x0 - box.x0, columns = inked.x1 - inked.x0;
  std::vector<bool> has(static_cast<size_t>(marked.y1 - marked.y0));
  for (int y = marked.y0; y < marked.y1; ++y)
    has[static_cast<size_t>(y - marked.y0)] = distances(marks.row(y) + left, columns, reach);
  Plane line(inked, 0), rim(inked, 0);
  constexpr int kNone = 1 << 24;
  std::vector<int> squared(static_cast<size_t>(columns));
  for (int y = inked.y0; y < inked.y1; ++y) {
    std::fill(squared.begin(), squared.end(), kNone);
    bool any = false;
    for (int v = std::max(y - reach, marked.y0); v <= std::min(y + reach, marked.y1 - 1); ++v) {
      if (!has[static_cast<size_t>(v - marked.y0)]) continue;
      any = true;
      const uint8_t* near = marks.row(v) + left;
      const int down = (v - y) * (v - y);
      for (int x = 0; x < columns; ++x) {
        const int s = near[x] == kFarFromContour ? kNone : near[x] * near[x] + down;
        squared[static_cast<size_t>(x)] = std::min(squared[static_cast<size_t>(x)], s);
      }
    }
    if (!any) continue;
    uint8_t *to_line = line.row(y), *to_rim = rim.row(y);
    for (int x = 0; x < columns; ++x) {
      to_line[x] = on_contour_line(squared[static_cast<size_t>(x)], style.line) ? 255 : 0;
      to_rim[x] = on_contour_line(squared[static_cast<size_t>(x)], width) ? 255 : 0;
    }
  }
  if (style.rim > 0)
    blend_mask(frame, inked.x0, inked.y0, rim.bytes.data(), columns, inked.y1 - inked.y0, style.rim_r,
               style.rim_g, style.rim_b);
  blend_mask(frame, inked.x0, inked.y0, line.bytes.data(), columns, inked.y1 - inked.y0, style.r, style.g,
             style.b);
}

}  // namespace anomaly
