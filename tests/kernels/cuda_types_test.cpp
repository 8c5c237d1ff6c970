// SPDX-License-Identifier: LGPL-2.1-or-later
// CUDA kernels of the networks' steps on activations of every element type, in batches, against the CPU's:
// the same float32 arithmetic on what the 16-bit numbers stand for, rounded once at the end.
#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/perceptual.h"
#include "kernels/picture_math.h"
#include "kernels/pixelwise_depthwise.h"
#include "kernels/uncertainty.h"
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

size_t product(int a, int b, int c = 1, int d = 1) {
  return static_cast<size_t>(a) * static_cast<size_t>(b) * static_cast<size_t>(c) * static_cast<size_t>(d);
}

template <typename T>
void uncertainty(int batch, int classes, int in_width, int in_height, int width, int height, bool align,
                 size_t offset) {
  const size_t in_count = product(in_width, in_height, classes), count = product(width, height);
  const auto n = static_cast<size_t>(batch);
  const std::vector<T> logits = narrowed_all<T>(random_floats(n * in_count, classes + width, -8, 8));
  const std::vector<float> wide = widened_all(logits);
  std::vector<uint8_t> labels(n * count);
  std::vector<float> entropy(n * count), distance(n * count), bounds(4 * n);
  for (size_t i = 0; i < n; ++i)
    uncertainty_maps(wide.data() + i * in_count, classes, in_width, in_height, width, height,
                     labels.data() + i * count, entropy.data() + i * count, distance.data() + i * count,
                     bounds.data() + 4 * i, align);
  DeviceArray<T> in(logits, offset);
  DeviceArray<float> entropy_out(n * count), distance_out(n * count), bounds_out(4 * n);
  DeviceArray<uint8_t> labels_out(n * count);
  AnomalyCudaUncertainty a =
      check::uncertainty_of(in.data(), batch, classes, in_width, in_height, width, height, align);
  a.labels = labels_out.data();
  a.entropy = entropy_out.data();
  a.distance = distance_out.data();
  a.bounds = bounds_out.data();
  CHECK_CUDA(cuda().uncertainty_maps(&a, nullptr));
  CHECK_SAME(labels_out.host(), labels);
  CHECK_SAME(entropy_out.host(), entropy);
  CHECK_SAME(distance_out.host(), distance);
  CHECK_SAME(bounds_out.host(), bounds);
}

// `before`, `after`: channels of the tensors that lie on either side of those computed.
template <typename T>
void depthwise(int batch, int height, int width, int channels, bool affine, int before, int after,
               size_t offset) {
  const size_t pixels = product(batch, height, width), pitch = static_cast<size_t>(before + channels + after);
  const std::vector<T> input = narrowed_all<T>(random_floats(pixels * pitch, 1));
  const std::vector<T> weights =
      narrowed_all<T>(random_floats(9 * pixels * static_cast<size_t>(channels), 2));
  const std::vector<float> scale = random_floats(static_cast<size_t>(channels), 3, 0.5f, 2.0f);
  const std::vector<float> shift = random_floats(static_cast<size_t>(channels), 4);
  const std::vector<T> old = narrowed_all<T>(random_floats(pixels * pitch, 5));

  const auto c_count = static_cast<size_t>(channels);
  std::vector<float> part(pixels * c_count), result(pixels * c_count);
  for (size_t p = 0; p < pixels; ++p)
    for (size_t c = 0; c < c_count; ++c) {
      const float v = widened(input[p * pitch + static_cast<size_t>(before) + c]);
      part[p * c_count + c] = affine ? v * scale[c] + shift[c] : v;
    }
  pixelwise_depthwise(part.data(), widened_all(weights).data(), result.data(), batch, height, width,
                      channels);
  std::vector<float> expected = widened_all(old);
  for (size_t p = 0; p < pixels; ++p)
    for (size_t c = 0; c < c_count; ++c)
      expected[p * pitch + static_cast<size_t>(before) + c] = widened(narrowed<T>(result[p * c_count + c]));

  DeviceArray<T> in(input, offset), kernels(weights, offset), out(old, offset);
  DeviceArray<float> scale_in(scale), shift_in(shift);
  AnomalyCudaDepthwise a{};
  a.type = kTypeOf<T>;
  a.input = in.data() + before;
  a.input_pitch = static_cast<int64_t>(pitch);
  a.scale = affine ? scale_in.data() : nullptr;
  a.shift = affine ? shift_in.data() : nullptr;
  a.weights = kernels.data();
  a.output = out.data() + before;
  a.output_pitch = static_cast<int64_t>(pitch);
  a.batch = batch;
  a.height = height;
  a.width = width;
  a.channels = channels;
  CHECK_CUDA(cuda().pixelwise_depthwise(&a, nullptr));
  CHECK_SAME(widened_all(out.host()), expected);
}

