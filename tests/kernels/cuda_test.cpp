// SPDX-License-Identifier: LGPL-2.1-or-later
// CUDA kernels of the networks' steps against the CPU's, on random numbers: sizes that fill no block,
// strides, addresses that forbid wide loads.
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/normalize.h"
#include "kernels/perceptual.h"
#include "kernels/pixelwise_depthwise.h"
#include "kernels/uncertainty.h"
#include "tests/kernels/cuda_device.h"
#include "tests/kernels/random_values.h"

using check::cuda;
using check::DeviceArray;

namespace {

int uncertainty_maps(const float* logits, int classes, int in_width, int in_height, int width, int height,
                     uint8_t* labels, float* entropy, float* distance, float* bounds) {
  AnomalyCudaUncertainty a{};
  a.type = kAnomalyFloat32;
  a.logits = logits;
  a.batch = 1;
  a.classes = classes;
  a.in_width = in_width;
  a.in_height = in_height;
  a.out_width = width;
  a.out_height = height;
  a.align_corners = 1;
  a.labels = labels;
  a.entropy = entropy;
  a.distance = distance;
  a.bounds = bounds;
  return cuda().uncertainty_maps(&a, nullptr);
}

void uncertainty(int classes, int in_width, int in_height, int width, int height) {
  const std::vector<float> logits =
      check::random_floats(static_cast<size_t>(classes) * in_width * in_height, classes + width, -8, 8);
  const size_t count = static_cast<size_t>(width) * height;
  std::vector<uint8_t> labels(count);
  std::vector<float> entropy(count), distance(count), bounds(4);
  anomaly::uncertainty_maps(logits.data(), classes, in_width, in_height, width, height, labels.data(),
                            entropy.data(), distance.data(), bounds.data());
  DeviceArray<float> in(logits), entropy_out(count), distance_out(count), bounds_out(4);
  DeviceArray<uint8_t> labels_out(count);
  CHECK_CUDA(uncertainty_maps(in.data(), classes, in_width, in_height, width, height, labels_out.data(),
                              entropy_out.data(), distance_out.data(), bounds_out.data()));
  CHECK_SAME(labels_out.host(), labels);
  CHECK_SAME(entropy_out.host(), entropy);
  CHECK_SAME(distance_out.host(), distance);
  CHECK_SAME(bounds_out.host(), bounds);
}

void depthwise(int batch, int height, int width, int channels, size_t offset) {
  const size_t pixels = static_cast<size_t>(batch) * height * width, count = pixels * channels;
  const std::vector<float> input = check::random_floats(count, 1),
                           weights = check::random_floats(9 * count, 2);
  const std::vector<float> grad = check::random_floats(count, 3);
  std::vector<float> output(count), grad_input(count), grad_weights(9 * count);
  anomaly::pixelwise_depthwise(input.data(), weights.data(), output.data(), batch, height, width, channels);
  anomaly::pixelwise_depthwise_backward(grad.data(), input.data(), weights.data(), grad_input.data(),
                                        grad_weights.data(), batch, height, width, channels);
  DeviceArray<float> in(input, offset), kernels(weights, offset), grad_in(grad, offset), out(count, offset);
  DeviceArray<float> grad_input_out(count, offset), grad_weights_out(9 * count, offset);
  const AnomalyCudaDepthwise arguments{kAnomalyFloat32, in.data(), channels, nullptr, nullptr, kernels.data(),
                                       out.data(),      channels,  batch,    height,  width,   channels};
  CHECK_CUDA(cuda().pixelwise_depthwise(&arguments, nullptr));
  CHECK_CUDA(cuda().pixelwise_depthwise_backward(grad_in.data(), in.data(), kernels.data(),
                                                 grad_input_out.data(), grad_weights_out.data(), batch,
                                                 height, width, channels, nullptr));
  CHECK_SAME(out.host(), output);
  CHECK_SAME(grad_input_out.host(), grad_input);
  CHECK_SAME(grad_weights_out.host(), grad_weights);
}

void difference(int height, int width, int channels, bool sum, size_t offset) {
  const size_t pixels = static_cast<size_t>(height) * width;
  const std::vector<float> a = check::random_floats(pixels * channels, 1, 0, 5);
  const std::vector<float> b = check::random_floats(pixels * channels, 2, 0, 5);
  std::vector<float> expected(pixels);
  anomaly::channel_difference(a.data(), b.data(), height, width, channels, sum, expected.data());
  DeviceArray<float> a_in(a, offset), b_in(b, offset), out(pixels);
  CHECK_CUDA(cuda().channel_difference(kAnomalyFloat32, a_in.data(), b_in.data(), 1, height, width, channels,
                                       sum, out.data(), nullptr));
  CHECK_SAME(out.host(), expected);
}

void bicubic(int in_width, int in_height, int width, int height, float weight) {
  const std::vector<float> in = check::random_floats(static_cast<size_t>(in_width) * in_height, 1, 0, 5);
  std::vector<float> out = check::random_floats(static_cast<size_t>(width) * height, 2, 0, 5);
  DeviceArray<float> in_device(in), out_device(out);
  CHECK_CUDA(cuda().accumulate_upsampled_bicubic(in_device.data(), in_width, in_height, weight,
                                                 out_device.data(), width, height, nullptr));
  anomaly::accumulate_upsampled_bicubic(in.data(), in_width, in_height, weight, out.data(), width, height);
  CHECK_SAME(out_device.host(), out);
}

void quantized(const std::vector<float>& map, size_t offset) {
  const int64_t count = static_cast<int64_t>(map.size());
  const anomaly::Bounds bounds = anomaly::map_bounds(map.data(), count);
  DeviceArray<float> in(map, offset), bounds_out(2);
  DeviceArray<uint8_t> out(map.size(), offset);
  CHECK_CUDA(cuda().map_bounds(in.data(), count, bounds_out.data(), nullptr));
  CHECK_SAME(bounds_out.host(), (std::vector<float>{bounds.min, bounds.max}));
  std::vector<uint8_t> expected(map.size());
  anomaly::quantize_entropy(map.data(), count, bounds, expected.data());
  CHECK_CUDA(cuda().quantize_entropy(in.data(), count, bounds_out.data(), out.data(), nullptr));
  CHECK_SAME(out.host(), expected);
  anomaly::quantize_distance(map.data(), count, bounds, expected.data());
  CHECK_CUDA(cuda().quantize_distance(in.data(), count, bounds_out.data(), out.data(), nullptr));
  CHECK_SAME(out.host(), expected);
  anomaly::quantize_perceptual(map.data(), count, bounds, expected.data());
  CHECK_CUDA(cuda().quantize_perceptual(in.data(), count, bounds_out.data(), out.data(), nullptr));
  CHECK_SAME(out.host(), expected);
}

}  // namespace

