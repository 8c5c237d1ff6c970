// SPDX-License-Identifier: LGPL-2.1-or-later
// Painting on the device against the CPU's, byte for byte.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/paint_list.h"
#include "kernels/pixel_format.h"
#include "tests/kernels/cuda_device.h"
#include "tests/kernels/cuda_frames.h"
#include "tests/kernels/random_values.h"

using namespace anomaly;
using check::cuda;
using check::DeviceArray;
using check::TwinFrame;

namespace {

struct Painter {
  AnomalyCudaPainter* painter = nullptr;
  Painter() { CHECK_CUDA(cuda().painter_create(&painter)); }
  ~Painter() { cuda().painter_destroy(painter); }
};

std::vector<uint8_t> colours() {
  std::vector<uint8_t> lut(256 * 3);
  for (size_t i = 0; i < lut.size(); ++i) lut[i] = static_cast<uint8_t>(i * 37 % 256);
  return lut;
}

// The list on both, with the map in device and, another time, in host memory.
void same(TwinFrame& frame, const PaintList& list, const std::vector<float>& map, int map_width,
          int map_height, bool map_on_host, Painter& painter) {
  DeviceArray<float> map_device(map);
  const ScoreMap host = {map.data(), map_width, map_height};
  const ScoreMap given = {map_on_host ? map.data() : map_device.data(), map_width, map_height};
  paint_steps(frame.host, list.steps().data(), list.steps().size(), host);
  CHECK_CUDA(cuda().paint(painter.painter, &frame.device, list.steps().data(), list.steps().size(), &given,
                          map_on_host, nullptr));
  for (size_t p = 0; p < frame.bytes.size(); ++p) CHECK_SAME(frame.arrays[p]->host(), frame.bytes[p]);
}

class RandomSteps {
 public:
  explicit RandomSteps(uint64_t seed) : random_(seed) {}

  int between(int low, int high) {
    return low + static_cast<int>(random_.bits() % static_cast<uint32_t>(high - low + 1));
  }
  // Inside the frame, across its edges, or beside it.
  Rect rect(int width, int height) {
    const int w = between(1, width + width / 2), h = between(1, height + height / 2);
    return {between(-w - 1, width + 1), between(-h - 1, height + 1), w, h};
  }
  std::vector<uint8_t> coverages(const Rect& at) {
    std::vector<uint8_t> mask(static_cast<size_t>(at.width) * static_cast<size_t>(at.height));
    for (uint8_t& m : mask) m = between(0, 2) ? static_cast<uint8_t>(between(0, 255)) : uint8_t{0};
    return mask;
  }
  void add(PaintList& list, const uint8_t* lut) {
    const Rect at = rect(list.width(), list.height());
    const auto byte = [&] { return static_cast<uint8_t>(between(0, 255)); };
    switch (between(0, 5)) {
      case 0: {
        HeatmapStyle style;
        style.lut = lut;
        style.opacity = random_.uniform(0, 1);
        style.threshold = between(0, 3) ? random_.uniform(-0.2f, 1) : -std::numeric_limits<float>::infinity();
        style.opacity_follows_score = between(0, 1);
        list.heatmap(between(0, 1) ? at : Rect{0, 0, list.width(), list.height()}, style);
        break;
      }
      case 1: {
        ContourStyle style;
        style.threshold = random_.uniform(-0.2f, 1);
        style.line = between(1, 9);
        style.rim = between(0, 4);
        style.r = byte(), style.g = byte(), style.b = byte();
        style.rim_r = byte(), style.rim_g = byte(), style.rim_b = byte();
        list.contours(between(0, 1) ? at : Rect{0, 0, list.width(), list.height()}, style);
        break;
      }
      case 2:
        list.shade(at, byte(), byte(), byte(), byte());
        break;
      case 3:
        list.mask(at, coverages(at), byte(), byte(), byte());
        break;
      default:
        list.box(at, between(0, 5), byte(), byte(), byte());
    }
  }

 private:
  check::Random random_;
};

}  // namespace

