// SPDX-License-Identifier: LGPL-2.1-or-later
// CUDA kernels between 8-bit pictures, label maps and tensors of every element type, against the CPU's.
#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/ingest.h"
#include "kernels/picture_math.h"
#include "kernels/resize.h"
#include "tests/kernels/cuda_device.h"
#include "tests/kernels/cuda_elements.h"
#include "tests/kernels/cuda_frames.h"
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

constexpr float kMean[3] = {0.485f, 0.456f, 0.406f}, kDeviation[3] = {0.229f, 0.224f, 0.225f};

std::vector<uint8_t> random_bytes(size_t count, uint64_t seed, unsigned below = 256) {
  check::Random random(seed);
  std::vector<uint8_t> values(count);
  for (uint8_t& v : values) v = static_cast<uint8_t>((random.bits() >> 16) % below);
  return values;
}

template <typename T>
AnomalyCudaPixels pixels_at(DeviceArray<T>& array) {
  AnomalyCudaPixels p{};
  p.type = kTypeOf<T>;
  p.out = array.data();
  for (int c = 0; c < 3; ++c) p.mean[c] = kMean[c], p.deviation[c] = kDeviation[c];
  return p;
}

// In the order of the framework: divide, subtract, divide.
std::vector<float> normalised(const std::vector<uint8_t>& rgb) {
  std::vector<float> out(rgb.size());
  for (size_t i = 0; i < rgb.size(); ++i)
    out[i] = (static_cast<float>(rgb[i]) / 255.0f - kMean[i % 3]) / kDeviation[i % 3];
  return out;
}

size_t product(int a, int b, int c = 1) {
  return static_cast<size_t>(a) * static_cast<size_t>(b) * static_cast<size_t>(c);
}

template <typename T>
void ingest(PixelFormat format, int in_width, int in_height, int width, int height, uint64_t seed) {
  check::TwinFrame frame(pixel_format_info(format), in_width, in_height, seed);
  std::vector<uint8_t> rgb(product(width, height, 3));
  ingest_rgb8(frame.host, rgb.data(), width, height);
  const std::vector<float> expected = rounded_to<T>(normalised(rgb));
  check::Resampler r(in_width, in_height, width, height);
  DeviceArray<T> tensor(rgb.size()), alone(rgb.size());
  DeviceArray<uint8_t> bytes(rgb.size());
  const FrameView view = frame.device;
  AnomalyCudaPixels p = pixels_at(tensor);
  CHECK_CUDA(cuda().ingest_tensor(r.resampler, &view, bytes.data(), &p, nullptr));
  CHECK_SAME(bytes.host(), rgb);
  CHECK_SAME(widened_all(tensor.host()), expected);
  p = pixels_at(alone);
  CHECK_CUDA(cuda().ingest_tensor(r.resampler, &view, nullptr, &p, nullptr));
  CHECK_SAME(widened_all(alone.host()), expected);
}

template <typename T>
void normalize(int batch, int in_width, int in_height, int width, int height) {
  const size_t in_count = product(in_width, in_height, 3), count = product(width, height, 3);
  const auto n = static_cast<size_t>(batch);
  const std::vector<uint8_t> rgb = random_bytes(n * in_count, 7);
  std::vector<uint8_t> resized(n * count);
  for (size_t i = 0; i < n; ++i)
    resize_nearest_u8(rgb.data() + i * in_count, in_width, in_height, 3, resized.data() + i * count, width,
                      height);
  DeviceArray<uint8_t> in(rgb);
  DeviceArray<T> tensor(n * count);
  const AnomalyCudaPixels p = pixels_at(tensor);
  CHECK_CUDA(cuda().normalize_rgb8(in.data(), batch, in_width, in_height, width, height, &p, nullptr));
  CHECK_SAME(widened_all(tensor.host()), rounded_to<T>(normalised(resized)));
}

