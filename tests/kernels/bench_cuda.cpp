// SPDX-License-Identifier: LGPL-2.1-or-later
// Times the CUDA kernels on a GPU and sets their bytes (cuda_bytes.h) against a measured copy. Prints a
// table; not a test.
//
//   bench_cuda [float32|float16|bfloat16] [BATCH] [REPEATS]     default: bfloat16 1 20; REPEATS 0: the bytes
//   alone
//
// Sizes are those of the published framework: a 1920x1080 NV12 frame, 1024x512 for segmentation, maps of
// 512x256. Each time is the median of REPEATS runs, between two events, after a copy that pushes everything
// else out of the caches. Without a GPU all of it runs through the emulated module at a sixteenth of the
// size, to show that it works: those times mean nothing.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/kernels/bench_cuda.h"
#include "tests/kernels/cuda_bytes.h"

namespace {

using bench::Clock;
using bench::cuda;
using bench::demand;
using bench::Memory;
using bench::Table;
using cuda_bytes::Bytes;

struct Sizes {
  int batch, element;
  AnomalyCudaType type;
  int frame_width, frame_height, width, height, map_width, map_height;

  size_t pixels() const { return static_cast<size_t>(batch) * static_cast<size_t>(width * height); }
  size_t map_pixels() const {
    return static_cast<size_t>(batch) * static_cast<size_t>(map_width * map_height);
  }
};

constexpr float kMean[3] = {0.485f, 0.456f, 0.406f}, kDeviation[3] = {0.229f, 0.224f, 0.225f};

AnomalyCudaPixels pixels_at(const Sizes& s, void* out) {
  AnomalyCudaPixels p{s.type, out, {}, {}};
  for (int c = 0; c < 3; ++c) p.mean[c] = kMean[c], p.deviation[c] = kDeviation[c];
  return p;
}

void bench_pictures(const Sizes& s, const Table& table) {
  const auto element = static_cast<size_t>(s.element);
  const size_t luma = static_cast<size_t>(s.frame_width) * static_cast<size_t>(s.frame_height);
  const Memory planes(luma * 3 / 2), rgb(3 * s.pixels()), tensor(3 * s.pixels() * element);
  anomaly::FrameView frame;
  frame.format = anomaly::PixelFormat::NV12;
  frame.width = s.frame_width;
  frame.height = s.frame_height;
  frame.plane[0] = planes.at<uint8_t>();
  frame.plane[1] = planes.at<uint8_t>() + luma;
  frame.stride[0] = frame.stride[1] = s.frame_width;
  AnomalyCudaResampler *in = nullptr, *small = nullptr;
  demand(cuda->resampler_create(s.frame_width, s.frame_height, s.width, s.height, &in), "a resampler");
  demand(cuda->resampler_create(s.width, s.height, s.map_width, s.map_height, &small), "a resampler");
  const AnomalyCudaPixels pixels = pixels_at(s, tensor.at());
  const double bytes = 1.5 * static_cast<double>(luma);
  table.row("ingest NV12 -> RGB and tensor",
            cuda_bytes::ingest(bytes, s.frame_width, s.frame_height, s.width, s.height, s.element, true),
            [&] { return cuda->ingest_tensor(in, &frame, rgb.at<uint8_t>(), &pixels, nullptr); });
  anomaly::FrameView picture;
  picture.format = anomaly::PixelFormat::RGB;
  picture.width = s.width;
  picture.height = s.height;
  picture.plane[0] = rgb.at<uint8_t>();
  picture.stride[0] = 3 * s.width;
  table.row("bicubic RGB -> tensor of map size",
            cuda_bytes::ingest(3.0 * s.width * s.height, s.width, s.height, s.map_width, s.map_height,
                               s.element, false),
            [&] { return cuda->ingest_tensor(small, &picture, nullptr, &pixels, nullptr); });
  table.row("nearest RGB -> tensor of map size",
            cuda_bytes::nearest(s.batch, s.width, s.height, 3, s.map_width, s.map_height, 3.0 * s.element),
            [&] {
              return cuda->normalize_rgb8(rgb.at<uint8_t>(), s.batch, s.width, s.height, s.map_width,
                                          s.map_height, &pixels, nullptr);
            });
  const Memory image(3 * s.map_pixels() * element);
  table.row("generator's picture -> RGB, tensor",
            cuda_bytes::to_picture(static_cast<double>(s.map_pixels()), s.element, true, true), [&] {
              return cuda->to_picture(s.type, image.at(), static_cast<int64_t>(s.map_pixels()),
                                      rgb.at<uint8_t>(), &pixels, nullptr);
            });
  cuda->resampler_destroy(in);
  cuda->resampler_destroy(small);
}

void bench_segmentation(const Sizes& s, const Table& table) {
  const int classes = 19, low_width = s.width / 2, low_height = s.height / 2;
  const auto element = static_cast<size_t>(s.element);
  const double pixels = static_cast<double>(s.pixels());
  const Memory logits(s.pixels() / 4 * classes * element), labels(s.pixels()), entropy(4 * s.pixels()),
      distance(4 * s.pixels()), bounds(16 * static_cast<size_t>(s.batch)), bytes(s.pixels()),
      ids(s.map_pixels()), hot(s.map_pixels() * 36 * element);
  AnomalyCudaUncertainty u{s.type,
                           logits.at(),
                           s.batch,
                           classes,
                           low_width,
                           low_height,
                           s.width,
                           s.height,
                           1,
                           labels.at<uint8_t>(),
                           entropy.at<float>(),
                           distance.at<float>(),
                           bounds.at<float>()};
  table.row("uncertainty, 2 x 2 upsampled",
            cuda_bytes::uncertainty(s.batch, classes, low_width, low_height, s.width, s.height, s.element),
            [&] { return cuda->uncertainty_maps(&u, nullptr); });
  table.row("bounds of a map", cuda_bytes::bounds(pixels), [&] {
    return cuda->map_bounds(entropy.at<float>(), static_cast<int64_t>(s.pixels()), bounds.at<float>(),
                            nullptr);
  });
  table.row("8-bit map", cuda_bytes::quantize(pixels), [&] {
    return cuda->quantize_entropy(entropy.at<float>(), static_cast<int64_t>(s.pixels()), bounds.at<float>(),
                                  bytes.at<uint8_t>(), nullptr);
  });
  const uint8_t table_of_ids[] = {7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33};
  table.row("labels -> ids of map size",
            cuda_bytes::nearest(s.batch, s.width, s.height, 1, s.map_width, s.map_height, 1), [&] {
              return cuda->resize_labels(labels.at<uint8_t>(), s.batch, s.width, s.height, s.map_width,
                                         s.map_height, table_of_ids, 19, ids.at<uint8_t>(), nullptr);
            });
  AnomalyCudaOneHot h{
      ids.at<uint8_t>(), s.batch, s.map_width, s.map_height, s.map_width, s.map_height, 35, 1, s.type,
      hot.at(),          36};
  table.row("one-hot, 35 classes and edges",
            cuda_bytes::one_hot(s.batch, s.map_width, s.map_height, s.map_width, s.map_height, 36, s.element),
            [&] { return cuda->one_hot(&h, nullptr); });
  h.classes = 19;
  h.edges = 0;
  h.pitch = 19;
  h.out_width = s.map_width / 4;
  h.out_height = s.map_height / 4;
  table.row("one-hot, 19 classes, a quarter",
            cuda_bytes::one_hot(s.batch, s.map_width, s.map_height, s.map_width / 4, s.map_height / 4, 19,
                                s.element),
            [&] { return cuda->one_hot(&h, nullptr); });
}

// Of a trunk in 8 bits at stride 8: a dilated 3x3 convolution and a 1x1 one.
void bench_trunk(const Sizes& s, const Table& table) {
  const int width = s.width / 8, height = s.height / 8, narrow = 512, wide = 2048;
  const size_t count = s.pixels() / 64;
  const double pixels = static_cast<double>(count);
  const Memory x(count * wide * static_cast<size_t>(s.element)), peaks(4 * count), scales(4 * count),
      patches(count * 9 * narrow);
  table.row("peaks of 512 channels", cuda_bytes::channel_peaks(pixels, narrow, s.element), [&] {
    return cuda->channel_peaks(s.type, x.at(), static_cast<int64_t>(count), narrow, peaks.at<float>(),
                               nullptr);
  });
  AnomalyCudaFp8Patches p{s.type,
                          x.at(),
                          peaks.at<float>(),
                          {s.batch, height, width, narrow, 3, 1, 2, 2},
                          0,
                          static_cast<int64_t>(count),
                          patches.at<uint8_t>(),
                          scales.at<float>()};
  table.row("8-bit patches, 3x3 of 512 channels",
            cuda_bytes::fp8_patches(pixels, pixels, narrow, 9, s.element),
            [&] { return cuda->fp8_patches(&p, nullptr); });
  p.geometry = {s.batch, height, width, wide, 1, 1, 0, 1};
  table.row("8-bit patches, 1x1 of 2,048 channels",
            cuda_bytes::fp8_patches(pixels, pixels, wide, 1, s.element),
            [&] { return cuda->fp8_patches(&p, nullptr); });
}

void bench_synthesis(const Sizes& s, const Table& table) {
  const int channels = 128;
  const size_t values = s.map_pixels() * channels;
  const auto element = static_cast<size_t>(s.element);
  const Memory x(values * element), weights(9 * values * element), out(values * element),
      affine(2 * channels * sizeof(float));
  AnomalyCudaDepthwise d{s.type,   x.at(),   channels, nullptr,      nullptr,     weights.at(),
                         out.at(), channels, s.batch,  s.map_height, s.map_width, channels};
  const double pixels = static_cast<double>(s.map_pixels());
  table.row("depthwise, 128 channels", cuda_bytes::depthwise(pixels, channels, s.element),
            [&] { return cuda->pixelwise_depthwise(&d, nullptr); });
  d.scale = affine.at<float>();
  d.shift = affine.at<float>() + channels;
  table.row("depthwise behind a norm", cuda_bytes::depthwise(pixels, channels, s.element),
            [&] { return cuda->pixelwise_depthwise(&d, nullptr); });
  d.channels = 16;
  table.row("depthwise, 16 of 128 channels", cuda_bytes::depthwise(pixels, 16, s.element),
            [&] { return cuda->pixelwise_depthwise(&d, nullptr); });
  AnomalyCudaGate g{s.type,  x.at(),  weights.at(), 1,        0.2f,
                    d.scale, d.shift, nullptr,      out.at(), static_cast<int64_t>(s.map_pixels()),
                    channels};
  table.row("gate, activation, norm", cuda_bytes::gate(pixels, channels, s.element, false),
            [&] { return cuda->gate(&g, nullptr); });
  g.residual = weights.at<char>() + values * element;
  table.row("gate, activation, norm, shortcut", cuda_bytes::gate(pixels, channels, s.element, true),
            [&] { return cuda->gate(&g, nullptr); });
  const AnomalyCudaModulate m{s.type,
                              x.at(),
                              weights.at(),
                              d.scale,
                              d.shift,
                              0,
                              kAnomalySelu,
                              1.0f,
                              out.at(),
                              s.batch,
                              static_cast<int64_t>(s.map_width) * s.map_height,
                              channels};
  table.row("modulation by a map, SELU", cuda_bytes::modulate(pixels, channels, s.element),
            [&] { return cuda->modulate(&m, nullptr); });
  const size_t strips = (static_cast<size_t>(m.pixels) + kAnomalyStrip - 1) / kAnomalyStrip;
  const Memory sums(static_cast<size_t>(s.batch) * strips * 2 * channels * sizeof(double)),
      norm(static_cast<size_t>(s.batch) * 2 * channels * sizeof(float));
  const AnomalyCudaInstanceNorm i{s.type,
                                  x.at(),
                                  s.batch,
                                  m.pixels,
                                  channels,
                                  1e-5,
                                  sums.at<double>(),
                                  norm.at<float>(),
                                  norm.at<float>() + s.batch * channels};
  table.row("instance norm", cuda_bytes::instance_norm(pixels, channels, s.element),
            [&] { return cuda->instance_norm(&i, nullptr); });
}

void bench_comparison(const Sizes& s, const Table& table) {
  const auto element = static_cast<size_t>(s.element);
  const int channels[] = {64, 128, 256, 512, 512};
  const Memory a(s.map_pixels() * 64 * element), b(s.map_pixels() * 64 * element, 7),
      room(2 * 4 * s.map_pixels()), raw(4 * s.map_pixels()), bounds(8 * static_cast<size_t>(s.batch));
  std::vector<AnomalyCudaLevel> levels;
  Bytes bytes;
  double differences = 0;
  for (int l = 0; l < 5; ++l) {
    const int width = s.map_width >> l, height = s.map_height >> l;
    levels.push_back({a.at(), b.at(), width, height, channels[l], 1.0f / static_cast<float>(channels[l])});
    const double pixels = static_cast<double>(s.batch) * width * height;
    bytes += cuda_bytes::channel_difference(pixels, channels[l], s.element);
    differences += pixels;
  }
  const double pixels = static_cast<double>(s.map_pixels());
  table.row("channel difference, 64 channels", cuda_bytes::channel_difference(pixels, 64, s.element), [&] {
    return cuda->channel_difference(s.type, a.at(), b.at(), s.batch, s.map_height, s.map_width, 64, 0,
                                    room.at<float>(), nullptr);
  });
  table.row("correlation, 64 channels", cuda_bytes::correlation(pixels, 64, s.element), [&] {
    return cuda->correlation(s.type, a.at(), b.at(), s.batch, s.map_height, s.map_width, 64, 0, room.at(),
                             nullptr);
  });
  bytes += cuda_bytes::upsampled(differences, pixels);
  const AnomalyCudaPerceptual p{s.type,      levels.data(),    5,
                                s.batch,     room.at<float>(), raw.at<float>(),
                                s.map_width, s.map_height,     bounds.at<float>()};
  table.row("perceptual difference, 5 levels", bytes,
            [&] { return cuda->perceptual_difference(&p, nullptr); });
}

void bench_scores(const Sizes& s, const Table& table) {
  const auto element = static_cast<size_t>(s.element);
  const Memory logits(3 * s.map_pixels() * element), entropy(s.pixels()), distance(s.pixels()),
      perceptual(s.map_pixels()), map(4 * s.map_pixels()), share(4 * s.map_pixels()), bytes(s.map_pixels()),
      labels(s.pixels()), figures(sizeof(AnomalyCudaFigures));
  const AnomalyCudaMap large = {entropy.at<uint8_t>(), s.width, s.height};
  const AnomalyCudaEnsemble e{s.type,
                              logits.at(),
                              large,
                              {perceptual.at<uint8_t>(), s.map_width, s.map_height},
                              {distance.at<uint8_t>(), s.width, s.height},
                              {0.75f, 0.25f, 0.125f, 0.125f},
                              s.batch,
                              s.map_width,
                              s.map_height,
                              map.at<float>(),
                              share.at<float>()};
  const double pixels = static_cast<double>(s.map_pixels());
  AnomalyCudaMap stacked[3] = {large, e.perceptual, e.distance};
  table.row(
      "three maps -> tensor",
      cuda_bytes::nearest(s.batch, s.width, s.height, 3, s.map_width, s.map_height, 3.0 * s.element), [&] {
        return cuda->stack_maps(stacked, 3, s.batch, s.map_width, s.map_height, s.type, logits.at(), nullptr);
      });
  table.row("ensemble, three maps", cuda_bytes::ensemble(pixels, s.element, 3, true),
            [&] { return cuda->ensemble(&e, nullptr); });
  table.row("8-bit scores", cuda_bytes::quantize(pixels), [&] {
    return cuda->quantize_scores(map.at<float>(), static_cast<int64_t>(s.map_pixels()), bytes.at<uint8_t>(),
                                 nullptr);
  });
  // A quiet map with some hills, as a street gives.
  std::vector<float> hills(static_cast<size_t>(s.map_width * s.map_height));
  for (int y = 0; y < s.map_height; ++y)
    for (int x = 0; x < s.map_width; ++x)
      hills[static_cast<size_t>(y * s.map_width + x)] = x / 24 % 4 == 1 && y / 20 % 3 == 1 ? 0.9f : 0.1f;
  demand(cuda->copy_to_device(map.at(), hills.data(), hills.size() * sizeof(float), nullptr), "an upload");
  demand(cuda->synchronize(nullptr), "an upload");
  AnomalyCudaStatistics* workspace = nullptr;
  demand(cuda->statistics_create(s.map_width, s.map_height, s.frame_width, s.frame_height, &workspace),
         "making room for statistics");
  AnomalyCudaQuery q{};
  q.map = map.at<float>();
  q.labels = labels.at<uint8_t>();
  q.label_width = s.width;
  q.label_height = s.height;
  q.threshold = 0.5f;
  const double label_bytes = static_cast<double>(s.width) * s.height / 12;
  const auto counted = [&](bool by_class) {
    return cuda_bytes::statistics(s.map_width, s.map_height, s.frame_width, s.frame_height, label_bytes,
                                  by_class);
  };
  const auto launch = [&] {
    return cuda->map_statistics(workspace, &q, figures.at<AnomalyCudaFigures>(), nullptr);
  };
  table.row("statistics and regions", counted(false), launch);
  uint8_t classes[256] = {1, 1};
  q.classes = classes;
  table.row("the same, standing on classes", counted(true), launch);
  cuda->statistics_destroy(workspace);
}

}  // namespace

