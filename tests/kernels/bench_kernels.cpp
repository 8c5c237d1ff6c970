// SPDX-License-Identifier: LGPL-2.1-or-later
// Milliseconds a frame of ingest, statistics and drawing, per pixel format. Prints a table; not a test.
// bench_kernels [REPEATS], default 20: the fastest of so many runs.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "kernels/heatmap.h"
#include "kernels/ingest.h"
#include "kernels/pixel_format.h"
#include "kernels/resize.h"
#include "kernels/statistics.h"

namespace {

using namespace anomaly;

struct Frame {
  MutableFrameView view;
  std::vector<uint8_t> bytes[kMaxPlanes];
};

Frame make_frame(const PixelFormatInfo& info, int width, int height) {
  Frame f;
  f.view.format = info.format;
  f.view.width = width;
  f.view.height = height;
  uint32_t state = 1;
  for (int p = 0; p < info.planes; ++p) {
    f.view.stride[p] = (plane_row_bytes(info, p, width) + 3) / 4 * 4;
    f.bytes[p].resize(static_cast<size_t>(f.view.stride[p]) * plane_rows(info, p, height));
    for (uint8_t& b : f.bytes[p]) b = static_cast<uint8_t>((state = state * 1664525U + 1013904223U) >> 24);
    f.view.plane[p] = f.bytes[p].data();
  }
  return f;
}

double fastest_ms(int repeats, const std::function<void()>& body) {
  body();
  std::vector<double> ms;
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    body();
    ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  return *std::min_element(ms.begin(), ms.end());
}

constexpr int kMapWidth = 512, kMapHeight = 256;

// A low background with a few bumps over the threshold: what a driving frame gives.
std::vector<float> make_map() {
  std::vector<float> map(kMapWidth * kMapHeight);
  for (int y = 0; y < kMapHeight; ++y)
    for (int x = 0; x < kMapWidth; ++x) {
      float v =
          0.2F + 0.05F * std::sin(0.9F * static_cast<float>(x)) * std::cos(0.7F * static_cast<float>(y));
      for (int i = 0; i < 8; ++i) {
        const float dx = static_cast<float>(x - 40 - 60 * i), dy = static_cast<float>(y - 150 - 10 * (i % 3));
        v += 0.7F * std::exp(-(dx * dx + dy * dy) / 100);
      }
      map[y * kMapWidth + x] = std::min(v, 1.0F);
    }
  return map;
}

}  // namespace

int main(int argc, char** argv) {
  const int repeats = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 20;
  const std::vector<float> map = make_map();
  std::vector<uint8_t> labels(kMapWidth * kMapHeight, 0), small(kMapWidth * kMapHeight * 3), lut(256 * 3);
  for (int i = 0; i < 256; ++i) lut[3 * i] = lut[3 * i + 1] = lut[3 * i + 2] = static_cast<uint8_t>(i);
  HeatmapStyle style;
  style.lut = lut.data();

  for (const auto& size : {std::pair{960, 540}, std::pair{1920, 1080}}) {
    const int width = size.first, height = size.second;
    std::printf("%dx%d, fastest of %d runs, milliseconds\n", width, height, repeats);
    std::printf("%-12s %14s %14s %14s %14s\n", "format", "ingest 512x256", "to R'G'B'", "heatmap",
                "10 boxes");
    for (int i = 0; i < kPixelFormats; ++i) {
      const PixelFormatInfo& info = pixel_format_table()[i];
      Frame frame = make_frame(info, width, height);
      std::vector<uint8_t> full(static_cast<size_t>(width) * height * 3);
      const double ingest =
          fastest_ms(repeats, [&] { ingest_rgb8(frame.view, small.data(), kMapWidth, kMapHeight); });
      const double convert = fastest_ms(repeats, [&] { frame_to_rgb8(frame.view, full.data()); });
      const double blend = fastest_ms(
          repeats, [&] { blend_heatmap(frame.view, map.data(), kMapWidth, kMapHeight, Rect{}, style); });
      const double boxes = fastest_ms(repeats, [&] {
        for (int b = 0; b < 10; ++b) draw_box(frame.view, {80 * b, 40 * b, 120, 90}, 2, 255, 0, 0);
      });
      std::printf("%-12s %14.2f %14.2f %14.2f %14.2f\n", info.name, ingest, convert, blend, boxes);
    }
    StatisticsQuery query;
    query.frame_width = width;
    query.frame_height = height;
    std::vector<float> resized(static_cast<size_t>(width) * height);
    std::printf("%-12s %14.2f\n", "statistics", fastest_ms(repeats, [&] {
                  (void)map_statistics(map.data(), kMapWidth, kMapHeight, labels.data(), kMapWidth,
                                       kMapHeight, query);
                }));
    std::printf("%-12s %14.2f\n", "map resize", fastest_ms(repeats, [&] {
                  resize_bicubic_f32(map.data(), kMapWidth, kMapHeight, resized.data(), width, height);
                }));
  }
  return 0;
}
