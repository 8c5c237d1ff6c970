// SPDX-License-Identifier: LGPL-2.1-or-later
// The CUDA kernels that make 8-bit patches, against the CPU's: bit for bit, whatever type the activations
// have.
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/fp8_patches.h"
#include "tests/kernels/cuda_device.h"
#include "tests/kernels/cuda_elements.h"
#include "tests/kernels/random_values.h"

using namespace anomaly;
using check::cuda;
using check::DeviceArray;
using check::kTypeOf;
using check::narrowed_all;
using check::random_floats;
using check::widened_all;

namespace {

// offset: elements that put the input at an odd address; out_offset: bytes that do so with the result.
template <typename T>
void patches(const PatchGeometry& g, int64_t first, int64_t rows, size_t offset, size_t out_offset = 0) {
  const auto pixels =
      static_cast<size_t>(g.batch) * static_cast<size_t>(g.height) * static_cast<size_t>(g.width);
  const auto channels = static_cast<size_t>(g.channels);
  std::vector<float> values = random_floats(pixels * channels, channels + pixels, -2, 3);
  for (size_t i = 0; i < values.size(); ++i)  // of different size, some pixels black
    values[i] *= i / channels % 6 == 4 ? 0.0f : std::pow(4.0f, static_cast<float>(i / channels % 5) - 2);
  const std::vector<T> x = narrowed_all<T>(values);
  const std::vector<float> wide = widened_all(x);
  const auto count = static_cast<size_t>(rows);
  std::vector<float> peaks(pixels), scales(count);
  std::vector<uint8_t> out(count * static_cast<size_t>(g.row_length()));
  channel_peaks(wide.data(), static_cast<int64_t>(pixels), g.channels, peaks.data());
  fp8_patches(wide.data(), peaks.data(), g, first, rows, out.data(), scales.data());

  DeviceArray<T> x_in(x, offset);
  DeviceArray<float> peaks_out(pixels), scales_out(count);
  DeviceArray<uint8_t> result(out.size(), out_offset);
  CHECK_CUDA(cuda().channel_peaks(kTypeOf<T>, x_in.data(), static_cast<int64_t>(pixels), g.channels,
                                  peaks_out.data(), nullptr));
  CHECK_SAME(peaks_out.host(), peaks);
  const AnomalyCudaFp8Patches a{kTypeOf<T>, x_in.data(), peaks_out.data(), g,
                                first,      rows,        result.data(),    scales_out.data()};
  CHECK_CUDA(cuda().fp8_patches(&a, nullptr));
  CHECK_SAME(scales_out.host(), scales);
  CHECK_SAME(result.host(), out);
}

}  // namespace

TEST(cuda_fp8_patches_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    // batch, height, width, channels, kernel, stride, padding, dilation
    for (const PatchGeometry& g :
         {PatchGeometry{1, 7, 9, 64, 3, 1, 1, 1}, PatchGeometry{2, 11, 17, 32, 3, 1, 2, 2},
          PatchGeometry{1, 9, 13, 512, 3, 1, 4, 4}, PatchGeometry{3, 7, 9, 16, 3, 2, 1, 1},
          PatchGeometry{2, 8, 5, 5, 3, 2, 2, 2}, PatchGeometry{1, 5, 7, 24, 3, 1, 1, 1},
          PatchGeometry{2, 6, 7, 272, 1, 1, 0, 1}, PatchGeometry{1, 9, 7, 3, 1, 2, 0, 1},
          PatchGeometry{1, 1, 1, 16, 3, 1, 1, 1}}) {
      patches<T>(g, 0, g.rows(), 0);
      patches<T>(g, 0, g.rows(), 1);
      patches<T>(g, 0, g.rows(), 0, 3);
      if (g.rows() > 4) patches<T>(g, 3, g.rows() - 4, 0);
    }
  });
}

TEST(cuda_fp8_patches_keep_what_is_no_number) {
  const PatchGeometry g{1, 2, 4, 16, 3, 1, 1, 1};
  std::vector<float> x = random_floats(8 * 16, 5);
  x[3] = std::nanf("");
  x[16 * 3] = -std::numeric_limits<float>::infinity();
  std::vector<float> peaks(8), scales(8);
  std::vector<uint8_t> out(8 * 144);
  channel_peaks(x.data(), 8, 16, peaks.data());
  fp8_patches(x.data(), peaks.data(), g, 0, 8, out.data(), scales.data());
  DeviceArray<float> x_in(x), peaks_out(8), scales_out(8);
  DeviceArray<uint8_t> result(out.size());
  CHECK_CUDA(cuda().channel_peaks(kAnomalyFloat32, x_in.data(), 8, 16, peaks_out.data(), nullptr));
  CHECK_SAME(peaks_out.host(), peaks);
  const AnomalyCudaFp8Patches a{kAnomalyFloat32, x_in.data(),      peaks_out.data(), g, 0, 8,
                                result.data(),   scales_out.data()};
  CHECK_CUDA(cuda().fp8_patches(&a, nullptr));
  CHECK_SAME(result.host(), out);
  CHECK_SAME(scales_out.host(), scales);
}

TEST(cuda_fp8_patches_refuse_what_is_wrong) {
  DeviceArray<float> room(4096);
  DeviceArray<uint8_t> bytes(65536);
  const AnomalyCudaFp8Patches good{
      kAnomalyFloat32, room.data(),       room.data(), {1, 4, 4, 16, 3, 1, 1, 1}, 0, 16,
      bytes.data(),    room.data() + 2048};
  CHECK_CUDA(cuda().fp8_patches(&good, nullptr));
  const auto refused = [&](auto change) {
    AnomalyCudaFp8Patches a = good;
    change(a);
    CHECK(cuda().fp8_patches(&a, nullptr) != 0);
  };
  refused([](auto& a) { a.x = nullptr; });
  refused([](auto& a) { a.scales = nullptr; });
  refused([](auto& a) { a.type = static_cast<AnomalyCudaType>(9); });
  refused([](auto& a) { a.geometry.kernel = 5; });
  refused([](auto& a) { a.geometry.stride = 0; });
  refused([](auto& a) { a.geometry.channels = 0; });
  refused([](auto& a) { a.geometry.dilation = 9; });
  refused([](auto& a) { a.first = 1; });
  refused([](auto& a) { a.rows = 17; });
  refused([](auto& a) { a.rows = -1; });
  CHECK(cuda().channel_peaks(kAnomalyFloat32, room.data(), 4, 0, room.data(), nullptr) != 0);
  CHECK(cuda().channel_peaks(kAnomalyFloat32, nullptr, 4, 4, room.data(), nullptr) != 0);
}