template <typename T>
void difference(int batch, int height, int width, int channels, bool sum, size_t offset) {
  const size_t pixels = product(batch, height, width), count = pixels * static_cast<size_t>(channels);
  const std::vector<T> a = narrowed_all<T>(random_floats(count, 1, 0, 5)),
                       b = narrowed_all<T>(random_floats(count, 2, 0, 5));
  std::vector<float> expected(pixels);
  channel_difference(widened_all(a).data(), widened_all(b).data(), batch * height, width, channels, sum,
                     expected.data());
  DeviceArray<T> a_in(a, offset), b_in(b, offset);
  DeviceArray<float> out(pixels);
  CHECK_CUDA(cuda().channel_difference(kTypeOf<T>, a_in.data(), b_in.data(), batch, height, width, channels,
                                       sum, out.data(), nullptr));
  CHECK_SAME(out.host(), expected);
}

template <typename T>
void perceptual(int batch, int width, int height, bool with_bounds) {
  struct Size {
    int width, height, channels;
  };
  const Size sizes[] = {
      {width, height, 64}, {(width + 1) / 2, (height + 1) / 2, 128}, {width / 4 + 1, 3, 20}, {2, 1, 7}};
  const size_t count = product(width, height), n = static_cast<size_t>(batch);
  std::vector<float> expected(n * count, 0.0f), bounds;
  std::vector<std::unique_ptr<DeviceArray<T>>> arrays;
  std::vector<AnomalyCudaLevel> levels;
  size_t workspace = 0;
  float weight = 0.03125f;
  for (const Size& s : sizes) {
    const size_t values = n * product(s.width, s.height, s.channels), cells = product(s.width, s.height);
    const std::vector<T> a = narrowed_all<T>(random_floats(values, values, 0, 5)),
                         b = narrowed_all<T>(random_floats(values, values + 1, 0, 5));
    std::vector<float> mean(n * cells);
    channel_difference(widened_all(a).data(), widened_all(b).data(), batch * s.height, s.width, s.channels,
                       false, mean.data());
    for (size_t i = 0; i < n; ++i)
      accumulate_upsampled_bicubic(mean.data() + i * cells, s.width, s.height, weight,
                                   expected.data() + i * count, width, height);
    arrays.push_back(std::make_unique<DeviceArray<T>>(a));
    T* first = arrays.back()->data();
    arrays.push_back(std::make_unique<DeviceArray<T>>(b));
    levels.push_back({first, arrays.back()->data(), s.width, s.height, s.channels, weight});
    workspace += n * cells;
    weight *= 2.5f;
  }
  DeviceArray<float> room(workspace), out(n * count), bounds_out(2 * n);
  AnomalyCudaPerceptual a{};
  a.type = kTypeOf<T>;
  a.levels = levels.data();
  a.count = static_cast<int>(levels.size());
  a.batch = batch;
  a.workspace = room.data();
  a.out = out.data();
  a.out_width = width;
  a.out_height = height;
  a.bounds = with_bounds ? bounds_out.data() : nullptr;
  CHECK_CUDA(cuda().perceptual_difference(&a, nullptr));
  CHECK_SAME(out.host(), expected);
  if (!with_bounds) return;
  for (size_t i = 0; i < n; ++i) {
    const auto [low, high] =
        std::minmax_element(expected.begin() + static_cast<std::ptrdiff_t>(i * count),
                            expected.begin() + static_cast<std::ptrdiff_t>((i + 1) * count));
    bounds.push_back(*low);
    bounds.push_back(*high);
  }
  CHECK_SAME(bounds_out.host(), bounds);
}

