// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/ingest.h"

#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/frame_rows.h"
#include "kernels/pixel_format.h"
#include "kernels/pixel_math.h"
#include "kernels/resize.h"
#include "tests/check.h"
#include "tests/kernels/test_frames.h"

using namespace anomaly;
using namespace test_frames;

namespace {

// A chroma component at pixel (x, y): linear between the two nearest samples, across and then down, rounded
// each time.
int chroma_reference(const Frame& f, int c, int x, int y) {
  const bool repeat = f.view.format == PixelFormat::I420 || f.view.format == PixelFormat::YV12;
  const ChromaSite site = f.view.chroma_site;
  const auto along = [](auto&& sample, int count, int at, double offset) {
    const double position = (at - offset) / 2;
    const int k = static_cast<int>(std::floor(position));
    const double a = sample(std::clamp(k, 0, count - 1)), b = sample(std::clamp(k + 1, 0, count - 1));
    return static_cast<int>(std::floor(a + (b - a) * (position - k) + 0.5));
  };
  const int columns = half_up(f.view.width, f.facts->h), lines = half_up(f.view.height, f.facts->v);
  const auto across = [&](int j) {
    if (f.facts->h == 1) return f.get(c, x, j);
    if (repeat) return f.get(c, x / 2, j);
    return along([&](int i) { return f.get(c, i, j); }, columns, x,
                 site == ChromaSite::Centre || site == ChromaSite::Top ? 0.5 : 0.0);
  };
  if (f.facts->v == 1) return across(y);
  if (repeat || site == ChromaSite::TopLeft || site == ChromaSite::Top) return across(y / 2);
  return along(across, lines, y, 0.5);
}

struct Samples {
  int v[3];
};
Samples samples_at(const Frame& f, int x, int y) {
  Samples s{};
  for (int c = 0; c < f.components(); ++c)
    s.v[c] = f.facts->family == 'y' && c > 0 ? chroma_reference(f, c, x, y) : f.get(c, x, y);
  return s;
}

// R'G'B' by the formulas of ITU-R BT.601, 709, 2020, not rounded.
void exact_rgb(const Frame& f, const Samples& s, double out[3]) {
  const int depth = f.facts->depth;
  if (f.facts->family == 'g') {
    out[0] = out[1] = out[2] = depth == 16 ? s.v[0] / 256 : s.v[0];
    return;
  }
  if (f.view.format == PixelFormat::RGB16) {
    out[0] = s.v[0] * 255.0 / 31;
    out[1] = s.v[1] * 255.0 / 63;
    out[2] = s.v[2] * 255.0 / 31;
    return;
  }
  if (f.facts->family == 'r') {
    for (int c = 0; c < 3; ++c) out[c] = s.v[c];
    return;
  }
  const Luma k = luma_of(f.view.matrix);
  const double unit = 1 << (depth - 8), top = (1 << depth) - 1;
  const bool full = f.view.range == ColorRange::Full;
  const double y = full ? s.v[0] / top : (s.v[0] - 16 * unit) / (219 * unit);
  const double cb = (s.v[1] - 128 * unit) / (full ? top : 224 * unit);
  const double cr = (s.v[2] - 128 * unit) / (full ? top : 224 * unit);
  const double r = y + 2 * (1 - k.red) * cr, b = y + 2 * (1 - k.blue) * cb;
  const double rgb[3] = {r, (y - k.red * r - k.blue * b) / k.green, b};
  for (int c = 0; c < 3; ++c) out[c] = std::clamp(255 * rgb[c], 0.0, 255.0);
}

// What the 8-bit conversion is defined as, in floating point: each product truncated downwards.
void gstreamer_like_rgb(const Frame& f, const Samples& s, double out[3]) {
  const Luma k = luma_of(f.view.matrix);
  const bool full = f.view.range == ColorRange::Full;
  const auto product = [](int sample, double factor) {
    const int v = sample - 128;
    return std::floor((v * 256.0 + (v < 0 ? v + 256 : v)) * std::round(256 * factor) / 65536);
  };
  const double luma = product(s.v[0], full ? 1 : 255.0 / 219), c = full ? 1 : 255.0 / 224;
  out[0] = luma + product(s.v[2], 2 * (1 - k.red) * c) + (full ? 0 : 2);
  out[1] = luma + product(s.v[1], -2 * (1 - k.blue) * k.blue / k.green * c) +
           product(s.v[2], -2 * (1 - k.red) * k.red / k.green * c) + (full ? 1 : 2);
  out[2] = luma + product(s.v[1], 2 * (1 - k.blue) * c) + (full ? 0 : 2);
  for (int i = 0; i < 3; ++i) out[i] = std::clamp(out[i] + 128, 0.0, 255.0);
}

template <typename Body>
void for_all_variants(const Facts& facts, Frame& f, Body&& body) {
  if (facts.family != 'y') {
    body();
    return;
  }
  for (const ColorMatrix m : {ColorMatrix::BT601, ColorMatrix::BT709, ColorMatrix::BT2020})
    for (const ColorRange r : {ColorRange::Full, ColorRange::Limited})
      for (const ChromaSite site :
           {ChromaSite::Centre, ChromaSite::Left, ChromaSite::Top, ChromaSite::TopLeft}) {
        f.view.matrix = m;
        f.view.range = r;
        f.view.chroma_site = site;
        body();
      }
}

constexpr int kSizes[][2] = {{1, 1}, {2, 1}, {1, 2}, {1, 7},   {7, 1},  {2, 2},
                             {3, 3}, {4, 5}, {5, 4}, {37, 21}, {66, 18}};

}  // namespace

