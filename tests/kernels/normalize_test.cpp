// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/normalize.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "tests/check.h"
#include "tests/kernels/golden_tensor.h"
#include "tests/kernels/random_values.h"

using anomaly::Bounds;

namespace {

using Quantize = void (*)(const float*, int64_t, Bounds, uint8_t*);

std::vector<uint8_t> quantized(Quantize quantize, const std::vector<float>& map, Bounds bounds) {
  std::vector<uint8_t> bytes(map.size(), 77);
  quantize(map.data(), static_cast<int64_t>(map.size()), bounds, bytes.data());
  return bytes;
}

// The estimator's float32 operations, one array after the other.
uint8_t estimator_byte(float share) {
  return static_cast<uint8_t>(share * 255.0f);
}

void golden_perceptual(const std::string& golden_case) {
  const auto raw = check::golden_tensor<float>(golden_case, "perceptual_raw");
  const auto bytes = check::golden_tensor<uint8_t>(golden_case, "perceptual");
  const Bounds bounds = anomaly::map_bounds(raw.values.data(), static_cast<int64_t>(raw.values.size()));
  CHECK(quantized(anomaly::quantize_perceptual, raw.values, bounds) == bytes.values);
}

// The golden cases hold every eighth raw value and all bytes, not the frame's bounds: those are found as the
// ones that the bytes allow. byte <= 255 (v - min) / max < byte + 1 is two lines in v for every value.
void golden_bytes(const std::string& golden_case, const std::string& name, Quantize quantize, double top) {
  const auto raw = check::golden_tensor<float>(golden_case, name + "_raw_every_8th");
  const auto bytes = check::golden_tensor<uint8_t>(golden_case, name);
  std::vector<uint8_t> expected(raw.values.size());
  for (int y = 0; y < raw.shape[0]; ++y)
    for (int x = 0; x < raw.shape[1]; ++x)
      expected[y * raw.shape[1] + x] = bytes.values[y * 8 * bytes.shape[1] + x * 8];
  // Least squares of byte + 1/2 = slope * v + offset.
  double n = 0, sv = 0, sb = 0, svv = 0, svb = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == 0 || expected[i] == 255) continue;
    const double v = raw.values[i], b = expected[i] + 0.5;
    n += 1, sv += v, sb += b, svv += v * v, svb += v * b;
  }
  const double slope = (n * svb - sv * sb) / (n * svv - sv * sv), offset = (sb - slope * sv) / n;
  // entropy: 255 / max and -min * 255 / max. distance, r = 1 - v: the same with min r = 1 - max, max r = 1 -
  // min.
  Bounds bounds;
  if (quantize == anomaly::quantize_entropy) {
    bounds = {static_cast<float>(-offset / slope), static_cast<float>(255 / slope)};
  } else {
    bounds.min = static_cast<float>(1 - 255 / slope);
    bounds.max = static_cast<float>((255 - offset) / slope);
  }
  const std::vector<uint8_t> ours = quantized(quantize, raw.values, bounds);
  int equal = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    CHECK(std::abs(int{ours[i]} - int{expected[i]}) <= 1);
    equal += ours[i] == expected[i];
  }
  CHECK(equal > 0.97 * static_cast<double>(ours.size()));
  // The form of the formula: the greatest byte of the frame follows from both bounds.
  const uint8_t greatest = *std::max_element(bytes.values.begin(), bytes.values.end());
  CHECK_NEAR(greatest, top < 0 ? 255.0 * (bounds.max - bounds.min) / bounds.max : top, 1.5);
}

}  // namespace

TEST(bounds_of_a_map) {
  for (size_t count : {1u, 2u, 63u, 64u, 65u, 1000u, 16384u, 16385u, 100003u}) {
    std::vector<float> map = check::random_floats(count, count, -5, 9);
    const Bounds bounds = anomaly::map_bounds(map.data(), static_cast<int64_t>(count));
    CHECK_EQ(bounds.min, *std::min_element(map.begin(), map.end()));
    CHECK_EQ(bounds.max, *std::max_element(map.begin(), map.end()));
    map.back() = -77;
    CHECK_EQ(anomaly::map_bounds(map.data(), static_cast<int64_t>(count)).min, -77.0f);
    map.front() = 77;
    CHECK_EQ(anomaly::map_bounds(map.data(), static_cast<int64_t>(count)).max, 77.0f);
  }
}