int main(int argc, char** argv) {
  const char* const names[] = {"float32", "float16", "bfloat16"};
  const std::string type = argc > 1 ? argv[1] : "bfloat16";
  const auto* const found = std::find(std::begin(names), std::end(names), type);
  const int batch = argc > 2 ? std::atoi(argv[2]) : 1, repeats = argc > 3 ? std::atoi(argv[3]) : 20;
  if (found == std::end(names) || batch < 1 || batch > 64 || repeats < 0 || argc > 4) {
    std::fprintf(stderr, "usage: bench_cuda [float32|float16|bfloat16] [BATCH 1..64] [REPEATS]\n");
    return 2;
  }
  bench::load();
  demand(cuda->set_device(0), "choosing the device");
  const bool emulated = cuda->emulated != 0;
  const int divide = emulated && repeats > 0 ? 4 : 1;
  const Sizes sizes{batch,
                    type == "float32" ? 4 : 2,
                    static_cast<AnomalyCudaType>(found - std::begin(names)),
                    1920 / divide,
                    1080 / divide,
                    1024 / divide,
                    512 / divide,
                    512 / divide,
                    256 / divide};
  if (emulated && repeats > 0) {
    std::printf("No GPU: every kernel runs on the CPU, thread after thread. The times mean nothing.\n");
  } else if (!emulated) {
    int major = 0, minor = 0;
    demand(cuda->compute_capability(0, &major, &minor), "asking for the device");
    std::printf("Device 0, compute capability %d.%d\n", major, minor);
  }
  const size_t block = emulated ? size_t{1} << 20 : size_t{256} << 20;
  const Clock clock(block);
  std::printf("%s, batch %d, frame %dx%d", type.c_str(), batch, sizes.frame_width, sizes.frame_height);
  double copy_rate = 0;
  if (repeats > 0) {
    const Memory from(block), to(block);
    copy_rate = 2 * static_cast<double>(block) * 1e-3 /
                clock.time(repeats, [&] { return cuda->copy_on_device(to.at(), from.at(), block, nullptr); });
    std::printf("; copy: %.1f GB/s read and written", copy_rate);
  }
  std::printf("\n");
  const Table table(clock, repeats, copy_rate);
  bench_pictures(sizes, table);
  bench_segmentation(sizes, table);
  bench_trunk(sizes, table);
  bench_synthesis(sizes, table);
  bench_comparison(sizes, table);
  bench_scores(sizes, table);
  bench::bench_painting(sizes.frame_width, sizes.frame_height, sizes.map_width, sizes.map_height, table);
  if (emulated && repeats > 0) std::printf("No GPU: the times above mean nothing.\n");
  return 0;
}