TEST(table_holds_every_format_once) {
  CHECK_EQ(all_facts().size(), static_cast<size_t>(kPixelFormats));
  std::set<std::string> names;
  for (const Facts& facts : all_facts()) {
    const PixelFormatInfo& info = pixel_format_info(facts.format);
    CHECK_EQ(std::string(info.name), facts.name);
    CHECK(find_pixel_format(facts.name) == &info);
    CHECK(names.insert(info.name).second);
    CHECK_EQ(info.planes, facts.planes);
    CHECK_EQ(info.components, facts.family == 'g' ? 1 : 3);
    CHECK(info.family == (facts.family == 'r'   ? PixelFamily::Rgb
                          : facts.family == 'y' ? PixelFamily::Yuv
                                                : PixelFamily::Gray));
    CHECK(&pixel_format_table()[static_cast<int>(facts.format)] == &info);
  }
  CHECK(find_pixel_format("NV61") == nullptr);
  CHECK_THROWS(pixel_format_info(static_cast<PixelFormat>(kPixelFormats)), std::invalid_argument, "25");
}

TEST(planes_of_odd_sizes_are_rounded_up) {
  for (const Facts& facts : all_facts())
    for (const auto& size : kSizes)
      for (int p = 0; p < facts.planes; ++p) {
        const PixelFormatInfo& info = pixel_format_info(facts.format);
        CHECK_EQ(plane_rows(info, p, size[1]), rows(facts, p, size[1]));
        CHECK_EQ(plane_row_bytes(info, p, size[0]), row_bytes(facts, p, size[0]));
      }
  CHECK_THROWS(plane_rows(pixel_format_info(PixelFormat::NV12), 2, 4), std::invalid_argument, "no plane 2");
}

TEST(every_format_equals_the_reference) {
  for (const Facts& facts : all_facts())
    for (const auto& size : kSizes)
      for (const Layout layout : {Layout::Tight, Layout::Padded, Layout::Negative}) {
        Frame f;
        make(f, facts, size[0], size[1], layout, static_cast<uint32_t>(size[0] * 100 + size[1]));
        for_all_variants(facts, f, [&] {
          std::vector<uint8_t> out(static_cast<size_t>(size[0]) * size[1] * 3);
          frame_to_rgb8(f.view, out.data());
          for (int y = 0; y < size[1]; ++y)
            for (int x = 0; x < size[0]; ++x) {
              const Samples s = samples_at(f, x, y);
              double exact[3], like[3];
              exact_rgb(f, s, exact);
              const bool yuv8 = facts.family == 'y' && facts.depth == 8;
              if (yuv8) gstreamer_like_rgb(f, s, like);
              for (int c = 0; c < 3; ++c) {
                const int got = out[(static_cast<size_t>(y) * size[0] + x) * 3 + c];
                // RGB16 repeats the high bits instead of multiplying.
                const double tolerance = yuv8 ? 4.5 : facts.format == PixelFormat::RGB16 ? 1.0 : 0.51;
                if (std::abs(got - exact[c]) > tolerance || (yuv8 && got != like[c]))
                  check::fail(__FILE__, __LINE__, describe(f), " at ", x, ",", y, " component ", c, ": ", got,
                              ", exactly ", exact[c], ", in GStreamer's arithmetic ", yuv8 ? like[c] : -1);
              }
            }
        });
      }
}