TEST(cuda_uncertainty_upsampled) {
  uncertainty(19, 64, 32, 128, 64);
  uncertainty(19, 37, 23, 131, 67);
}
TEST(cuda_uncertainty_same_size) {
  uncertainty(19, 70, 21, 70, 21);
  uncertainty(19, 64, 12, 64, 31);
  uncertainty(19, 1, 1, 1, 1);
}
TEST(cuda_uncertainty_any_number_of_classes) {
  for (int classes : {1, 2, 20, 63, 64}) uncertainty(classes, 33, 17, 50, 30);
}
TEST(cuda_uncertainty_beyond_shared_memory) {
  uncertainty(19, 300, 90, 40, 11);
  uncertainty(64, 64, 16, 64, 16);
}
TEST(cuda_uncertainty_maps_may_be_left_out) {
  const std::vector<float> logits = check::random_floats(19 * 40 * 20, 1, -4, 4);
  DeviceArray<float> in(logits);
  DeviceArray<uint8_t> labels_out(40 * 20);
  std::vector<uint8_t> labels(40 * 20);
  anomaly::uncertainty_maps(logits.data(), 19, 40, 20, 40, 20, labels.data(), nullptr, nullptr, nullptr);
  CHECK_CUDA(uncertainty_maps(in.data(), 19, 40, 20, 40, 20, labels_out.data(), nullptr, nullptr, nullptr));
  CHECK_SAME(labels_out.host(), labels);
  CHECK(uncertainty_maps(in.data(), 65, 4, 4, 4, 4, labels_out.data(), nullptr, nullptr, nullptr) != 0);
}
TEST(cuda_uncertainty_of_overflowed_logits) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> logits = check::random_floats(19 * 12 * 9, 1, -4, 4);
  for (size_t i = 0; i < logits.size(); i += 7) logits[i] = i % 3 == 0 ? inf : i % 3 == 1 ? -inf : nan;
  const size_t count = 31 * 22;
  std::vector<float> entropy(count), distance(count);
  anomaly::uncertainty_maps(logits.data(), 19, 12, 9, 31, 22, nullptr, entropy.data(), distance.data(),
                            nullptr);
  DeviceArray<float> in(logits), entropy_out(count), distance_out(count);
  CHECK_CUDA(uncertainty_maps(in.data(), 19, 12, 9, 31, 22, nullptr, entropy_out.data(), distance_out.data(),
                              nullptr));
  CHECK_SAME(entropy_out.host(), entropy);
  CHECK_SAME(distance_out.host(), distance);
}

