// SPDX-License-Identifier: LGPL-2.1-or-later
// CUDA kernels of norms, modulation and correlation on activations of every element type against plain loops.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "kernels/picture_math.h"
#include "tests/kernels/cuda_device.h"
#include "tests/kernels/cuda_elements.h"
#include "tests/kernels/random_values.h"

using namespace anomaly;
using check::cuda;
using check::DeviceArray;
using check::kTypeOf;
using check::narrowed_all;
using check::random_floats;
using check::rounded_to;
using check::widened_all;

namespace {

template <typename T>
void modulated(int batch, int64_t pixels, int channels, bool gamma, bool per_picture,
               AnomalyCudaActivation activation, size_t offset) {
  const auto c_count = static_cast<size_t>(channels), each = static_cast<size_t>(pixels),
             n = static_cast<size_t>(batch);
  const size_t count = n * each * c_count;
  const std::vector<float> x = rounded_to<T>(random_floats(count, 1, -3, 3)),
                           both = rounded_to<T>(random_floats(2 * count, 2, -2, 2)),
                           scale = random_floats(n * c_count, 4, 0.5f, 2.0f),
                           shift = random_floats(n * c_count, 5);
  std::vector<float> expected(count);
  for (size_t p = 0; p < n * each; ++p)
    for (size_t c = 0; c < c_count; ++c) {
      const size_t k = per_picture ? p / each * c_count + c : c;
      float v = x[p * c_count + c] * scale[k] + shift[k];
      if (gamma) v = v * (1.0f + both[2 * p * c_count + c]) + both[(2 * p + 1) * c_count + c];
      expected[p * c_count + c] = activation == kAnomalySelu ? selu(v) : v > 0 ? v : v * 0.2f;
    }
  DeviceArray<T> x_in(narrowed_all<T>(x), offset), both_in(narrowed_all<T>(both), offset), out(count, offset);
  DeviceArray<float> scale_in(scale), shift_in(shift);
  AnomalyCudaModulate a{};
  a.type = kTypeOf<T>;
  a.x = x_in.data();
  a.gamma_beta = gamma ? both_in.data() : nullptr;
  a.scale = scale_in.data();
  a.shift = shift_in.data();
  a.per_picture = per_picture;
  a.activation = activation;
  a.slope = 0.2f;
  a.out = out.data();
  a.batch = batch;
  a.pixels = pixels;
  a.channels = channels;
  CHECK_CUDA(cuda().modulate(&a, nullptr));
  CHECK_SAME(widened_all(out.host()), rounded_to<T>(expected));
}

template <typename T>
void instance(int batch, int64_t pixels, int channels, size_t offset) {
  const auto c_count = static_cast<size_t>(channels), each = static_cast<size_t>(pixels),
             n = static_cast<size_t>(batch);
  const std::vector<float> x = rounded_to<T>(random_floats(n * each * c_count, 1, -1, 3));
  DeviceArray<T> x_in(narrowed_all<T>(x), offset);
  DeviceArray<float> scale(n * c_count), shift(n * c_count);
  DeviceArray<double> room(n * ((each + kAnomalyStrip - 1) / kAnomalyStrip) * 2 * c_count);
  AnomalyCudaInstanceNorm a{};
  a.type = kTypeOf<T>;
  a.x = x_in.data();
  a.batch = batch;
  a.pixels = pixels;
  a.channels = channels;
  a.epsilon = 1e-5;
  a.workspace = room.data();
  a.scale = scale.data();
  a.shift = shift.data();
  CHECK_CUDA(cuda().instance_norm(&a, nullptr));
  const std::vector<float> scales = scale.host(), shifts = shift.host();
  for (size_t i = 0; i < n; ++i)
    for (size_t c = 0; c < c_count; ++c) {
      double mean = 0, variance = 0;
      for (size_t p = 0; p < each; ++p) mean += x[(i * each + p) * c_count + c];
      mean /= static_cast<double>(each);
      for (size_t p = 0; p < each; ++p) {
        const double d = x[(i * each + p) * c_count + c] - mean;
        variance += d * d;
      }
      const double factor = 1 / std::sqrt(variance / static_cast<double>(each) + 1e-5);
      CHECK_NEAR(scales[i * c_count + c], factor, 1e-6 * factor);
      CHECK_NEAR(shifts[i * c_count + c], -mean * factor, 4e-6 * factor);
    }
}

// In the order of the 64 lanes (perceptual_math.h).
template <typename T>
void correlated(int batch, int height, int width, int channels, bool mean, float size, size_t offset) {
  const auto c_count = static_cast<size_t>(channels);
  const size_t pixels = static_cast<size_t>(batch) * static_cast<size_t>(height) * static_cast<size_t>(width);
  const std::vector<float> a = rounded_to<T>(random_floats(pixels * c_count, 1, -size, 2 * size)),
                           b = rounded_to<T>(random_floats(pixels * c_count, 2, -size, 2 * size));
  std::vector<float> expected(pixels);
  for (size_t p = 0; p < pixels; ++p) {
    float lane[64] = {};
    for (size_t c = 0; c < c_count; ++c) lane[c % 64] += a[p * c_count + c] * b[p * c_count + c];
    for (size_t half = 32; half > 0; half /= 2)
      for (size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
    if (mean) lane[0] /= static_cast<float>(channels);
    expected[p] = std::is_same_v<T, Half> ? std::clamp(lane[0], -65504.0f, 65504.0f) : lane[0];
  }
  DeviceArray<T> a_in(narrowed_all<T>(a), offset), b_in(narrowed_all<T>(b), offset), out(pixels);
  CHECK_CUDA(cuda().correlation(kTypeOf<T>, a_in.data(), b_in.data(), batch, height, width, channels, mean,
                                out.data(), nullptr));
  CHECK_SAME(widened_all(out.host()), rounded_to<T>(expected));
}

}  // namespace

TEST(cuda_exponential_less_one) {
  for (int i = -8700; i <= 200; ++i) {
    const float x = static_cast<float>(i) * 0.01f;
    const double expected = std::expm1(static_cast<double>(x));
    CHECK_NEAR(exp_less_one(x), expected,
               2.4e-7 * std::max(std::abs(expected), std::abs(std::max(-1.0, double{x}))));
  }
  for (const float x : {-1e-6f, -1e-3f, -0.3f, 0.0f, 1e-6f})
    CHECK_NEAR(exp_less_one(x), std::expm1(static_cast<double>(x)), 2.4e-7 * std::abs(x));
}
TEST(cuda_modulation_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    modulated<T>(2, 77, 64, true, true, kAnomalySelu, 0);
    modulated<T>(3, 21, 24, true, false, kAnomalyLeaky, 0);
    modulated<T>(1, 33, 5, true, true, kAnomalyLeaky, 0);
    modulated<T>(2, 20, 16, false, false, kAnomalySelu, 1);
  });
}
TEST(cuda_instance_norm_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    instance<T>(2, 1500, 64, 0);
    instance<T>(1, 512, 24, 0);
    instance<T>(3, 40, 5, 0);
    instance<T>(1, 7, 2080, 0);
    instance<T>(1, 1, 8, 1);
  });
}
TEST(cuda_correlation_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    correlated<T>(2, 7, 9, 64, false, 1, 0);
    correlated<T>(1, 3, 5, 200, true, 1, 0);
    correlated<T>(1, 3, 5, 70, true, 1, 1);
    correlated<T>(1, 5, 5, 512, false, 60, 0);  // beyond float16
  });
}
