// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/uncertainty.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/log.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "kernels/float_math.h"
#include "kernels/uncertainty_math.h"
#include "tests/check.h"
#include "tests/kernels/golden_tensor.h"
#include "tests/kernels/random_values.h"

namespace {

struct Maps {
  std::vector<uint8_t> labels;
  std::vector<float> entropy, distance;
  float bounds[4] = {};
};

Maps maps_of(const std::vector<float>& logits, int classes, int in_width, int in_height, int width,
             int height, bool align_corners = true) {
  const size_t count = static_cast<size_t>(width) * static_cast<size_t>(height);
  Maps maps{std::vector<uint8_t>(count), std::vector<float>(count), std::vector<float>(count), {}};
  anomaly::uncertainty_maps(logits.data(), classes, in_width, in_height, width, height, maps.labels.data(),
                            maps.entropy.data(), maps.distance.data(), maps.bounds, align_corners);
  return maps;
}

// Distance of neighbouring floats at v.
double last_place(double v) {
  int exponent;
  std::frexp(v, &exponent);
  return std::ldexp(1.0, exponent - 24);
}

// The steps one by one with LibTorch, every map at full size.
void against_libtorch(int classes, int in_width, int in_height, int width, int height, float spread,
                      double tolerance = 3e-6, bool align_corners = true) {
  std::vector<float> logits = check::random_floats(static_cast<size_t>(classes) * in_width * in_height,
                                                   classes * 1000 + width, -spread, spread);
  const Maps maps = maps_of(logits, classes, in_width, in_height, width, height, align_corners);

  at::Tensor x =
      at::from_blob(logits.data(), {1, in_height, in_width, classes}).permute({0, 3, 1, 2}).contiguous();
  x = at::upsample_bilinear2d(x, {height, width}, align_corners);
  const at::Tensor p = at::softmax(x, 1);
  const at::Tensor log_p = at::log(p).masked_fill(p.eq(0), 0);
  const at::Tensor entropy = p.mul(log_p).sum(1).neg().contiguous();
  const auto [top, index] = at::topk(p, std::min(classes, 2), 1);
  const at::Tensor best = top.select(1, 0).contiguous(), label = index.select(1, 0).contiguous();
  const at::Tensor next = classes > 1 ? top.select(1, 1).contiguous() : best.mul(0);

  for (int i = 0; i < width * height; ++i) {
    const float p1 = best.const_data_ptr<float>()[i], p2 = next.const_data_ptr<float>()[i];
    CHECK_NEAR(maps.entropy[i], entropy.const_data_ptr<float>()[i], tolerance);
    CHECK_NEAR(maps.distance[i], 1 - p1 + p2, tolerance);
    if (p1 - p2 > 10 * tolerance)
      CHECK_EQ(static_cast<int64_t>(maps.labels[i]), label.const_data_ptr<int64_t>()[i]);
  }
  CHECK_EQ(maps.bounds[0], *std::min_element(maps.entropy.begin(), maps.entropy.end()));
  CHECK_EQ(maps.bounds[1], *std::max_element(maps.entropy.begin(), maps.entropy.end()));
  CHECK_EQ(maps.bounds[2], *std::min_element(maps.distance.begin(), maps.distance.end()));
  CHECK_EQ(maps.bounds[3], *std::max_element(maps.distance.begin(), maps.distance.end()));
}

void against_golden(const std::string& golden_case) {
  const auto logits = check::golden_tensor<float>(golden_case, "logits_every_8th");
  const auto entropy = check::golden_tensor<float>(golden_case, "entropy_raw_every_8th");
  const auto distance = check::golden_tensor<float>(golden_case, "distance_raw_every_8th");
  const auto labels = check::golden_tensor<uint8_t>(golden_case, "labels");
  const int classes = logits.shape[0], height = logits.shape[1], width = logits.shape[2];
  const int pixels = height * width;
  std::vector<float> channels_last(logits.values.size());
  for (int c = 0; c < classes; ++c)
    for (int i = 0; i < pixels; ++i) channels_last[i * classes + c] = logits.values[c * pixels + i];
  const Maps maps = maps_of(channels_last, classes, width, height, width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int i = y * width + x;
      CHECK_NEAR(maps.entropy[i], entropy.values[i], 3e-6);
      CHECK_NEAR(maps.distance[i], distance.values[i], 1e-6);
      CHECK_EQ(int{maps.labels[i]}, int{labels.values[(y * 8) * labels.shape[1] + x * 8]});
    }
}

}  // namespace