TEST(cuda_depthwise_four_channels_at_once) {
  depthwise(1, 4, 8, 256, 0);
  depthwise(3, 5, 7, 20, 0);
  depthwise(1, 1, 1, 4, 0);
  depthwise(2, 9, 33, 64, 0);
}
TEST(cuda_depthwise_one_channel_at_once) {
  depthwise(2, 5, 7, 3, 0);
  depthwise(1, 9, 2, 33, 0);
  depthwise(1, 13, 1, 1, 0);
}
TEST(cuda_depthwise_at_odd_addresses) {
  depthwise(2, 6, 5, 16, 1);
}
TEST(cuda_depthwise_either_gradient_may_be_left_out) {
  const int channels = 8;
  const size_t count = 6 * 5 * channels;
  const std::vector<float> input = check::random_floats(count, 1),
                           weights = check::random_floats(9 * count, 2);
  const std::vector<float> grad = check::random_floats(count, 3);
  std::vector<float> grad_input(count), grad_weights(9 * count);
  anomaly::pixelwise_depthwise_backward(grad.data(), input.data(), weights.data(), grad_input.data(),
                                        grad_weights.data(), 1, 6, 5, channels);
  DeviceArray<float> in(input), kernels(weights), grad_in(grad), grad_input_out(count),
      grad_weights_out(9 * count);
  CHECK_CUDA(cuda().pixelwise_depthwise_backward(grad_in.data(), in.data(), kernels.data(),
                                                 grad_input_out.data(), nullptr, 1, 6, 5, channels, nullptr));
  CHECK_CUDA(cuda().pixelwise_depthwise_backward(grad_in.data(), in.data(), kernels.data(), nullptr,
                                                 grad_weights_out.data(), 1, 6, 5, channels, nullptr));
  CHECK_SAME(grad_input_out.host(), grad_input);
  CHECK_SAME(grad_weights_out.host(), grad_weights);
}

TEST(cuda_channel_difference) {
  for (int channels : {1, 3, 4, 16, 60, 63, 64, 65, 100, 128, 512}) {
    difference(3, 7, channels, false, 0);
    difference(3, 7, channels, true, 0);
  }
  difference(19, 21, 64, false, 0);
  difference(5, 5, 64, false, 1);
}

TEST(cuda_bicubic) {
  bicubic(32, 16, 64, 32, 0.5f);
  bicubic(16, 8, 301, 53, 1);
  bicubic(65, 33, 65, 33, 1.0f / 32);
  bicubic(20, 10, 20, 30, 1);
  bicubic(91, 47, 30, 20, 0.25f);
  bicubic(1, 1, 9, 5, 1);
}

TEST(cuda_bounds_and_bytes) {
  for (size_t count : {1u, 3u, 4u, 5u, 255u, 1023u, 1024u, 1025u, 50001u}) {
    quantized(check::random_floats(count, count, 0, 1), 0);
    quantized(check::random_floats(count, count, -3, 3), 1);
  }
}
TEST(cuda_bounds_of_more_than_the_largest_grid) {
  quantized(check::random_floats(4500000, 1, -1, 1), 0);
}
TEST(cuda_bytes_of_constant_maps_and_nan) {
  for (float value : {0.0f, 0.5f, 1.0f, -2.0f}) quantized(std::vector<float>(77, value), 0);
  std::vector<float> map = check::random_floats(300, 5, 0, 1);
  for (size_t i = 0; i < map.size(); i += 9) map[i] = std::numeric_limits<float>::quiet_NaN();
  quantized(map, 0);
  quantized(std::vector<float>(40, std::numeric_limits<float>::quiet_NaN()), 0);
}