TEST(cuda_paint_of_random_lists_in_every_format) {
  const std::vector<uint8_t> lut = colours();
  Painter painter;
  for (int i = 0; i < kPixelFormats; ++i)
    for (uint64_t seed = 0; seed < 40; ++seed) {
      const uint64_t number = 100 * static_cast<uint64_t>(i) + seed;
      RandomSteps steps(number);
      const int width = steps.between(1, 150), height = steps.between(1, 70);
      // Odd addresses and strides; those that allow words, and words of two samples.
      TwinFrame frame(pixel_format_table()[i], width, height, number,
                      std::vector<int>{0, 4, 8, 256}[seed % 4]);
      const int map_width = steps.between(1, 20), map_height = steps.between(1, 12);
      const std::vector<float> map =
          check::random_floats(static_cast<size_t>(map_width * map_height), number, -0.2f, 1.2f);
      PaintList list(width, height);
      for (int n = steps.between(1, 12); n > 0; --n) steps.add(list, lut.data());
      same(frame, list, map, map_width, map_height, seed % 2, painter);
    }
}

// Each kind of step alone, at every alignment to groups of pixels that share samples.
TEST(cuda_paint_at_every_alignment) {
  const std::vector<uint8_t> lut = colours();
  const std::vector<float> map = check::random_floats(5 * 4, 9, 0, 1);
  Painter painter;
  RandomSteps steps(5);
  for (int i = 0; i < kPixelFormats; ++i)
    for (int corner = 0; corner < 16; ++corner)
      for (int kind = 0; kind < 5; ++kind) {
        const Rect at = {10 + corner % 2, 6 + corner / 2 % 2, 9 + corner / 4 % 2, 7 + corner / 8};
        PaintList list(41, 23);
        HeatmapStyle style;
        style.lut = lut.data();
        style.threshold = 0.4f;
        if (kind == 0) list.heatmap(at, style);
        if (kind == 1) list.box(at, 1 + corner % 3, 20, 200, 90);
        if (kind == 2) list.box(at, 0, 20, 200, 90);
        if (kind == 3) list.mask(at, steps.coverages(at), 250, 10, 90);
        if (kind == 4) list.contours(at, {.threshold = 0.4f, .line = 1, .rim = corner % 2});
        TwinFrame frame(pixel_format_table()[i], 41, 23, static_cast<uint64_t>(corner));
        same(frame, list, map, 5, 4, false, painter);
      }
}

// Boxes whose holes hold whole tiles, and a frame of many tiles.
TEST(cuda_paint_of_large_outlines) {
  Painter painter;
  for (const PixelFormat format : {PixelFormat::NV12, PixelFormat::RGBx, PixelFormat::RGB}) {
    TwinFrame frame(pixel_format_info(format), 700, 300, 3, 4);
    RandomSteps steps(static_cast<uint64_t>(format));
    PaintList list(700, 300);
    for (int i = 0; i < 60; ++i) {
      const int x = steps.between(-80, 500), y = steps.between(-60, 200);
      list.box({x, y, steps.between(1, 700), steps.between(1, 300)}, steps.between(1, 70), 200,
               static_cast<uint8_t>(4 * i), 30);
    }
    same(frame, list, {0}, 1, 1, true, painter);
  }
}

// Wide lines of a map that covers more than the frame, and several contours in one list.
TEST(cuda_paint_of_wide_contours) {
  Painter painter;
  RandomSteps steps(6);
  for (const PixelFormat format : {PixelFormat::NV12, PixelFormat::RGBx, PixelFormat::RGB}) {
    TwinFrame frame(pixel_format_info(format), 333, 190, 3, 4);
    const std::vector<float> map = check::random_floats(12 * 9, static_cast<uint64_t>(format), 0, 1);
    PaintList list(333, 190);
    for (const int line : {1, 8, 41, 300}) {
      list.contours({-20, -9, 400, 230}, {.threshold = 0.1f * static_cast<float>(steps.between(3, 9)),
                                          .line = line,
                                          .rim = line / 3,
                                          .r = 200,
                                          .g = static_cast<uint8_t>(line)});
      list.box(steps.rect(333, 190), 3, 9, 200, 9);
    }
    for (const bool map_on_host : {false, true}) same(frame, list, map, 12, 9, map_on_host, painter);
  }
}

