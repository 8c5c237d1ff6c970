// SPDX-License-Identifier: LGPL-2.1-or-later
// Contours against their definition, pixel by pixel.
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/contours.h"
#include "kernels/paint_list.h"
#include "kernels/paint_math.h"
#include "kernels/pixel_format.h"
#include "tests/check.h"
#include "tests/kernels/random_values.h"

using namespace anomaly;

namespace {

struct Picture {
  MutableFrameView view;
  std::vector<std::vector<uint8_t>> planes;

  Picture(const PixelFormatInfo& info, int width, int height, uint64_t seed) {
    view.format = info.format;
    view.width = width;
    view.height = height;
    check::Random random(seed);
    for (int p = 0; p < info.planes; ++p) {
      const int stride = plane_row_bytes(info, p, width) + 3;
      planes.emplace_back(static_cast<size_t>(stride) * static_cast<size_t>(plane_rows(info, p, height)));
      for (uint8_t& byte : planes.back()) byte = static_cast<uint8_t>(random.bits() >> 24);
      view.plane[p] = planes.back().data();
      view.stride[p] = stride;
    }
  }
};

struct Map {
  std::vector<float> values;
  int width, height;

  Map(int w, int h, uint64_t seed)
      : values(check::random_floats(static_cast<size_t>(w * h), seed, 0, 1)), width(w), height(h) {}
};

// Pixels of the frame that a line `wide` pixels wide covers, one by one.
std::vector<uint8_t> covered(const MutableFrameView& frame, const Map& map, const Rect& area, float threshold,
                             int wide) {
  const auto reaches = [&](int x, int y) {
    if (x < 0 || y < 0 || x >= frame.width || y >= frame.height || x < area.x || y < area.y ||
        x >= area.x + area.width || y >= area.y + area.height)
      return false;
    return map_score(map.values.data(), map.width, sample_between(x - area.x, area.width, map.width),
                     sample_between(y - area.y, area.height, map.height)) >= threshold;
  };
  std::vector<std::pair<int, int>> contour;
  for (int y = 0; y < frame.height; ++y)
    for (int x = 0; x < frame.width; ++x)
      if (reaches(x, y) &&
          !(reaches(x - 1, y) && reaches(x + 1, y) && reaches(x, y - 1) && reaches(x, y + 1)))
        contour.emplace_back(x, y);
  std::vector<uint8_t> out(static_cast<size_t>(frame.width * frame.height));
  for (int y = 0; y < frame.height; ++y)
    for (int x = 0; x < frame.width; ++x) {
      if (x < area.x || y < area.y || x >= area.x + area.width || y >= area.y + area.height) continue;
      for (const auto& [u, v] : contour)
        if (std::hypot(u - x, v - y) <= wide / 2.0) out[static_cast<size_t>(y * frame.width + x)] = 255;
    }
  return out;
}

void compare(const PixelFormatInfo& info, int width, int height, const Map& map, const Rect& area,
             const ContourStyle& style, uint64_t seed) {
  Picture ours(info, width, height, seed), reference(info, width, height, seed);
  draw_contours(ours.view, map.values.data(), map.width, map.height, area, style);
  const bool whole = area.width < 1 || area.height < 1;
  const Rect all = whole ? Rect{0, 0, width, height} : area;
  const auto rim = covered(reference.view, map, all, style.threshold, style.line + 2 * style.rim);
  const auto line = covered(reference.view, map, all, style.threshold, style.line);
  if (style.rim > 0)
    blend_mask(reference.view, 0, 0, rim.data(), width, height, style.rim_r, style.rim_g, style.rim_b);
  blend_mask(reference.view, 0, 0, line.data(), width, height, style.r, style.g, style.b);
  for (size_t p = 0; p < ours.planes.size(); ++p)
    if (ours.planes[p] != reference.planes[p])
      check::fail(__FILE__, __LINE__, info.name, " ", width, "x", height, ", a line of ", style.line, "+2*",
                  style.rim);
}

}  // namespace

