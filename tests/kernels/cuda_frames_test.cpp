// SPDX-License-Identifier: LGPL-2.1-or-later
// CUDA kernels of what happens to frames: ingest, resizing, statistics, heatmap; against the CPU's.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/heatmap.h"
#include "kernels/ingest.h"
#include "kernels/pixel_format.h"
#include "kernels/resize.h"
#include "kernels/statistics.h"
#include "tests/kernels/cuda_device.h"
#include "tests/kernels/cuda_frames.h"
#include "tests/kernels/random_values.h"

using namespace anomaly;
using check::cuda;
using check::DeviceArray;
using check::Resampler;
using check::TwinFrame;

namespace {

void ingest(const PixelFormatInfo& info, int in_width, int in_height, int width, int height, uint64_t seed) {
  TwinFrame frame(info, in_width, in_height, seed);
  std::vector<uint8_t> expected(static_cast<size_t>(width) * height * 3);
  ingest_rgb8(frame.host, expected.data(), width, height);
  DeviceArray<uint8_t> out(expected.size());
  Resampler resampler(in_width, in_height, width, height);
  const FrameView view = frame.device;
  CHECK_CUDA(cuda().ingest_rgb8(resampler.resampler, &view, out.data(), nullptr));
  CHECK_SAME(out.host(), expected);
}

void resize(int in_width, int in_height, int width, int height) {
  const std::vector<float> in = check::random_floats(static_cast<size_t>(in_width) * in_height, 3, 0, 1);
  std::vector<float> expected(static_cast<size_t>(width) * height);
  resize_bicubic_f32(in.data(), in_width, in_height, expected.data(), width, height);
  DeviceArray<float> in_device(in), out(expected.size());
  Resampler resampler(in_width, in_height, width, height);
  CHECK_CUDA(cuda().resize_bicubic_f32(resampler.resampler, in_device.data(), out.data(), nullptr));
  CHECK_SAME(out.host(), expected);
}

void statistics(const std::vector<float>& map, int map_width, int map_height, int width, int height,
                float threshold) {
  StatisticsQuery query;
  query.frame_width = width;
  query.frame_height = height;
  query.threshold = threshold;
  const MapStatistics expected = map_statistics(map.data(), map_width, map_height, nullptr, 0, 0, query);
  DeviceArray<float> in(map), figures(3);
  DeviceArray<unsigned long long> over(1);
  CHECK_CUDA(cuda().map_figures(in.data(), map_width, 0, 0, map_width, map_height, figures.data(), nullptr));
  const std::vector<float> found = figures.host();
  CHECK_NEAR(found[0], expected.score, 1e-7 * std::abs(expected.score));
  CHECK_EQ(found[1], expected.max);
  CHECK_NEAR(found[2], expected.mean, 1e-7 * (std::abs(expected.mean) + 1e-3));
  Resampler resampler(map_width, map_height, width, height);
  CHECK_CUDA(cuda().count_over(resampler.resampler, in.data(), 0, 0, width, height, threshold, over.data(),
                               nullptr));
  CHECK_EQ(static_cast<double>(over.host()[0]) / (static_cast<double>(width) * height), expected.share);
}

}  // namespace

TEST(cuda_ingest_of_every_format) {
  for (int i = 0; i < kPixelFormats; ++i)
    for (uint64_t seed = 0; seed < 3; ++seed) {
      ingest(pixel_format_table()[i], 33, 21, 33, 21, 7 * static_cast<uint64_t>(i) + 2 * seed);
      ingest(pixel_format_table()[i], 47, 35, 20, 11, 7 * static_cast<uint64_t>(i) + 2 * seed + 1);
    }
}
TEST(cuda_ingest_of_any_size) {
  const PixelFormatInfo &nv12 = pixel_format_info(PixelFormat::NV12),
                        &rgb = pixel_format_info(PixelFormat::RGB);
  for (const auto& [iw, ih, w, h] : {std::array<int, 4>{1, 1, 1, 1},
                                     {1, 1, 9, 5},
                                     {2, 3, 7, 7},
                                     {640, 360, 101, 51},
                                     {100, 50, 333, 222},
                                     {64, 64, 64, 17},
                                     {64, 64, 17, 64},
                                     {300, 200, 1, 1}}) {
    ingest(nv12, iw, ih, w, h, 1);
    ingest(rgb, iw, ih, w, h, 2);
  }
}
TEST(cuda_ingest_refuses_what_is_wrong) {
  TwinFrame frame(pixel_format_info(PixelFormat::RGB), 16, 16, 1);
  DeviceArray<uint8_t> out(8 * 8 * 3 + 4);
  Resampler resampler(16, 16, 8, 8);
  FrameView view = frame.device;
  CHECK_CUDA(cuda().ingest_rgb8(resampler.resampler, &view, out.data(), nullptr));
  CHECK(cuda().ingest_rgb8(resampler.resampler, &view, out.data() + 1, nullptr) != 0);
  view.width = 15;
  CHECK(cuda().ingest_rgb8(resampler.resampler, &view, out.data(), nullptr) != 0);
  view.width = 16;
  view.plane[0] = nullptr;
  CHECK(cuda().ingest_rgb8(resampler.resampler, &view, out.data(), nullptr) != 0);
  AnomalyCudaResampler* none = nullptr;
  CHECK(cuda().resampler_create(16, 0, 8, 8, &none) != 0);
  CHECK(none == nullptr);
  CHECK(cuda().resampler_create(16, 16, 8, 32769, &none) != 0);
  cuda().resampler_destroy(nullptr);
}