TEST(exp_is_within_one_unit_in_the_last_place) {
  for (int i = 0; i <= 2000000; ++i) {
    const float x = anomaly::kExpLowest + (88.0f - anomaly::kExpLowest) * static_cast<float>(i) / 2000000.0f;
    const double exact = std::exp(static_cast<double>(x));
    CHECK_NEAR(anomaly::exp_near(x), exact, last_place(exact));
  }
  CHECK_EQ(anomaly::exp_near(0.0f), 1.0f);
}

TEST(log_is_within_one_unit_in_the_last_place) {
  for (uint32_t bits = 0x00800000; bits < 0x7f800000; bits += 997) {
    const float x = anomaly::bits_float(static_cast<int32_t>(bits));
    const double exact = std::log(static_cast<double>(x));
    CHECK_NEAR(anomaly::log_near(x), exact, last_place(exact));
  }
  CHECK_EQ(anomaly::log_near(1.0f), 0.0f);
}

TEST(same_size_agrees_with_libtorch) {
  against_libtorch(19, 130, 33, 130, 33, 6);
}
TEST(doubled_agrees_with_libtorch) {
  against_libtorch(19, 128, 64, 256, 128, 6);
}
TEST(odd_sizes_agree_with_libtorch) {
  against_libtorch(19, 37, 23, 301, 99, 6);
}
TEST(smaller_than_the_logits_agrees_with_libtorch) {
  against_libtorch(19, 700, 90, 61, 41, 6);
}
TEST(one_direction_alone_agrees_with_libtorch) {
  against_libtorch(19, 64, 16, 64, 40, 6);
  against_libtorch(19, 16, 40, 64, 40, 6);
}
TEST(one_pixel_agrees_with_libtorch) {
  against_libtorch(19, 1, 1, 1, 1, 6);
  against_libtorch(19, 1, 1, 70, 5, 6);
  against_libtorch(19, 9, 7, 1, 1, 6);
}
TEST(logits_that_lie_by_areas_agree_with_libtorch) {
  for (const auto& [in_width, in_height, width, height] :
       {std::array<int, 4>{128, 64, 256, 128}, std::array<int, 4>{37, 23, 301, 99},
        std::array<int, 4>{64, 16, 64, 40}, std::array<int, 4>{16, 40, 64, 40},
        std::array<int, 4>{700, 90, 61, 41}, std::array<int, 4>{1, 1, 70, 5}})
    against_libtorch(19, in_width, in_height, width, height, 6, 3e-5, false);
}
TEST(any_number_of_classes_agrees_with_libtorch) {
  for (int classes : {1, 2, 3, 7, 8, 12, 20, 64}) against_libtorch(classes, 17, 11, 33, 21, 4);
}
// Logits of 300 are floats 3e-5 apart, so the order of the interpolation's operations shows.
TEST(sure_pixels_agree_with_libtorch) {
  against_libtorch(19, 33, 17, 65, 33, 300, 1e-4);
}

TEST(golden_case_256x512) {
  against_golden("full_256x512");
}
TEST(golden_case_1024x2048) {
  against_golden("full_1024x2048");
}