template <typename T>
void picture(int64_t count) {
  std::vector<float> image = random_floats(static_cast<size_t>(3 * count), 9, -1.1f, 1.1f);
  image[0] = std::numeric_limits<float>::quiet_NaN();
  image[1] = 1;
  image[2] = -1;
  image = rounded_to<T>(image);
  std::vector<uint8_t> bytes(image.size());
  for (size_t i = 0; i < image.size(); ++i) {
    const float v = (image[i] + 1.0f) / 2.0f * 255.0f;
    bytes[i] = !(v > 0) ? uint8_t{0} : v >= 255 ? uint8_t{255} : static_cast<uint8_t>(v);
  }
  CHECK_EQ(int{bytes[1]}, 255);
  DeviceArray<T> in(narrowed_all<T>(image)), tensor(image.size());
  DeviceArray<uint8_t> out(bytes.size());
  const AnomalyCudaPixels p = pixels_at(tensor);
  CHECK_CUDA(cuda().to_picture(kTypeOf<T>, in.data(), count, out.data(), &p, nullptr));
  CHECK_SAME(out.host(), bytes);
  CHECK_SAME(widened_all(tensor.host()), rounded_to<T>(normalised(bytes)));
}

struct ByteMap {
  int width, height;
  std::vector<uint8_t> values, resized;
  DeviceArray<uint8_t> device;

  ByteMap(int batch, int w, int h, int out_width, int out_height, uint64_t seed)
      : width(w),
        height(h),
        values(random_bytes(static_cast<size_t>(batch) * product(w, h), seed)),
        resized(static_cast<size_t>(batch) * product(out_width, out_height)),
        device(values) {
    for (size_t i = 0; i < static_cast<size_t>(batch); ++i)
      resize_nearest_u8(values.data() + i * product(w, h), w, h, 1,
                        resized.data() + i * product(out_width, out_height), out_width, out_height);
  }
  AnomalyCudaMap map() { return {device.data(), width, height}; }
};

template <typename T>
void stack(int batch, int width, int height) {
  ByteMap a(batch, width, height, width, height, 1), b(batch, 2 * width + 1, height, width, height, 2),
      c(batch, 7, 5, width, height, 3), d(batch, width, 2 * height, width, height, 4);
  ByteMap* const all[] = {&a, &b, &c, &d};
  for (int count = 1; count <= 4; ++count) {
    std::vector<float> expected;
    for (size_t p = 0; p < a.resized.size(); ++p)
      for (int m = 0; m < count; ++m) expected.push_back(static_cast<float>(all[m]->resized[p]) / 255.0f);
    std::vector<AnomalyCudaMap> maps;
    for (int m = 0; m < count; ++m) maps.push_back(all[m]->map());
    DeviceArray<T> out(expected.size());
    CHECK_CUDA(cuda().stack_maps(maps.data(), count, batch, width, height, kTypeOf<T>, out.data(), nullptr));
    CHECK_SAME(widened_all(out.host()), rounded_to<T>(expected));
  }
}

// Written out: a one-hot map with edges at full size, then nearest.
template <typename T>
void hot(int batch, int in_width, int in_height, int width, int height, int classes, bool edges, int before,
         int after, size_t offset) {
  const std::vector<uint8_t> ids = random_bytes(static_cast<size_t>(batch) * product(in_width, in_height), 5,
                                                static_cast<unsigned>(classes) + 2);
  const int channels = classes + edges, pitch = before + channels + after;
  std::vector<float> expected(static_cast<size_t>(batch) * product(width, height, pitch), -2.0f);
  for (int n = 0; n < batch; ++n)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const int sx = std::min(static_cast<int>(static_cast<float>(x) *
                                                 (static_cast<float>(in_width) / static_cast<float>(width))),
                                in_width - 1);
        const int sy = std::min(static_cast<int>(static_cast<float>(y) * (static_cast<float>(in_height) /
                                                                          static_cast<float>(height))),
                                in_height - 1);
        const auto id = [&](int u, int v) {
          u = std::clamp(u, 0, in_width - 1);
          v = std::clamp(v, 0, in_height - 1);
          return int{ids[(static_cast<size_t>(n) * static_cast<size_t>(in_height) + static_cast<size_t>(v)) *
                             static_cast<size_t>(in_width) +
                         static_cast<size_t>(u)]};
        };
        float* out =
            &expected[((static_cast<size_t>(n) * static_cast<size_t>(height) + static_cast<size_t>(y)) *
                           static_cast<size_t>(width) +
                       static_cast<size_t>(x)) *
                          static_cast<size_t>(pitch) +
                      static_cast<size_t>(before)];
        const int own = id(sx, sy);
        for (int c = 0; c < classes; ++c) out[c] = own == c;
        if (edges)
          out[classes] = id(sx - 1, sy) != own || id(sx + 1, sy) != own || id(sx, sy - 1) != own ||
                         id(sx, sy + 1) != own;
      }
  DeviceArray<uint8_t> in(ids);
  DeviceArray<T> out(std::vector<T>(expected.size(), narrowed<T>(-2.0f)), offset);
  AnomalyCudaOneHot a{};
  a.ids = in.data();
  a.batch = batch;
  a.in_width = in_width;
  a.in_height = in_height;
  a.out_width = width;
  a.out_height = height;
  a.classes = classes;
  a.edges = edges;
  a.type = kTypeOf<T>;
  a.out = out.data() + before;
  a.pitch = pitch;
  CHECK_CUDA(cuda().one_hot(&a, nullptr));
  CHECK_SAME(widened_all(out.host()), expected);
}