// frame_pixel() is what CUDA kernels are written with.
TEST(row_readers_equal_the_pixel_function) {
  for (const Facts& facts : all_facts()) {
    Frame f;
    make(f, facts, 83, 12, Layout::Padded, 5);
    for_all_variants(facts, f, [&] {
      const FrameView view = f.view;
      const PixelFormatInfo& info = pixel_format_info(view.format);
      const YuvToRgb m = yuv_to_rgb_matrix(view.matrix, view.range, facts.depth == 10 ? 10 : 8);
      FrameRows reader(view);
      std::vector<int16_t> r(83), g(83), b(83);
      for (const int y : {0, 1, 2, 3, 11, 4, 10, 5, 5, 6, 7, 8, 9}) {  // out of order as well
        reader.read(y, r.data(), g.data(), b.data());
        for (int x = 0; x < 83; ++x) {
          const Rgb p = frame_pixel(info, view, m, x, y);
          if (p.r != r[x] || p.g != g[x] || p.b != b[x])
            check::fail(__FILE__, __LINE__, describe(f), " at ", x, ",", y, ": ", r[x], " ", g[x], " ", b[x],
                        " against ", p.r, " ", p.g, " ", p.b);
        }
      }
    });
  }
}

TEST(white_grey_and_black) {
  for (const Facts& facts : all_facts()) {
    if (facts.family != 'y') continue;
    Frame f;
    make(f, facts, 4, 4, Layout::Tight, 1);
    for_all_variants(facts, f, [&] {
      const int unit = 1 << (facts.depth - 8);
      const bool full = f.view.range == ColorRange::Full;
      const int luma[3] = {full ? 0 : 16 * unit, full ? 128 * unit : 126 * unit,
                           full ? (256 * unit) - 1 : 235 * unit};
      const int expected[3] = {0, 128, 255};
      for (int level = 0; level < 3; ++level) {
        for (int j = 0; j < 4; ++j)
          for (int i = 0; i < 4; ++i)
            for (int c = 0; c < 3; ++c)
              if (i * f.h(c) < 4 && j * f.v(c) < 4) f.set(c, i, j, c == 0 ? luma[level] : 128 * unit);
        uint8_t out[48];
        frame_to_rgb8(f.view, out);
        for (const uint8_t v : out) CHECK_NEAR(v, expected[level], 1.0);
      }
    });
  }
}

TEST(ingest_is_conversion_then_resize) {
  for (const Facts& facts : all_facts())
    for (const auto& sizes : {std::pair{std::pair{61, 47}, std::pair{32, 16}},
                              {{61, 47}, {61, 16}},
                              {{61, 47}, {32, 47}},
                              {{9, 7}, {40, 33}},
                              {{200, 3}, {20, 9}}}) {
      const auto [in, out] = sizes;
      Frame f;
      make(f, facts, in.first, in.second, Layout::Negative, 9);
      std::vector<uint8_t> whole(static_cast<size_t>(in.first) * in.second * 3);
      std::vector<uint8_t> expected(static_cast<size_t>(out.first) * out.second * 3), got(expected.size());
      frame_to_rgb8(f.view, whole.data());
      resize_bicubic_rgb8(whole.data(), in.first, in.second, expected.data(), out.first, out.second);
      ingest_rgb8(f.view, got.data(), out.first, out.second);
      if (got != expected)
        check::fail(__FILE__, __LINE__, describe(f), ": ingest differs from conversion and resize");
    }
}

TEST(threads_change_nothing) {
  const int before = omp_get_max_threads();
  for (const PixelFormat format : {PixelFormat::NV12, PixelFormat::I420_10LE, PixelFormat::YUY2}) {
    Frame f;
    make(f, all_facts()[static_cast<size_t>(format)], 2049, 1283, Layout::Padded, 3);
    std::vector<uint8_t> one(512 * 256 * 3), four(one.size());
    omp_set_num_threads(1);
    ingest_rgb8(f.view, one.data(), 512, 256);
    omp_set_num_threads(4);
    ingest_rgb8(f.view, four.data(), 512, 256);
    CHECK(one == four);
  }
  omp_set_num_threads(before);
}

TEST(large_frames_are_never_held_as_rgb) {
  Frame f;
  make(f, all_facts()[static_cast<size_t>(PixelFormat::GRAY8)], 8192, 8192, Layout::Tight, 4);
  std::vector<uint8_t> out(512 * 256 * 3, 1);
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  ingest_rgb8(f.view, out.data(), 512, 256);
  getrusage(RUSAGE_SELF, &after);
  CHECK(after.ru_maxrss - before.ru_maxrss < 32 * 1024);  // KiB; the whole frame as R'G'B' takes 192 MiB
  double sum = 0;
  for (const uint8_t v : out) sum += v;
  CHECK_NEAR(sum / static_cast<double>(out.size()), 127.5, 1.0);  // the mean of noise
}

