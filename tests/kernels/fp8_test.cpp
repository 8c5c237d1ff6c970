// SPDX-License-Identifier: LGPL-2.1-or-later
// 8-bit floating point and the patches made of it, against LibTorch, bit for bit.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/im2col.h>
#include <c10/util/Float8_e4m3fn.h>

#include "kernels/fp8_math.h"
#include "kernels/fp8_patches.h"
#include "tests/check.h"
#include "tests/kernels/random_values.h"

using namespace anomaly;

namespace {

uint8_t of_libtorch(float x) {
  return c10::Float8_e4m3fn(x).x;
}

void same_code(float x) {
  const uint8_t ours = fp8_of(x).bits, theirs = of_libtorch(x);
  if (ours != theirs) check::fail(__FILE__, __LINE__, x, " becomes ", +ours, ", LibTorch's is ", +theirs);
}

// rows x kernel * kernel * channels, tap outermost: LibTorch's im2col has the channel outermost.
at::Tensor libtorch_patches(const at::Tensor& x, const PatchGeometry& g) {
  const int64_t taps = int64_t{g.kernel} * g.kernel;
  return at::im2col(x.permute({0, 3, 1, 2}).contiguous(), {g.kernel, g.kernel}, {g.dilation, g.dilation},
                    {g.padding, g.padding}, {g.stride, g.stride})
      .view({g.batch, g.channels, taps, -1})
      .permute({0, 3, 2, 1})
      .reshape({g.rows(), g.row_length()});
}

void check_patches(const PatchGeometry& g, int64_t first, int64_t rows) {
  const int64_t pixels = int64_t{g.batch} * g.height * g.width;
  std::vector<float> values =
      check::random_floats(static_cast<size_t>(pixels * g.channels), static_cast<uint64_t>(g.width), -3, 5);
  // Pixels of very different size, some of them black.
  for (int64_t p = 0; p < pixels; ++p)
    for (int c = 0; c < g.channels; ++c)
      values[static_cast<size_t>(p * g.channels + c)] *= p % 5 == 3 ? 0.0f : std::pow(10.0f, p % 7 - 3);
  const at::Tensor x = at::from_blob(values.data(), {g.batch, g.height, g.width, g.channels}, at::kFloat);

  std::vector<float> peaks(static_cast<size_t>(pixels));
  channel_peaks(values.data(), pixels, g.channels, peaks.data());
  const at::Tensor wanted_peaks = x.abs().amax({3}).flatten();
  CHECK(std::memcmp(peaks.data(), wanted_peaks.const_data_ptr<float>(), peaks.size() * sizeof(float)) == 0);

  const at::Tensor plain = libtorch_patches(x, g).narrow(0, first, rows).contiguous();
  const at::Tensor scale = plain.abs().amax({1}, true).clamp_min(1e-30) / 448.0f;
  const at::Tensor wanted = (plain * (1.0f / scale)).to(at::kFloat8_e4m3fn).contiguous();
  std::vector<uint8_t> out(static_cast<size_t>(wanted.numel()), 0x55);
  std::vector<float> scales(static_cast<size_t>(rows));
  fp8_patches(values.data(), peaks.data(), g, first, rows, out.data(), scales.data());
  CHECK(std::memcmp(scales.data(), scale.const_data_ptr<float>(), scales.size() * sizeof(float)) == 0);
  const auto* bytes = static_cast<const uint8_t*>(wanted.const_data_ptr());
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i] != bytes[i])
      check::fail(__FILE__, __LINE__, "value ", i, " is ", +out[i], ", LibTorch's ", +bytes[i]);
}

}  // namespace

