// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/perceptual.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/upsample_bicubic2d.h>

#include <cmath>
#include <vector>

#include "tests/check.h"
#include "tests/kernels/random_values.h"

namespace {

void difference_of(int height, int width, int channels, bool sum) {
  const size_t pixels = static_cast<size_t>(height) * width;
  const std::vector<float> a = check::random_floats(pixels * channels, channels, 0, 4);
  const std::vector<float> b = check::random_floats(pixels * channels, channels + 1000, 0, 4);
  std::vector<float> out(pixels, -1);
  anomaly::channel_difference(a.data(), b.data(), height, width, channels, sum, out.data());
  for (size_t p = 0; p < pixels; ++p) {
    double exact = 0;
    for (int c = 0; c < channels; ++c)
      exact += std::abs(static_cast<double>(a[p * channels + c]) - b[p * channels + c]);
    if (!sum) exact /= channels;
    CHECK_NEAR(out[p], exact, 1e-6 * (1 + exact));
  }
}

void upsampled(int in_width, int in_height, int width, int height, float weight) {
  std::vector<float> in = check::random_floats(static_cast<size_t>(in_width) * in_height, in_width, 0, 3);
  std::vector<float> out = check::random_floats(static_cast<size_t>(width) * height, 7, 0, 1);
  const std::vector<float> before = out;
  anomaly::accumulate_upsampled_bicubic(in.data(), in_width, in_height, weight, out.data(), width, height);
  const at::Tensor reference =
      at::upsample_bicubic2d(at::from_blob(in.data(), {1, 1, in_height, in_width}), {height, width}, false)
          .contiguous();
  for (size_t i = 0; i < out.size(); ++i)
    CHECK_NEAR(out[i], before[i] + weight * reference.const_data_ptr<float>()[i], 3e-6);
}

}  // namespace

TEST(mean_and_sum_over_channels) {
  for (int channels : {1, 3, 16, 63, 64, 65, 128, 200, 512}) {
    difference_of(3, 5, channels, false);
    difference_of(3, 5, channels, true);
  }
  difference_of(1, 1, 64, false);
  difference_of(40, 77, 64, false);
}

TEST(equal_features_differ_by_nothing) {
  const std::vector<float> a = check::random_floats(6 * 64, 1);
  std::vector<float> out(6, -1);
  anomaly::channel_difference(a.data(), a.data(), 2, 3, 64, false, out.data());
  CHECK(out == std::vector<float>(6, 0.0f));
}

TEST(upsampling_agrees_with_libtorch) {
  upsampled(256, 128, 512, 256, 0.0625f);
  upsampled(32, 16, 512, 256, 1);
  upsampled(16, 8, 77, 53, 0.25f);
  upsampled(3, 2, 50, 9, 1);
  upsampled(1, 1, 7, 5, 1);
}
TEST(equal_size_agrees_with_libtorch) {
  upsampled(65, 33, 65, 33, 1.0f / 32);
}
TEST(one_direction_alone_agrees_with_libtorch) {
  upsampled(20, 10, 20, 30, 1);
  upsampled(20, 10, 60, 10, 1);
}
TEST(shrinking_agrees_with_libtorch) {
  upsampled(91, 47, 30, 20, 0.5f);
}

TEST_MAIN()
