// SPDX-License-Identifier: LGPL-2.1-or-later
// Milliseconds, CPU milliseconds of all threads together, and GB/s of the networks' kernels at the reference
// sizes. Prints a table; not a test. bench_uncertainty [REPEATS], default 10: the fastest of so many runs.
// OMP_NUM_THREADS sets the threads.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <vector>

#include "kernels/normalize.h"
#include "kernels/perceptual.h"
#include "kernels/pixelwise_depthwise.h"
#include "kernels/uncertainty.h"
#include "tests/kernels/random_values.h"

namespace {

int repeats = 10;

// `bytes`: what has to be read and written at least.
void measure(const char* name, double bytes, const std::function<void()>& body) {
  double fastest = 1e30, least = 1e30;
  for (int i = 0; i <= repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t cpu = std::clock();
    body();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    if (i == 0) continue;
    fastest = std::min(fastest, time.count());
    least = std::min(least, static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC);
  }
  std::printf("%-52s %9.2f ms %9.2f CPU ms %8.2f GB/s\n", name, fastest * 1e3, least * 1e3,
              bytes / fastest / 1e9);
}

void uncertainty(int in_width, int in_height, int width, int height) {
  const std::vector<float> logits = check::random_floats(size_t{19} * in_width * in_height, 1, -8, 8);
  const size_t pixels = static_cast<size_t>(width) * height;
  std::vector<uint8_t> labels(pixels);
  std::vector<float> entropy(pixels), distance(pixels);
  float bounds[4];
  char name[80];
  std::snprintf(name, sizeof name, "uncertainty %dx%d -> %dx%d, 19 classes", in_height, in_width, height,
                width);
  measure(name, static_cast<double>(logits.size()) * 4 + static_cast<double>(pixels) * 9, [&] {
    anomaly::uncertainty_maps(logits.data(), 19, in_width, in_height, width, height, labels.data(),
                              entropy.data(), distance.data(), bounds);
  });
}

void depthwise(int height, int width, int channels) {
  const size_t count = static_cast<size_t>(height) * width * channels;
  const std::vector<float> input = check::random_floats(count, 1),
                           weights = check::random_floats(9 * count, 2);
  std::vector<float> output(count), grad_weights(9 * count);
  char name[80];
  std::snprintf(name, sizeof name, "depthwise %dx%dx%d forward", height, width, channels);
  measure(name, static_cast<double>(count) * 4 * 11, [&] {
    anomaly::pixelwise_depthwise(input.data(), weights.data(), output.data(), 1, height, width, channels);
  });
  std::snprintf(name, sizeof name, "depthwise %dx%dx%d backward", height, width, channels);
  measure(name, static_cast<double>(count) * 4 * 22, [&] {
    anomaly::pixelwise_depthwise_backward(input.data(), input.data(), weights.data(), output.data(),
                                          grad_weights.data(), 1, height, width, channels);
  });
}

void perceptual(int height, int width, int channels) {
  const size_t count = static_cast<size_t>(height) * width * channels;
  const std::vector<float> a = check::random_floats(count, 1), b = check::random_floats(count, 2);
  std::vector<float> level(static_cast<size_t>(height) * width), out(256 * 512);
  char name[80];
  std::snprintf(name, sizeof name, "channel difference %dx%dx%d", height, width, channels);
  measure(name, static_cast<double>(count) * 8, [&] {
    anomaly::channel_difference(a.data(), b.data(), height, width, channels, false, level.data());
  });
  std::snprintf(name, sizeof name, "bicubic %dx%d -> 256x512", height, width);
  measure(name, 256 * 512 * 8.0, [&] {
    anomaly::accumulate_upsampled_bicubic(level.data(), width, height, 0.5f, out.data(), 512, 256);
  });
}

void bytes(int height, int width) {
  const int64_t count = static_cast<int64_t>(height) * width;
  const std::vector<float> map = check::random_floats(static_cast<size_t>(count), 1, 0, 3);
  std::vector<uint8_t> out(map.size());
  anomaly::Bounds bounds;
  char name[80];
  std::snprintf(name, sizeof name, "bounds %dx%d", height, width);
  measure(name, static_cast<double>(count) * 4, [&] { bounds = anomaly::map_bounds(map.data(), count); });
  std::snprintf(name, sizeof name, "bytes of distance %dx%d", height, width);
  measure(name, static_cast<double>(count) * 5,
          [&] { anomaly::quantize_distance(map.data(), count, bounds, out.data()); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) repeats = std::max(1, std::atoi(argv[1]));
  uncertainty(256, 128, 512, 256);
  uncertainty(512, 256, 512, 256);
  uncertainty(1024, 512, 2048, 1024);
  uncertainty(2048, 1024, 2048, 1024);
  depthwise(256, 512, 128);
  depthwise(64, 128, 512);
  depthwise(8, 16, 1024);
  perceptual(256, 512, 64);
  perceptual(64, 128, 256);
  perceptual(16, 32, 512);
  bytes(1024, 2048);
  return 0;
}
