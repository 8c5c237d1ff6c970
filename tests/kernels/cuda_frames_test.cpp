// SPDX-License-Identifier: LGPL-2.1-or-later
// CUDA kernels of what is read from frames, and of resizing; against the CPU's.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "kernels/ingest.h"
#include "kernels/pixel_format.h"
#include "kernels/resize.h"
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