template <typename T>
void ensemble(int batch, int width, int height, bool with_logits, unsigned with_maps, size_t offset) {
  const size_t pixels = static_cast<size_t>(batch) * product(width, height);
  const std::vector<float> logits = rounded_to<T>(random_floats(2 * pixels, 11, -6, 6));
  ByteMap entropy(batch, 2 * width, 2 * height, width, height, 1),
      perceptual(batch, width, height, width, height, 2),
      distance(batch, 2 * width + 1, height, width, height, 3);
  const float weight[4] = {0.75f, 0.25f, 0.125f, 0.375f};
  std::vector<float> share(pixels), expected(pixels);
  for (size_t i = 0; i < pixels; ++i) {
    share[i] = second_softmax(logits[2 * i], logits[2 * i + 1]);
    float v = with_logits ? share[i] * weight[0] : 0.0f;
    if (with_maps & 1) v = v + weight[1] * (static_cast<float>(entropy.resized[i]) / 255.0f);
    if (with_maps & 2) v = v + weight[2] * (static_cast<float>(perceptual.resized[i]) / 255.0f);
    if (with_maps & 4) v = v + weight[3] * (static_cast<float>(distance.resized[i]) / 255.0f);
    expected[i] = v;
  }
  DeviceArray<T> in(narrowed_all<T>(logits), offset);
  DeviceArray<float> anomaly_out(pixels), share_out(pixels);
  AnomalyCudaEnsemble a{};
  a.type = kTypeOf<T>;
  a.logits = with_logits ? in.data() : nullptr;
  if (with_maps & 1) a.entropy = entropy.map();
  if (with_maps & 2) a.perceptual = perceptual.map();
  if (with_maps & 4) a.distance = distance.map();
  for (int i = 0; i < 4; ++i) a.weight[i] = weight[i];
  a.batch = batch;
  a.width = width;
  a.height = height;
  a.anomaly = anomaly_out.data();
  a.dissimilarity = with_logits ? share_out.data() : nullptr;
  CHECK_CUDA(cuda().ensemble(&a, nullptr));
  CHECK_SAME(anomaly_out.host(), expected);
  if (with_logits) CHECK_SAME(share_out.host(), share);
}

}  // namespace