TEST(every_map_may_be_left_out) {
  const std::vector<float> logits = check::random_floats(19 * 20 * 10, 3, -5, 5);
  const Maps all = maps_of(logits, 19, 20, 10, 41, 23);
  std::vector<uint8_t> labels(all.labels.size());
  std::vector<float> entropy(labels.size()), distance(labels.size());
  float bounds[4];
  anomaly::uncertainty_maps(logits.data(), 19, 20, 10, 41, 23, labels.data(), nullptr, nullptr, nullptr);
  anomaly::uncertainty_maps(logits.data(), 19, 20, 10, 41, 23, nullptr, entropy.data(), nullptr, nullptr);
  anomaly::uncertainty_maps(logits.data(), 19, 20, 10, 41, 23, nullptr, nullptr, distance.data(), nullptr);
  anomaly::uncertainty_maps(logits.data(), 19, 20, 10, 41, 23, nullptr, nullptr, nullptr, bounds);
  CHECK(labels == all.labels);
  CHECK(entropy == all.entropy);
  CHECK(distance == all.distance);
  for (int i = 0; i < 4; ++i) CHECK_EQ(bounds[i], all.bounds[i]);
}

TEST(equal_logits_name_the_first_class_and_are_most_uncertain) {
  const Maps maps = maps_of(std::vector<float>(19 * 4 * 4, 2.5f), 19, 4, 4, 9, 9);
  for (size_t i = 0; i < maps.labels.size(); ++i) {
    CHECK_EQ(int{maps.labels[i]}, 0);
    CHECK_NEAR(maps.entropy[i], std::log(19.0), 5e-7);
    CHECK_EQ(maps.distance[i], 1.0f);
  }
}

TEST(a_sure_pixel_has_no_uncertainty) {
  std::vector<float> logits(19, -200.0f);
  logits[7] = 200.0f;
  const Maps maps = maps_of(logits, 19, 1, 1, 3, 3);
  for (size_t i = 0; i < maps.labels.size(); ++i) {
    CHECK_EQ(int{maps.labels[i]}, 7);
    CHECK_NEAR(maps.entropy[i], 0, 1e-30);
    CHECK_EQ(maps.distance[i], 0.0f);
  }
}

TEST(overflowed_logits_never_give_nan) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> logits = check::random_floats(19 * 6 * 6, 9, -3, 3);
  for (size_t i = 0; i < logits.size(); i += 5) logits[i] = std::vector<float>{inf, -inf, nan}[i / 5 % 3];
  for (size_t i = 0; i < 19; ++i) logits[i] = nan;
  for (int size : {6, 13}) {
    const Maps maps = maps_of(logits, 19, 6, 6, size, size);
    for (size_t i = 0; i < maps.labels.size(); ++i) {
      CHECK(maps.labels[i] < 19);
      CHECK(maps.entropy[i] >= 0 && maps.entropy[i] <= std::log(19.0f) + 1e-6f);
      CHECK(maps.distance[i] >= 0 && maps.distance[i] <= 1);
    }
    CHECK(maps.bounds[0] >= 0 && maps.bounds[3] <= 1);
  }
}

TEST(one_pixel_at_a_time_gives_the_same_bits) {
  const int classes = 19, width = 150, height = 40;
  const std::vector<float> logits = check::random_floats(classes * width * height, 5, -9, 9);
  const Maps maps = maps_of(logits, classes, width, height, width, height);
  for (int i = 0; i < width * height; ++i) {
    const auto pixel = anomaly::pixel_uncertainty(classes, [&](int c) { return logits[i * classes + c]; });
    CHECK_EQ(pixel.label, int32_t{maps.labels[i]});
    CHECK_EQ(pixel.entropy, maps.entropy[i]);
    CHECK_EQ(pixel.distance, maps.distance[i]);
  }
}

TEST(impossible_requests_are_refused) {
  const std::vector<float> logits(70);
  CHECK_THROWS(maps_of(logits, 65, 1, 1, 1, 1), std::invalid_argument, "65 classes");
  CHECK_THROWS(maps_of(logits, 0, 1, 1, 1, 1), std::invalid_argument, "0 classes");
  CHECK_THROWS(anomaly::uncertainty_maps(logits.data(), 19, 1, 1, 0, 1, nullptr, nullptr, nullptr, nullptr),
               std::invalid_argument, "sizes");
}

TEST_MAIN()