TEST(contours_in_every_format_at_any_place) {
  const Rect areas[] = {{0, 0, 0, 0}, {5, 3, 21, 14}, {-7, -4, 30, 60}, {30, 18, 50, 50}, {90, 90, 4, 4}};
  for (int i = 0; i < kPixelFormats; ++i)
    for (size_t a = 0; a < std::size(areas); ++a) {
      ContourStyle style;
      style.threshold = 0.5f;
      style.line = 1 + static_cast<int>(a);
      style.rim = static_cast<int>(a + static_cast<size_t>(i)) % 3;
      style.rim_g = 130;
      const auto seed = static_cast<uint64_t>(i) + 100 * a;
      compare(pixel_format_table()[i], 43, 27, Map(9, 6, seed), areas[a], style, seed);
    }
}

TEST(contours_of_every_width) {
  const PixelFormatInfo& grey = pixel_format_info(PixelFormat::GRAY8);
  for (const int line : {1, 2, 3, 4, 5, 8, 13, 22})
    for (const int rim : {0, line / 2, 7}) {
      ContourStyle style;
      style.line = line;
      style.rim = rim;
      style.rim_r = style.rim_g = style.rim_b = 128;
      const auto seed = static_cast<uint64_t>(line);
      style.threshold = 0.3f + 0.02f * static_cast<float>(line);
      compare(grey, 61, 47, Map(7, 5, seed), {}, style, seed);
    }
  ContourStyle style;
  style.threshold = 0.9f;
  for (const auto& [width, rim] : {std::pair{500, 0}, {2, 249}, {300, 100}}) {
    style.line = width;
    style.rim = rim;
    compare(grey, 61, 47, Map(7, 5, 3), {}, style, 1);
  }
}

TEST(contours_of_small_frames_and_of_one_value) {
  const PixelFormatInfo& rgb = pixel_format_info(PixelFormat::RGB);
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 9}, {9, 1}, {2, 2}, {5, 3}}) {
    ContourStyle style;
    style.rim = 1;
    for (const float threshold : {0.0f, 0.4f, 2.0f}) {
      style.threshold = threshold;
      compare(rgb, width, height, Map(3, 3, 5), {}, style, 2);
      compare(rgb, width, height, Map(1, 1, 5), {}, style, 2);
    }
  }
}

// A map of which nothing, or what is no number, reaches the threshold draws nothing.
TEST(contours_of_nothing) {
  const PixelFormatInfo& nv12 = pixel_format_info(PixelFormat::NV12);
  for (const float value : {0.25f, std::numeric_limits<float>::quiet_NaN()}) {
    Map map(4, 3, 1);
    for (float& v : map.values) v = value;
    Picture picture(nv12, 32, 20, 1);
    const auto before = picture.planes;
    draw_contours(picture.view, map.values.data(), 4, 3, {}, {});
    CHECK(picture.planes == before);
  }
}

TEST(contours_refuse_what_is_wrong) {
  Picture picture(pixel_format_info(PixelFormat::RGB), 16, 16, 1);
  const float score = 1;
  const auto draw = [&](const float* map, int width, const ContourStyle& style) {
    draw_contours(picture.view, map, width, 1, {}, style);
  };
  CHECK_THROWS(draw(nullptr, 1, {}), std::invalid_argument, "null");
  CHECK_THROWS(draw(&score, 0, {}), std::invalid_argument, "0x1");
  ContourStyle style;
  style.line = 0;
  CHECK_THROWS(draw(&score, 1, style), std::invalid_argument, "a line of 0 pixels");
  style.line = 2;
  style.rim = 250;
  CHECK_THROWS(draw(&score, 1, style), std::invalid_argument, "a rim of 250");
  style.rim = -1;
  CHECK_THROWS(draw(&score, 1, style), std::invalid_argument, "a rim of -1");
  style.rim = 249;
  draw(&score, 1, style);
}

TEST_MAIN()
