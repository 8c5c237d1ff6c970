// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/heatmap.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/pixel_format.h"
#include "tests/check.h"
#include "tests/kernels/test_frames.h"

using namespace anomaly;
using namespace test_frames;

namespace {

struct Colour {
  int r, g, b;
};

// A colour as samples, by the formulas of BT.601, 709 and 2020, not rounded.
void exact_samples(const Frame& f, const Colour& colour, double out[3]) {
  const double rgb[3] = {colour.r / 255.0, colour.g / 255.0, colour.b / 255.0};
  if (f.facts->family == 'r') {
    for (int c = 0; c < 3; ++c) {
      const int bits = place(f.view.format, c, 0).bits;
      out[c] = rgb[c] * ((1 << bits) - 1);
    }
    return;
  }
  const bool grey = f.facts->family == 'g';
  const Luma k = luma_of(grey ? ColorMatrix::BT601 : f.view.matrix);
  const double y = k.red * rgb[0] + k.green * rgb[1] + k.blue * rgb[2];
  const double cb = (rgb[2] - y) / (2 * (1 - k.blue)), cr = (rgb[0] - y) / (2 * (1 - k.red));
  const double unit = 1 << (f.facts->depth - 8), top = (1 << f.facts->depth) - 1;
  if (grey || f.view.range == ColorRange::Full) {
    out[0] = top * y;
    out[1] = std::min(128 * unit + top * cb, top);
    out[2] = std::min(128 * unit + top * cr, top);
  } else {
    out[0] = (16 + 219 * y) * unit;
    out[1] = (128 + 224 * cb) * unit;
    out[2] = (128 + 224 * cr) * unit;
  }
}

// What a sample becomes: nothing, or a colour with an alpha 0..1.
struct Paint {
  bool touched;
  double alpha;
  Colour colour;
};

// Compares `after` with `before` painted: `value(x, y)` for each pixel of the frame, `paint(value)` for the
// value or the mean value of the pixels that share a sample. Every byte that is no painted sample must be as
// before.
void compare(const Frame& before, const Frame& after, const std::function<float(int, int)>& value,
             const std::function<Paint(float)>& paint) {
  Frame expected = before;  // its view still points into `before`
  for (int p = 0; p < kMaxPlanes; ++p)
    if (before.view.plane[p])
      expected.view.plane[p] = expected.bytes[p].data() + (before.view.plane[p] - before.bytes[p].data());
  const int w = before.view.width, h = before.view.height;
  for (int c = 0; c < before.components(); ++c)
    for (int j = 0; j < half_up(h, before.v(c)); ++j)
      for (int i = 0; i < half_up(w, before.h(c)); ++i) {
        float sum = 0;
        int pixels = 0;
        for (int y = j * before.v(c); y < std::min(h, (j + 1) * before.v(c)); ++y)
          for (int x = i * before.h(c); x < std::min(w, (i + 1) * before.h(c)); ++x, ++pixels)
            sum += value(x, y);
        const Paint p = paint(sum / static_cast<float>(pixels));
        const int was = before.get(c, i, j), is = after.get(c, i, j);
        if (!p.touched) {
          if (was != is)
            check::fail(__FILE__, __LINE__, describe(before), ": sample ", c, " at ", i, ",", j,
                        " changed from ", was, " to ", is);
          continue;
        }
        double colour[3];
        exact_samples(before, p.colour, colour);
        // Alpha is held in 1/256, the colour as a whole sample.
        const double wanted = was + (colour[c] - was) * p.alpha;
        const double tolerance = 0.5 + 0.5 + std::abs(colour[c] - was) / 250;
        if (std::abs(is - wanted) > tolerance)
          check::fail(__FILE__, __LINE__, describe(before), ": sample ", c, " at ", i, ",", j, " is ", is,
                      ", not ", wanted, ", was ", was);
        expected.set(c, i, j, is);
      }
  for (int p = 0; p < kMaxPlanes; ++p)
    if (expected.bytes[p] != after.bytes[p])
      check::fail(__FILE__, __LINE__, describe(before), ": bytes beside the samples changed in plane ", p);
}

// Makes the same frame twice, draws on one and compares.
void draw_and_compare(const Facts& facts, int width, int height, Layout layout, ColorMatrix matrix,
                      ColorRange range, const std::function<void(const MutableFrameView&)>& draw,
                      const std::function<float(int, int)>& value, const std::function<Paint(float)>& paint) {
  Frame before, after;
  const auto seed = static_cast<uint32_t>(width * 31 + height);
  make(before, facts, width, height, layout, seed);
  make(after, facts, width, height, layout, seed);
  before.view.matrix = after.view.matrix = matrix;
  before.view.range = after.view.range = range;
  draw(after.view);
  compare(before, after, value, paint);
}

void for_all_frames(
    const std::function<void(const Facts&, int, int, Layout, ColorMatrix, ColorRange)>& body) {
  constexpr int kSizes[][2] = {{1, 1}, {2, 2}, {3, 1}, {1, 3}, {8, 6}, {17, 13}};
  for (const Facts& facts : all_facts())
    for (const auto& size : kSizes)
      for (const Layout layout : {Layout::Tight, Layout::Padded, Layout::Negative})
        for (const ColorMatrix m : {ColorMatrix::BT601, ColorMatrix::BT709, ColorMatrix::BT2020})
          for (const ColorRange r : {ColorRange::Full, ColorRange::Limited}) {
            if (facts.family != 'y' && (m != ColorMatrix::BT601 || r != ColorRange::Full)) continue;
            body(facts, size[0], size[1], layout, m, r);
          }
}

std::vector<uint8_t> colour_map() {
  std::vector<uint8_t> lut(256 * 3);
  for (int i = 0; i < 256; ++i) {
    lut[3 * i] = static_cast<uint8_t>(i);
    lut[3 * i + 1] = static_cast<uint8_t>(255 - i / 2);
    lut[3 * i + 2] = static_cast<uint8_t>((i * 7) % 256);
  }
  return lut;
}

// The map at a pixel of the frame: bilinear at pixel centres, in the arithmetic's own precision so that
// thresholds agree.
float sample_map(const std::vector<float>& map, int mw, int mh, const Rect& area, int x, int y) {
  const auto position = [](int i, int out, int in) {
    return std::clamp(
        (static_cast<float>(i) + 0.5F) * static_cast<float>(in) / static_cast<float>(out) - 0.5F, 0.0F,
        static_cast<float>(in - 1));
  };
  const float fx = position(x - area.x, area.width, mw), fy = position(y - area.y, area.height, mh);
  const int x0 = static_cast<int>(fx), y0 = static_cast<int>(fy), x1 = std::min(x0 + 1, mw - 1),
            y1 = std::min(y0 + 1, mh - 1);
  const float tx = fx - static_cast<float>(x0), ty = fy - static_cast<float>(y0);
  const auto at = [&](int i, int j) { return map[static_cast<size_t>(j) * mw + i]; };
  const float left = at(x0, y0) + (at(x0, y1) - at(x0, y0)) * ty,
              right = at(x1, y0) + (at(x1, y1) - at(x1, y0)) * ty;
  return left + (right - left) * tx;
}

void heatmap_case(const Facts& facts, int w, int h, Layout layout, ColorMatrix m, ColorRange r,
                  const Rect& area, float threshold, float opacity) {
  const std::vector<uint8_t> lut = colour_map();
  const int mw = 5, mh = 4;
  Random random(static_cast<uint32_t>(w * h + area.x));
  std::vector<float> map(mw * mh);
  for (float& v : map) v = random.unit() * 1.4F - 0.2F;
  HeatmapStyle style;
  style.lut = lut.data();
  style.opacity = opacity;
  style.threshold = threshold;
  const Rect covered = area.width > 0 && area.height > 0 ? area : Rect{0, 0, w, h};
  draw_and_compare(
      facts, w, h, layout, m, r,
      [&](const MutableFrameView& v) { blend_heatmap(v, map.data(), mw, mh, area, style); },
      [&](int x, int y) {
        const bool inside = x >= covered.x && y >= covered.y && x < covered.x + covered.width &&
                            y < covered.y + covered.height;
        return inside ? sample_map(map, mw, mh, covered, x, y) : 0.0F;
      },
      [&](float v) {
        const double limited = std::clamp(v, 0.0F, 1.0F);
        const int entry = static_cast<int>(std::lround(limited * 255));
        return Paint{v >= threshold, limited * opacity,
                     Colour{lut[3 * entry], lut[3 * entry + 1], lut[3 * entry + 2]}};
      });
}

}  // namespace