TEST(cuda_ingest_to_tensors_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    ingest<T>(PixelFormat::NV12, 70, 41, 33, 19, 1);  // smaller
    ingest<T>(PixelFormat::NV12, 33, 19, 70, 41, 2);  // larger
    ingest<T>(PixelFormat::I420, 37, 21, 37, 21, 3);  // as it is
    ingest<T>(PixelFormat::BGRx, 37, 21, 37, 30, 4);  // one dimension
    ingest<T>(PixelFormat::P010_10LE, 37, 22, 50, 22, 5);
    ingest<T>(PixelFormat::RGB, 600, 9, 530, 4, 6);  // several blocks a row
  });
}
TEST(cuda_ingest_of_frames_that_fill_no_shared_memory) {
  ingest<Half>(PixelFormat::GRAY8, 20000, 3, 100, 2, 1);
}
TEST(cuda_ingest_to_tensors_refuses_what_is_wrong) {
  check::TwinFrame frame(pixel_format_info(PixelFormat::RGB), 8, 8, 1);
  check::Resampler r(8, 8, 4, 4);
  const FrameView view = frame.device;
  CHECK(cuda().ingest_tensor(r.resampler, &view, nullptr, nullptr, nullptr) != 0);
  DeviceArray<Half> tensor(48, 1);
  AnomalyCudaPixels p = pixels_at(tensor);
  CHECK(cuda().ingest_tensor(r.resampler, &view, nullptr, &p, nullptr) != 0);  // unaligned
}
TEST(cuda_normalised_pictures_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    normalize<T>(1, 64, 32, 32, 16);
    normalize<T>(3, 37, 23, 11, 5);
    normalize<T>(2, 9, 5, 9, 5);
    normalize<T>(1, 5, 3, 31, 17);
  });
}
TEST(cuda_pictures_of_generators) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    picture<T>(1000);
    picture<T>(1023);
    picture<T>(1);
  });
}
TEST(cuda_maps_side_by_side) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    stack<T>(1, 32, 16);
    stack<T>(3, 13, 7);
  });
}
TEST(cuda_labels_of_another_size_and_other_ids) {
  const std::vector<uint8_t> labels = random_bytes(2 * 37 * 23, 3, 25);
  const uint8_t ids[19] = {7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33};
  DeviceArray<uint8_t> in(labels);
  for (const int width : {16, 37, 50}) {
    const int height = width == 37 ? 23 : 9;
    std::vector<uint8_t> plain(2 * product(width, height));
    for (size_t i = 0; i < 2; ++i)
      resize_nearest_u8(labels.data() + i * 37 * 23, 37, 23, 1, plain.data() + i * product(width, height),
                        width, height);
    DeviceArray<uint8_t> out(plain.size()), odd(plain.size(), 1);
    CHECK_CUDA(cuda().resize_labels(in.data(), 2, 37, 23, width, height, nullptr, 0, out.data(), nullptr));
    CHECK_SAME(out.host(), plain);
    std::vector<uint8_t> mapped = plain;
    for (uint8_t& v : mapped) v = v < 19 ? ids[v] : uint8_t{0};
    CHECK_CUDA(cuda().resize_labels(in.data(), 2, 37, 23, width, height, ids, 19, odd.data(), nullptr));
    CHECK_SAME(odd.host(), mapped);
  }
}
TEST(cuda_one_hot_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    hot<T>(1, 32, 16, 32, 16, 35, true, 0, 0, 0);  // the generator's
    hot<T>(2, 32, 16, 8, 4, 35, true, 0, 28, 0);   // in front of a level's features
    hot<T>(2, 33, 17, 8, 5, 19, false, 0, 0, 0);   // SPADE's
    hot<T>(1, 9, 5, 21, 13, 20, false, 4, 8, 0);
    hot<T>(3, 7, 5, 7, 5, 3, true, 1, 2, 1);
    hot<T>(1, 3, 1, 1, 1, 2, true, 0, 0, 0);
  });
}
TEST(cuda_ensemble_of_every_type) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    ensemble<T>(1, 32, 16, true, 7, 0);
    ensemble<T>(3, 13, 7, true, 1, 0);
    ensemble<T>(2, 9, 5, true, 0, 1);
    ensemble<T>(1, 9, 5, false, 2, 0);
  });
}
TEST(cuda_scores_as_bytes) {
  std::vector<float> scores = random_floats(1021, 1, -0.3f, 1.4f);
  scores[5] = std::numeric_limits<float>::quiet_NaN();
  scores[6] = std::numeric_limits<float>::infinity();
  std::vector<uint8_t> expected(scores.size());
  for (size_t i = 0; i < scores.size(); ++i)
    expected[i] = !(scores[i] > 0) ? uint8_t{0}
                  : scores[i] >= 1 ? uint8_t{255}
                                   : static_cast<uint8_t>(scores[i] * 255.0f);
  for (const size_t offset : {size_t{0}, size_t{1}}) {
    DeviceArray<float> in(scores, offset);
    DeviceArray<uint8_t> out(scores.size(), offset);
    CHECK_CUDA(cuda().quantize_scores(in.data(), static_cast<int64_t>(scores.size()), out.data(), nullptr));
    CHECK_SAME(out.host(), expected);
  }
}