TEST(every_code_means_what_libtorch_says) {
  for (int code = 0; code < 256; ++code) {
    const auto bits = static_cast<uint8_t>(code);
    const float ours = widened(Fp8{bits}), theirs = c10::Float8_e4m3fn(bits, c10::Float8_e4m3fn::from_bits());
    if (code % 128 == 127) {
      CHECK(std::isnan(ours) && std::isnan(theirs));
      continue;
    }
    CHECK_EQ(float_bits(ours), float_bits(theirs));
    CHECK_EQ(fp8_of(ours).bits, bits);
  }
}

TEST(rounding_is_libtorchs) {
  // Every upper half of a float with the lower halves that decide, below 464: from there on LibTorch gives no
  // number, we the largest.
  for (uint32_t high = 0; high <= 0x43e7; ++high)
    for (const uint32_t low : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      const auto bits = static_cast<int32_t>(high << 16 | low);
      same_code(bits_float(bits));
      same_code(-bits_float(bits));
    }
  for (const float x : check::random_floats(100000, 3, -460, 460)) same_code(x);
  for (const float x : check::random_floats(100000, 4, -0.05f, 0.05f)) same_code(x);
  CHECK_EQ(float_bits(bits_float(0x43e80000)), float_bits(464.0f));
}

TEST(beyond_the_largest_is_the_largest_and_no_number_stays_none) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float x : {449.0f, 464.0f, 465.0f, 480.0f, 1e9f, infinity}) {
    CHECK_EQ(fp8_of(x).bits, 0x7e);
    CHECK_EQ(fp8_of(-x).bits, 0xfe);
  }
  CHECK_EQ(fp8_of(std::nanf("")).bits, 0x7f);
  CHECK_EQ(fp8_of(-std::nanf("")).bits, 0x7f);
  CHECK_EQ(fp8_pair(1.0f, -2.0f), 0xc038u);
}

TEST(patches_are_libtorchs_of_every_geometry) {
  // batch, height, width, channels, kernel, stride, padding, dilation
  for (const PatchGeometry& g :
       {PatchGeometry{1, 7, 9, 16, 3, 1, 1, 1}, PatchGeometry{2, 5, 11, 32, 3, 1, 2, 2},
        PatchGeometry{1, 13, 6, 48, 3, 1, 4, 4}, PatchGeometry{3, 7, 9, 16, 3, 2, 1, 1},
        PatchGeometry{2, 8, 5, 5, 3, 2, 2, 2}, PatchGeometry{2, 6, 7, 64, 1, 1, 0, 1},
        PatchGeometry{1, 9, 7, 3, 1, 2, 0, 1}, PatchGeometry{1, 1, 1, 16, 3, 1, 1, 1},
        PatchGeometry{2, 9, 9, 16, 3, 1, 0, 3}}) {
    check_patches(g, 0, g.rows());
    if (g.rows() > 4) check_patches(g, 3, g.rows() - 4);
  }
}

TEST(what_is_no_number_stays_in_its_patches) {
  const PatchGeometry g{1, 3, 8, 16, 3, 1, 1, 1};
  std::vector<float> x = check::random_floats(3 * 8 * 16, 9);
  x[5] = std::nanf("");                                    // pixel 0
  x[16 * 7 + 2] = std::numeric_limits<float>::infinity();  // pixel 7 of the first row
  std::vector<float> peaks(24), scales(24);
  std::vector<uint8_t> out(24 * 144);
  channel_peaks(x.data(), 24, 16, peaks.data());
  CHECK(std::isfinite(peaks[0]));
  CHECK(std::isinf(peaks[7]));
  fp8_patches(x.data(), peaks.data(), g, 0, 24, out.data(), scales.data());
  const auto has_none = [&](int row) {
    for (int i = 0; i < 144; ++i)
      if (std::isnan(widened(Fp8{out[static_cast<size_t>(row * 144 + i)]}))) return true;
    return false;
  };
  for (int row = 0; row < 24; ++row) {
    const int y = row / 8, column = row % 8;
    CHECK_EQ(has_none(row), y <= 1 && (column <= 1 || column >= 6));
  }
}

TEST_MAIN()