TEST(bounds_skip_nan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> map = check::random_floats(300, 1, 2, 3);
  map[0] = map[100] = map[299] = nan;
  const Bounds bounds = anomaly::map_bounds(map.data(), 300);
  CHECK(bounds.min >= 2 && bounds.max <= 3 && bounds.min < bounds.max);
  const std::vector<float> nothing(70, nan);
  CHECK_EQ(anomaly::map_bounds(nothing.data(), 70).max, 0.0f);
  CHECK_EQ(anomaly::map_bounds(nothing.data(), 0).min, 0.0f);
}

TEST(entropy_is_the_estimators_formula) {
  const std::vector<float> map = check::random_floats(100000, 4, 0.01f, 2.9f);
  const Bounds b = anomaly::map_bounds(map.data(), static_cast<int64_t>(map.size()));
  const std::vector<uint8_t> bytes = quantized(anomaly::quantize_entropy, map, b);
  for (size_t i = 0; i < map.size(); ++i)
    CHECK_EQ(int{bytes[i]}, int{estimator_byte((map[i] - b.min) / b.max)});
}

TEST(distance_is_the_estimators_formula) {
  const std::vector<float> map = check::random_floats(100000, 5, 0.001f, 1);
  const Bounds b = anomaly::map_bounds(map.data(), static_cast<int64_t>(map.size()));
  const float low = 1 - b.max, high = 1 - b.min;
  const std::vector<uint8_t> bytes = quantized(anomaly::quantize_distance, map, b);
  for (size_t i = 0; i < map.size(); ++i)
    CHECK_EQ(int{bytes[i]}, int{estimator_byte(1 - ((1 - map[i]) - low) / high)});
}

TEST(perceptual_difference_is_the_estimators_formula) {
  const std::vector<float> map = check::random_floats(100000, 6, 0.3f, 7);
  const Bounds b = anomaly::map_bounds(map.data(), static_cast<int64_t>(map.size()));
  const std::vector<uint8_t> bytes = quantized(anomaly::quantize_perceptual, map, b);
  for (size_t i = 0; i < map.size(); ++i)
    CHECK_EQ(int{bytes[i]}, int{estimator_byte((map[i] - b.min) / (b.max - b.min))});
  CHECK_EQ(int{*std::max_element(bytes.begin(), bytes.end())}, 255);
  CHECK_EQ(int{*std::min_element(bytes.begin(), bytes.end())}, 0);
}

TEST(a_constant_frame_is_defined) {
  for (float value : {0.0f, 0.25f, 1.0f}) {
    const std::vector<float> map(200, value);
    const Bounds b{value, value};
    CHECK(quantized(anomaly::quantize_entropy, map, b) == std::vector<uint8_t>(200, 0));
    CHECK(quantized(anomaly::quantize_distance, map, b) == std::vector<uint8_t>(200, 255));
    CHECK(quantized(anomaly::quantize_perceptual, map, b) == std::vector<uint8_t>(200, 0));
  }
}

TEST(values_outside_fixed_bounds_are_clamped_and_nan_is_defined) {
  const std::vector<float> map = {-3,
                                  -1,
                                  0,
                                  0.5f,
                                  1,
                                  2,
                                  9,
                                  std::numeric_limits<float>::infinity(),
                                  std::numeric_limits<float>::quiet_NaN()};
  const Bounds unit{0, 1};
  const std::vector<uint8_t> rising = {0, 0, 0, 127, 255, 255, 255, 255, 0};
  CHECK(quantized(anomaly::quantize_perceptual, map, unit) == rising);
  CHECK(quantized(anomaly::quantize_entropy, map, unit) == rising);
  CHECK(quantized(anomaly::quantize_distance, map, unit) == rising);
}

TEST(golden_perceptual_256x512) {
  golden_perceptual("full_256x512");
}
TEST(golden_perceptual_1024x2048) {
  golden_perceptual("full_1024x2048");
}
TEST(golden_entropy) {
  for (const char* golden_case : {"full_256x512", "full_1024x2048"})
    golden_bytes(golden_case, "entropy", anomaly::quantize_entropy, -1);
}
TEST(golden_distance) {
  for (const char* golden_case : {"full_256x512", "full_1024x2048"})
    golden_bytes(golden_case, "distance", anomaly::quantize_distance, 255);
}

TEST_MAIN()