TEST(heatmap_on_every_format) {
  for_all_frames([](const Facts& facts, int w, int h, Layout layout, ColorMatrix m, ColorRange r) {
    heatmap_case(facts, w, h, layout, m, r, Rect{}, 0.5F, 0.6F);
  });
}

TEST(heatmap_over_part_of_the_frame) {
  for_all_frames([](const Facts& facts, int w, int h, Layout layout, ColorMatrix m, ColorRange r) {
    if (w < 8) return;
    heatmap_case(facts, w, h, layout, m, r, Rect{3, 1, 5, 4}, 0.4F, 1.0F);
    heatmap_case(facts, w, h, layout, m, r, Rect{-4, -3, 9, 30}, 0.4F, 0.3F);
  });
}

TEST(below_the_threshold_nothing_changes) {
  for_all_frames([](const Facts& facts, int w, int h, Layout layout, ColorMatrix m, ColorRange r) {
    const std::vector<uint8_t> lut = colour_map();
    const std::vector<float> map = {0.49F, 0.2F, std::numeric_limits<float>::quiet_NaN(), 0.4999F};
    HeatmapStyle style;
    style.lut = lut.data();
    draw_and_compare(
        facts, w, h, layout, m, r,
        [&](const MutableFrameView& v) { blend_heatmap(v, map.data(), 2, 2, Rect{}, style); },
        [](int, int) { return 0.0F; },
        [](float) {
          return Paint{false, 0, {}};
        });
  });
}