// More steps than one launch takes: the order holds across launches.
TEST(cuda_paint_of_thousands_of_steps) {
  Painter painter;
  TwinFrame frame(pixel_format_info(PixelFormat::I420), 64, 40, 3);
  RandomSteps steps(8);
  PaintList list(64, 40);
  for (int i = 0; i < 5000; ++i)
    list.box(steps.rect(64, 40), steps.between(0, 3), static_cast<uint8_t>(i), static_cast<uint8_t>(i / 20),
             static_cast<uint8_t>(i / 7));
  same(frame, list, {0}, 1, 1, true, painter);
}

TEST(cuda_paint_leaves_what_no_step_touches) {
  Painter painter;
  for (int i = 0; i < kPixelFormats; ++i) {
    TwinFrame frame(pixel_format_table()[i], 33, 21, 4);
    const std::vector<std::vector<uint8_t>> before = frame.bytes;
    PaintList list(33, 21);
    const std::vector<uint8_t> lut = colours();
    HeatmapStyle style;
    style.lut = lut.data();
    list.heatmap({0, 0, 33, 21}, style);  // scores below the threshold
    list.box({40, 2, 5, 5}, 0, 1, 2, 3);  // beside the frame
    list.mask({3, 3, 4, 4}, std::vector<uint8_t>(16), 1, 2, 3);
    same(frame, list, std::vector<float>(6, 0.25f), 3, 2, false, painter);
    for (size_t p = 0; p < before.size(); ++p) CHECK_SAME(frame.arrays[p]->host(), before[p]);
  }
}

TEST(cuda_paint_refuses_what_is_wrong) {
  Painter painter;
  TwinFrame frame(pixel_format_info(PixelFormat::NV12), 16, 16, 1);
  const std::vector<uint8_t> lut = colours();
  const float score = 1;
  ScoreMap map = {&score, 1, 1};
  PaintStep step;
  const auto run = [&] { return cuda().paint(painter.painter, &frame.device, &step, 1, &map, 1, nullptr); };
  CHECK(run() != 0);  // no area
  step.box = {0, 0, 4, 4};
  CHECK_CUDA(run());
  step.kind = PaintStep::Kind::Mask;
  CHECK(run() != 0);  // no mask
  step.kind = PaintStep::Kind::Heatmap;
  CHECK(run() != 0);  // no colours
  step.heat.lut = lut.data();
  CHECK_CUDA(run());
  map.width = 0;
  CHECK(run() != 0);
  map = {nullptr, 1, 1};
  CHECK(run() != 0);
  map = {&score, 1, 1};
  step.kind = PaintStep::Kind::Contours;
  CHECK_CUDA(run());
  step.contours.line = 0;
  CHECK(run() != 0);
  step.contours = {.line = 400, .rim = 51};
  CHECK(run() != 0);
  step.contours = {};
  map = {nullptr, 1, 1};
  CHECK(run() != 0);
  map = {&score, 1, 1};
  step.kind = static_cast<PaintStep::Kind>(9);
  CHECK(run() != 0);
  step.kind = PaintStep::Kind::Box;
  frame.device.plane[1] = nullptr;
  CHECK(run() != 0);
  cuda().painter_destroy(nullptr);
}

// What PaintList itself takes and leaves out.
TEST(paint_list_leaves_out_what_has_no_area) {
  PaintList list(20, 10);
  list.box({1, 1, 0, 5}, 0, 1, 2, 3);
  list.shade({1, 1, 5, -1}, 9, 1, 2, 3);
  list.mask({0, 0, 0, 0}, {}, 1, 2, 3);
  CHECK_EQ(list.steps().size(), size_t{0});
  CHECK_THROWS(list.mask({0, 0, 3, 3}, std::vector<uint8_t>(8), 1, 2, 3), std::invalid_argument, "3x3");
  CHECK_EQ(list.steps().size(), size_t{0});
}