TEST(cuda_resize_of_floats) {
  resize(64, 32, 120, 68);
  resize(64, 32, 31, 17);
  resize(50, 40, 50, 40);
  resize(50, 40, 50, 90);
  resize(50, 40, 90, 40);
  resize(1, 1, 300, 5);
}

TEST(cuda_statistics) {
  for (uint64_t seed = 1; seed < 4; ++seed) {
    statistics(check::random_floats(128 * 64, seed, 0, 1), 128, 64, 240, 135, 0.7f);
    statistics(check::random_floats(512 * 256, seed, -1, 1), 512, 256, 301, 203, 0.1f);
    statistics(check::random_floats(5 * 3, seed, 0, 1), 5, 3, 40, 30, 0.5f);
  }
  statistics(std::vector<float>(100 * 100, 0.25f), 100, 100, 200, 100, 0.25f);
  statistics(std::vector<float>(7, 0.0f), 7, 1, 7, 1, 0.5f);
}
TEST(cuda_statistics_of_ties) {
  std::vector<float> map = check::random_floats(100 * 100, 1, 0, 0.5f);
  for (size_t i = 0; i < 8; ++i) map[i * 1000 + 3] = 0.875f;  // the ten highest: four, and six of the eight
  for (size_t i = 0; i < 4; ++i) map[i * 2000 + 77] = 0.9375f;
  statistics(map, 100, 100, 150, 150, 0.5f);
}
TEST(cuda_statistics_without_numbers) {
  std::vector<float> map = check::random_floats(60 * 40, 1, 0, 1);
  map[5] = std::numeric_limits<float>::quiet_NaN();
  map[500] = std::numeric_limits<float>::infinity();
  map[1500] = -std::numeric_limits<float>::infinity();
  statistics(map, 60, 40, 120, 80, 0.5f);
}
TEST(cuda_statistics_of_a_rectangle) {
  const std::vector<float> map = check::random_floats(40 * 30, 1, 0, 1);
  DeviceArray<float> in(map), figures(3);
  CHECK_CUDA(cuda().map_figures(in.data(), 40, 7, 5, 20, 11, figures.data(), nullptr));
  float most = 0;
  double sum = 0;
  for (int y = 5; y < 16; ++y)
    for (int x = 7; x < 27; ++x) most = std::max(most, map[y * 40 + x]), sum += map[y * 40 + x];
  const std::vector<float> found = figures.host();
  CHECK_EQ(found[0], most);
  CHECK_EQ(found[1], most);
  CHECK_NEAR(found[2], sum / 220, 1e-7);
  std::vector<float> wide(100 * 60);
  resize_bicubic_f32(map.data(), 40, 30, wide.data(), 100, 60);
  unsigned long long expected = 0;
  for (int y = 9; y < 50; ++y)
    for (int x = 31; x < 98; ++x) expected += wide[y * 100 + x] >= 0.6f;
  Resampler resampler(40, 30, 100, 60);
  DeviceArray<unsigned long long> over(1);
  CHECK_CUDA(cuda().count_over(resampler.resampler, in.data(), 31, 9, 67, 41, 0.6f, over.data(), nullptr));
  const std::vector<unsigned long long> counted = over.host();
  CHECK_EQ(counted[0], expected);
  CHECK(cuda().count_over(resampler.resampler, in.data(), 50, 0, 51, 5, 0.6f, over.data(), nullptr) != 0);
  CHECK(cuda().map_figures(in.data(), 40, 21, 0, 20, 3, figures.data(), nullptr) != 0);
}

TEST(cuda_heatmap_in_every_format) {
  std::vector<uint8_t> lut(256 * 3);
  for (size_t i = 0; i < lut.size(); ++i) lut[i] = static_cast<uint8_t>(i * 37 % 256);
  const std::vector<float> map = check::random_floats(16 * 9, 4, -0.2f, 1.2f);
  DeviceArray<float> map_device(map);
  const Rect areas[] = {{0, 0, 0, 0}, {5, 3, 21, 14}, {-7, -4, 30, 60}, {30, 18, 50, 50}, {90, 90, 4, 4}};
  for (int i = 0; i < kPixelFormats; ++i)
    for (size_t a = 0; a < std::size(areas); ++a) {
      TwinFrame frame(pixel_format_table()[i], 43, 27, static_cast<uint64_t>(i) + 5 * a);
      const Rect& area = areas[a];
      HeatmapStyle style;
      style.lut = lut.data();
      style.opacity = a % 2 ? 0.6f : 1.0f;
      style.threshold = 0.4f;
      blend_heatmap(frame.host, map.data(), 16, 9, area, style);
      CHECK_CUDA(cuda().blend_heatmap(&frame.device, map_device.data(), 16, 9, area.x, area.y, area.width,
                                      area.height, style.lut, style.opacity, style.threshold, nullptr));
      for (size_t p = 0; p < frame.bytes.size(); ++p) CHECK_SAME(frame.arrays[p]->host(), frame.bytes[p]);
    }
}