TEST(an_area_beside_the_frame_changes_nothing) {
  const std::vector<uint8_t> lut = colour_map();
  const std::vector<float> map(4, 1.0F);
  HeatmapStyle style;
  style.lut = lut.data();
  for (const Rect& area : {Rect{50, 0, 10, 10}, {-10, 0, 10, 10}, {0, -2147483647, 5, 5}})
    draw_and_compare(
        all_facts()[static_cast<size_t>(PixelFormat::NV12)], 17, 13, Layout::Padded, ColorMatrix::BT709,
        ColorRange::Limited,
        [&](const MutableFrameView& v) { blend_heatmap(v, map.data(), 2, 2, area, style); },
        [](int, int) { return 0.0F; },
        [](float) {
          return Paint{false, 0, {}};
        });
}

TEST(opacity_follows_the_score) {
  const std::vector<uint8_t> white(768, 255);
  HeatmapStyle style;
  style.lut = white.data();
  style.opacity = 0.5F;
  style.threshold = 0.1F;
  for (const auto& [score, expected] :
       {std::pair{1.0F, 128}, {0.5F, 64}, {2.0F, 128}, {0.1F, 13}, {0.0999F, 0}}) {
    uint8_t pixel[3] = {};
    MutableFrameView v;
    v.width = v.height = 1;
    v.plane[0] = pixel;
    v.stride[0] = 3;
    blend_heatmap(v, &score, 1, 1, Rect{}, style);
    CHECK_NEAR(pixel[0], expected, 1.0);
  }
}

TEST(opacity_can_be_the_same_at_every_score) {
  const std::vector<uint8_t> white(768, 255);
  HeatmapStyle style;
  style.lut = white.data();
  style.opacity = 0.5F;
  style.opacity_follows_score = false;
  style.threshold = 0;
  for (const float score : {1.0F, 0.5F, 0.01F, 0.0F}) {
    uint8_t pixel[3] = {};
    MutableFrameView v;
    v.width = v.height = 1;
    v.plane[0] = pixel;
    v.stride[0] = 3;
    blend_heatmap(v, &score, 1, 1, Rect{}, style);
    CHECK_NEAR(pixel[0], 128, 1.0);
  }
}

