// SPDX-License-Identifier: LGPL-2.1-or-later
// What the full framework costs: milliseconds a stage, the total, processor time (over all threads: on a busy
// machine the truer figure), and the peak resident size. usage: bench_framework BUNDLE [FRAMES [HEIGHT WIDTH
// [THREADS]]]
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/randint.h>
#include <c10/core/InferenceMode.h>

#include "src/bundle/bundle.h"
#include "src/framework/steps.h"
#include "src/networks/network.h"

using namespace anomaly;

namespace {

double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double processor_ms() {
  return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void run(int argc, char** argv) {
  const auto bundle = Bundle::open(argv[1]);
  const auto number = [&](int index, int fallback) {
    return argc > index ? std::atoi(argv[index]) : fallback;
  };
  const int frames = number(2, 3), height = number(3, 256), width = number(4, 512);
  if (number(5, 0) > 0) at::set_num_threads(number(5, 0));
  const c10::InferenceMode inference;

  double start = now_ms();
  const auto segmentation = load_segmentation(*bundle);
  const auto encoder = load_encoder(*bundle);
  const auto generator = load_generator(*bundle);
  const auto perceptual = load_perceptual(*bundle);
  const auto dissimilarity = load_dissimilarity(*bundle, "dissimilarity");
  std::printf("%s, segmentation %dx%d, %d threads\nload %.0f ms, resident at most %.0f MiB\n", argv[1], width,
              height, at::get_num_threads(), now_ms() - start, peak_megabytes());

  const Settings settings;
  const steps::Context context{bundle->info(), settings, false};
  const steps::Needs needs = steps::needs_of(settings.method);
  std::printf(
      "frame  segmentation  synthesis  perceptual  dissimilarity  score  total (ms)  processor (ms)\n");
  for (int i = 0; i < frames; ++i) {
    const at::Tensor frame = at::randint(256, {height, width, 3}, at::kByte);
    FrameTensors out;
    const double processor = processor_ms();
    double marks[6] = {now_ms()};
    steps::segment(context, needs, *segmentation, frame, out);
    marks[1] = now_ms();
    steps::synthesise(context, *encoder, *generator, frame, out);
    marks[2] = now_ms();
    steps::compare_features(context, *perceptual, frame, out);
    marks[3] = now_ms();
    steps::find_dissimilarity(context, *dissimilarity, frame, out);
    marks[4] = now_ms();
    steps::score(context, out);
    marks[5] = now_ms();
    std::printf("%5d  %12.1f  %9.1f  %10.1f  %13.1f  %5.1f  %10.1f  %14.1f\n", i, marks[1] - marks[0],
                marks[2] - marks[1], marks[3] - marks[2], marks[4] - marks[3], marks[5] - marks[4],
                marks[5] - marks[0], processor_ms() - processor);
  }
  std::printf("peak resident size %.0f MiB\n", peak_megabytes());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 6) {
    std::fprintf(stderr, "usage: %s BUNDLE [FRAMES [HEIGHT WIDTH [THREADS]]]\n", argv[0]);
    return 2;
  }
  try {
    run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
    return 1;
  }
  return 0;
}