template <typename T>
void gate(int64_t pixels, int channels, bool sigmoid, bool affine, bool residual, size_t offset) {
  const size_t c_count = static_cast<size_t>(channels), count = static_cast<size_t>(pixels) * c_count;
  const std::vector<float> x = rounded_to<T>(random_floats(count, 1, -3, 3)),
                           g = rounded_to<T>(random_floats(count, 2, -9, 9)),
                           rest = rounded_to<T>(random_floats(count, 3)),
                           scale = random_floats(c_count, 4, 0.5f, 2.0f), shift = random_floats(c_count, 5);
  std::vector<float> expected(count);
  for (size_t i = 0; i < count; ++i) {
    const float v = x[i] * (sigmoid ? logistic(g[i]) : g[i]);
    float y = v > 0 ? v : v * 0.2f;
    if (affine) y = y * scale[i % c_count] + shift[i % c_count];
    if (residual) y = y + rest[i];
    expected[i] = y;
  }
  DeviceArray<T> x_in(narrowed_all<T>(x), offset), g_in(narrowed_all<T>(g), offset),
      rest_in(narrowed_all<T>(rest), offset);
  DeviceArray<float> scale_in(scale), shift_in(shift);
  AnomalyCudaGate a{};
  a.type = kTypeOf<T>;
  a.x = x_in.data();
  a.gate = g_in.data();
  a.sigmoid = sigmoid;
  a.slope = 0.2f;
  a.scale = affine ? scale_in.data() : nullptr;
  a.shift = affine ? shift_in.data() : nullptr;
  a.residual = residual ? rest_in.data() : nullptr;
  a.out = x_in.data();  // in place
  a.pixels = pixels;
  a.channels = channels;
  CHECK_CUDA(cuda().gate(&a, nullptr));
  CHECK_SAME(widened_all(x_in.host()), rounded_to<T>(expected));
}

}  // namespace

TEST(cuda_uncertainty_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    uncertainty<T>(1, 19, 37, 23, 131, 67, true, 0);
    uncertainty<T>(3, 19, 33, 17, 66, 34, false, 0);
    uncertainty<T>(2, 19, 40, 20, 40, 20, false, 1);
    uncertainty<T>(2, 11, 5, 9, 61, 40, false, 3);
    uncertainty<T>(1, 64, 100, 40, 33, 9, false, 0);
    uncertainty<T>(5, 1, 1, 1, 2, 3, true, 0);
  });
}
TEST(cuda_depthwise_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    for (const bool affine : {false, true}) {
      depthwise<T>(2, 9, 33, 64, affine, 0, 0, 0);
      depthwise<T>(1, 4, 7, 24, affine, 8, 16, 0);  // part of the channels
      depthwise<T>(2, 5, 7, 5, affine, 3, 2, 0);
      depthwise<T>(1, 3, 5, 16, affine, 0, 0, 1);
      depthwise<T>(1, 1, 1, 8, affine, 0, 0, 0);
    }
  });
}
TEST(cuda_depthwise_refuses_what_is_wrong) {
  DeviceArray<float> room(1000);
  AnomalyCudaDepthwise a{kAnomalyFloat32, room.data(), 4, nullptr, nullptr, room.data(),
                         room.data(),     4,           1, 2,       2,       4};
  CHECK_CUDA(cuda().pixelwise_depthwise(&a, nullptr));
  a.input_pitch = 3;
  CHECK(cuda().pixelwise_depthwise(&a, nullptr) != 0);
  a.input_pitch = 4;
  a.scale = room.data();
  CHECK(cuda().pixelwise_depthwise(&a, nullptr) != 0);
  a.scale = nullptr;
  a.type = static_cast<AnomalyCudaType>(7);
  CHECK(cuda().pixelwise_depthwise(&a, nullptr) != 0);
}
TEST(cuda_channel_difference_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    difference<T>(2, 7, 9, 64, false, 0);
    difference<T>(1, 5, 3, 512, true, 0);
    difference<T>(3, 2, 5, 200, false, 0);
    difference<T>(1, 3, 5, 72, false, 1);
    difference<T>(1, 3, 5, 3, false, 0);
  });
}
TEST(cuda_perceptual_difference_in_one_pass) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    perceptual<T>(1, 300, 5, true);
    perceptual<T>(3, 33, 17, true);
    perceptual<T>(2, 16, 8, false);
  });
}
TEST(cuda_gate_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    gate<T>(77, 64, true, false, false, 0);
    gate<T>(77, 24, true, true, true, 0);
    gate<T>(50, 8, false, true, false, 0);
    gate<T>(33, 5, true, true, true, 0);
    gate<T>(20, 16, false, false, true, 1);
  });
}