TEST(boxes_on_every_format) {
  for_all_frames([](const Facts& facts, int w, int h, Layout layout, ColorMatrix m, ColorRange r) {
    for (const int thickness : {0, 1, 2, 100})
      for (const Rect& box : {Rect{1, 1, 6, 4}, {-3, -2, 8, 9}, {5, 3, 40, 40}, {0, 0, 0, 0}, {2, 2, 1, 1}}) {
        const Rect b = box.width > 0 ? box : Rect{0, 0, w, h};
        draw_and_compare(
            facts, w, h, layout, m, r,
            [&](const MutableFrameView& v) { draw_box(v, box, thickness, 250, 30, 90); },
            [&](int x, int y) {
              const int from_edge =
                  std::min({x - b.x, b.x + b.width - 1 - x, y - b.y, b.y + b.height - 1 - y});
              return from_edge >= 0 && (thickness == 0 || from_edge < thickness) ? 1.0F : 0.0F;
            },
            [](float coverage) {
              return Paint{coverage > 0, coverage, {250, 30, 90}};
            });
      }
  });
}

TEST(masks_on_every_format) {
  std::vector<uint8_t> mask(7 * 5);
  Random random(3);
  for (uint8_t& v : mask)
    v = random.below(3) ? static_cast<uint8_t>(random.below(256)) : 255 * random.below(2);
  for_all_frames([&](const Facts& facts, int w, int h, Layout layout, ColorMatrix m, ColorRange r) {
    for (const auto& at : {std::pair{0, 0}, {3, 2}, {-2, -3}, {w - 1, h - 1}, {100, 0}})
      draw_and_compare(
          facts, w, h, layout, m, r,
          [&](const MutableFrameView& v) {
            blend_mask(v, at.first, at.second, mask.data(), 7, 5, 10, 200, 60);
          },
          [&](int x, int y) {
            const int i = x - at.first, j = y - at.second;
            return i >= 0 && j >= 0 && i < 7 && j < 5
                       ? static_cast<float>(mask[static_cast<size_t>(j) * 7 + i])
                       : 0.0F;
          },
          [](float coverage) {
            const int whole = static_cast<int>(std::lround(coverage));
            return Paint{whole > 0, whole / 255.0, {10, 200, 60}};
          });
  });
}

TEST(full_coverage_gives_the_colour_itself) {
  for (const Facts& facts : all_facts()) {
    Frame f;
    make(f, facts, 6, 4, Layout::Padded, 1);
    draw_box(f.view, Rect{}, 0, 255, 255, 255);
    const int unit = 1 << (facts.depth - 8 < 0 ? 0 : facts.depth - 8);
    for (int j = 0; j < 4; ++j)
      for (int i = 0; i < 6; ++i) {
        if (facts.family == 'y')
          CHECK_EQ(f.get(0, i, j), 235 * unit);
        else
          for (int c = 0; c < f.components(); ++c)
            CHECK_EQ(f.get(c, i, j), (1 << place(facts.format, c, i).bits) - 1);
      }
    for (int c = 1; facts.family == 'y' && c < 3; ++c) CHECK_EQ(f.get(c, 0, 0), 128 * unit);
  }
}

TEST(bad_arguments_are_refused) {
  Frame f;
  make(f, all_facts()[0], 4, 4, Layout::Tight, 1);
  const std::vector<uint8_t> lut = colour_map();
  const float map[4] = {};
  HeatmapStyle style;
  CHECK_THROWS(blend_heatmap(f.view, map, 2, 2, Rect{}, style), std::invalid_argument, "null");
  style.lut = lut.data();
  CHECK_THROWS(blend_heatmap(f.view, nullptr, 2, 2, Rect{}, style), std::invalid_argument, "null");
  CHECK_THROWS(blend_heatmap(f.view, map, 0, 2, Rect{}, style), std::invalid_argument, "0x2");
  CHECK_THROWS(blend_mask(f.view, 0, 0, nullptr, 2, 2, 0, 0, 0), std::invalid_argument, "null");
  CHECK_THROWS(blend_mask(f.view, 0, 0, lut.data(), -2, 2, 0, 0, 0), std::invalid_argument, "-2x2");
  MutableFrameView v = f.view;
  v.plane[0] = nullptr;
  CHECK_THROWS(draw_box(v, Rect{}, 1, 0, 0, 0), std::invalid_argument, "plane 0 is null");
  blend_mask(f.view, 0, 0, nullptr, 0, 0, 0, 0, 0);  // an empty text has no mask
}

TEST_MAIN()