TEST(extreme_sizes) {
  for (const Facts& facts : all_facts())
    for (const auto& sizes : {std::pair{std::pair{1, 1}, std::pair{64, 32}},
                              {{1, 1}, {1, 1}},
                              {{1, 500}, {3, 2}},
                              {{500, 1}, {2, 3}},
                              {{333, 222}, {1, 1}}}) {
      const auto [in, out] = sizes;
      Frame f;
      make(f, facts, in.first, in.second, Layout::Tight, 11);
      std::vector<uint8_t> got(static_cast<size_t>(out.first) * out.second * 3), pixel(3);
      ingest_rgb8(f.view, got.data(), out.first, out.second);
      if (in.first > 1 || in.second > 1) continue;
      frame_to_rgb8(f.view, pixel.data());
      for (size_t i = 0; i < got.size(); ++i)
        CHECK_EQ(static_cast<int>(got[i]), static_cast<int>(pixel[i % 3]));
    }
}

// A picture of one colour is one of that colour at every size.
TEST(largest_sizes) {
  for (const Facts& facts : all_facts())
    for (const auto& [width, height] : {std::pair{8192, 1}, {1, 8192}, {8192, 8192}}) {
      if (width == height && facts.format != PixelFormat::NV12 && facts.format != PixelFormat::RGB) continue;
      Frame f;
      make(f, facts, width, height, Layout::Padded, 3);
      // Small enough for the high bytes of formats of 10 bits.
      for (auto& plane : f.bytes) std::fill(plane.begin(), plane.end(), static_cast<uint8_t>(1));
      std::vector<uint8_t> got(64 * 32 * 3);
      ingest_rgb8(f.view, got.data(), 64, 32);
      for (size_t i = 3; i < got.size(); ++i)
        if (got[i] != got[i % 3])
          check::fail(__FILE__, __LINE__, describe(f), ": ", static_cast<int>(got[i]), " at ", i / 3);
    }
}

// Buffers that end with the last row's last pixel: under AddressSanitizer, a byte read beyond them fails.
TEST(nothing_is_read_beyond_the_last_pixel) {
  Random random(21);
  for (const Facts& facts : all_facts())
    for (int round = 0; round < 12; ++round) {
      const int width = 1 + random.below(90), height = 1 + random.below(12);
      Frame f;
      make(f, facts, width, height, Layout::Padded, 2);
      FrameView exact = f.view;
      std::vector<std::vector<uint8_t>> planes;
      for (int p = 0; p < facts.planes; ++p) {
        const int count = rows(facts, p, height);
        const auto size = static_cast<size_t>((count - 1) * f.view.stride[p] + row_bytes(facts, p, width));
        planes.emplace_back(f.view.plane[p], f.view.plane[p] + size);
        exact.plane[p] = planes.back().data();
      }
      const int ow = 1 + random.below(40), oh = 1 + random.below(20);
      std::vector<uint8_t> a(static_cast<size_t>(ow) * oh * 3), b(a.size());
      ingest_rgb8(f.view, a.data(), ow, oh);
      ingest_rgb8(exact, b.data(), ow, oh);
      CHECK(a == b);
    }
}

TEST(bad_views_are_refused_by_name) {
  Frame f;
  make(f, all_facts()[static_cast<size_t>(PixelFormat::NV12)], 16, 16, Layout::Tight, 1);
  uint8_t out[16 * 16 * 3];
  const auto with = [&](auto&& change) {
    MutableFrameView v = f.view;
    change(v);
    return v;
  };
  CHECK_THROWS(frame_to_rgb8(with([](auto& v) { v.plane[1] = nullptr; }), out), std::invalid_argument,
               "plane 1 is null");
  CHECK_THROWS(frame_to_rgb8(with([](auto& v) { v.width = 0; }), out), std::invalid_argument, "0x16");
  CHECK_THROWS(frame_to_rgb8(with([](auto& v) { v.height = -3; }), out), std::invalid_argument, "1..32768");
  CHECK_THROWS(frame_to_rgb8(with([](auto& v) { v.width = 32769; }), out), std::invalid_argument, "32769x16");
  CHECK_THROWS(frame_to_rgb8(with([](auto& v) { v.stride[0] = 15; }), out), std::invalid_argument,
               "stride of plane 0");
  CHECK_THROWS(frame_to_rgb8(with([](auto& v) { v.stride[1] = -15; }), out), std::invalid_argument,
               "stride of plane 1");
  CHECK_THROWS(frame_to_rgb8(with([](auto& v) { v.format = static_cast<PixelFormat>(99); }), out),
               std::invalid_argument, "99");
  CHECK_THROWS(ingest_rgb8(f.view, out, 0, 4), std::invalid_argument, "0x4");
  CHECK_THROWS(ingest_rgb8(f.view, out, 4, 40000), std::invalid_argument, "4x40000");
  CHECK_THROWS(ingest_rgb8(f.view, nullptr, 4, 4), std::invalid_argument, "null");
  frame_to_rgb8(with([](auto& v) { v.height = 1, v.stride[0] = 0, v.stride[1] = 0; }),
                out);  // one row: strides do not matter
}

TEST_MAIN()
