// SPDX-License-Identifier: LGPL-2.1-or-later
// CUDA kernels against plain LibTorch operations, in double where the operation allows it. What a kernel
// writes as float16 or bfloat16 may be off by half a unit in the last place (2^-11 or 2^-8 of the value) and
// by what float32 arithmetic loses.
#include <cmath>
#include <memory>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_upsample_nearest_exact2d.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/log.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/zeros.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "tests/kernels/cuda_device.h"
#include "tests/kernels/cuda_elements.h"
#include "tests/kernels/random_values.h"

using anomaly::BFloat;
using anomaly::Half;
using check::cuda;
using check::DeviceArray;
using check::kTypeOf;

namespace {

template <typename T>
constexpr at::ScalarType kScalar = at::kFloat;
template <>
constexpr at::ScalarType kScalar<Half> = at::kHalf;
template <>
constexpr at::ScalarType kScalar<BFloat> = at::kBFloat16;

// Of rounding to T, in shares of the value.
template <typename T>
constexpr double kRounding = 0;
template <>
constexpr double kRounding<Half> = 1.0 / 2048;
template <>
constexpr double kRounding<BFloat> = 1.0 / 256;

constexpr double kSingle = 2e-6;  // of float32 arithmetic, values being of order 1

// N x C x H x W of T in channels-last order, on the device; what is left of it in double, on the host.
template <typename T>
struct Twin {
  at::Tensor value;
  DeviceArray<T> device;

  explicit Twin(const at::Tensor& wide)
      : value(wide.to(kScalar<T>).to(at::kDouble)), device(elements(wide)) {}

  static std::vector<T> elements(const at::Tensor& wide) {
    const at::Tensor narrow =
        (wide.dim() == 4 ? wide.permute({0, 2, 3, 1}) : wide).contiguous().to(kScalar<T>);
    const T* data = static_cast<const T*>(narrow.const_data_ptr());
    return std::vector<T>(data, data + narrow.numel());
  }
};

template <typename T>
at::Tensor tensor_of(std::vector<T> values, at::IntArrayRef shape) {
  return at::from_blob(values.data(), shape, at::TensorOptions(kScalar<T>)).to(at::kDouble).clone();
}
at::Tensor bytes_of(std::vector<uint8_t> values, at::IntArrayRef shape) {
  return at::from_blob(values.data(), shape, at::TensorOptions(at::kByte)).clone();
}
at::Tensor first_channel_last(const at::Tensor& x) {
  return x.permute({0, 3, 1, 2});
}

void within(const char* what, const at::Tensor& ours, const at::Tensor& reference, double share,
            double rest) {
  const at::Tensor excess = (ours.to(at::kDouble) - reference.to(at::kDouble)).abs() -
                            reference.to(at::kDouble).abs() * share - rest;
  const double worst = excess.max().item<double>();
  if (!(worst <= 0)) check::fail(__FILE__, __LINE__, what, " is beyond its bound by ", worst);
}

at::Tensor bytes_at_random(at::IntArrayRef shape, int64_t below = 256) {
  return at::randint(below, shape, at::TensorOptions(at::kByte));
}
std::vector<uint8_t> vector_of(const at::Tensor& bytes) {
  const at::Tensor flat = bytes.contiguous();
  return std::vector<uint8_t>(flat.const_data_ptr<uint8_t>(), flat.const_data_ptr<uint8_t>() + flat.numel());
}

template <typename T>
void uncertainty(int batch, int classes, int in_width, int in_height, int width, int height, bool align) {
  const Twin<T> logits(at::randn({batch, classes, in_height, in_width}) * 4);
  const at::Tensor full = at::upsample_bilinear2d(logits.value, {height, width}, align);
  const at::Tensor p = at::softmax(full, 1);
  const at::Tensor entropy = -(p * at::log(p.clamp_min(1e-300))).sum({1});
  const at::Tensor top = std::get<0>(at::topk(p, 2, 1));
  const at::Tensor distance = 1 - top.select(1, 0) + top.select(1, 1);
  const size_t count = static_cast<size_t>(batch) * static_cast<size_t>(width) * static_cast<size_t>(height);
  DeviceArray<T>& in = const_cast<DeviceArray<T>&>(logits.device);
  DeviceArray<uint8_t> labels_out(count);
  DeviceArray<float> entropy_out(count), distance_out(count);
  AnomalyCudaUncertainty a =
      check::uncertainty_of(in.data(), batch, classes, in_width, in_height, width, height, align);
  a.labels = labels_out.data();
  a.entropy = entropy_out.data();
  a.distance = distance_out.data();
  CHECK_CUDA(cuda().uncertainty_maps(&a, nullptr));
  const std::vector<int64_t> shape = {batch, height, width};
  // The upsampling's positions are float32: a step of 1e-6 of a pixel between logits that differ by 10.
  within("entropy", tensor_of(entropy_out.host(), shape), entropy, 0, 1e-4);
  within("distance", tensor_of(distance_out.host(), shape), distance, 0, 1e-4);
  const at::Tensor differs = bytes_of(labels_out.host(), shape) != at::argmax(full, 1).to(at::kByte);
  const at::Tensor clear = top.select(1, 0) - top.select(1, 1) > 1e-4;
  CHECK_EQ(differs.logical_and(clear).sum().item<int64_t>(), 0);
}

template <typename T>
void depthwise(int batch, int height, int width, int channels) {
  const Twin<T> x(at::randn({batch, channels, height, width}));
  const Twin<T> weights(at::randn({batch, height, width, 9 * int64_t{channels}}).unsqueeze(0));
  const at::Tensor scale = at::rand({channels}) + 0.5, shift = at::randn({channels});
  const at::Tensor padded = at::constant_pad_nd(
      x.value * scale.view({1, channels, 1, 1}) + shift.view({1, channels, 1, 1}), {1, 1, 1, 1});
  const at::Tensor taps = weights.value.view({batch, height, width, 9, channels});
  at::Tensor expected = at::zeros({batch, height, width, channels}, at::kDouble), size = expected.clone();
  for (int t = 0; t < 9; ++t) {
    const at::Tensor term =
        padded.narrow(2, t / 3, height).narrow(3, t % 3, width).permute({0, 2, 3, 1}) * taps.select(3, t);
    expected += term;
    size += term.abs();
  }
  const size_t count = static_cast<size_t>(x.value.numel());
  std::vector<float> s(scale.const_data_ptr<float>(), scale.const_data_ptr<float>() + channels),
      o(shift.const_data_ptr<float>(), shift.const_data_ptr<float>() + channels);
  // 5-dimensional: already in the order that the kernel reads.
  const at::Tensor flat = weights.value.contiguous().to(kScalar<T>);
  const T* w = static_cast<const T*>(flat.const_data_ptr());
  DeviceArray<T> w_in(std::vector<T>(w, w + flat.numel())), out(count);
  DeviceArray<float> scale_in(s), shift_in(o);
  AnomalyCudaDepthwise a{};
  a.type = kTypeOf<T>;
  a.input = const_cast<DeviceArray<T>&>(x.device).data();
  a.input_pitch = a.output_pitch = channels;
  a.scale = scale_in.data();
  a.shift = shift_in.data();
  a.weights = w_in.data();
  a.output = out.data();
  a.batch = batch;
  a.height = height;
  a.width = width;
  a.channels = channels;
  CHECK_CUDA(cuda().pixelwise_depthwise(&a, nullptr));
  within("depthwise", tensor_of(out.host(), {batch, height, width, channels}), expected, kRounding<T>,
         kSingle * size.max().item<double>());
}

template <typename T>
void gate(int batch, int channels, int height, int width) {
  const std::vector<int64_t> shape = {batch, channels, height, width};
  Twin<T> x(at::randn(shape) * 2), g(at::randn(shape) * 4), rest(at::randn(shape));
  const at::Tensor scale = at::rand({channels}) + 0.5, shift = at::randn({channels});
  const at::Tensor expected =
      at::leaky_relu(x.value * at::sigmoid(g.value), 0.2) * scale.view({1, channels, 1, 1}) +
      shift.view({1, channels, 1, 1}) + rest.value;
  DeviceArray<float> scale_in(
      std::vector<float>(scale.const_data_ptr<float>(), scale.const_data_ptr<float>() + channels));
  DeviceArray<float> shift_in(
      std::vector<float>(shift.const_data_ptr<float>(), shift.const_data_ptr<float>() + channels));
  DeviceArray<T> out(static_cast<size_t>(x.value.numel()));
  AnomalyCudaGate a{};
  a.type = kTypeOf<T>;
  a.x = x.device.data();
  a.gate = g.device.data();
  a.sigmoid = 1;
  a.slope = 0.2f;
  a.scale = scale_in.data();
  a.shift = shift_in.data();
  a.residual = rest.device.data();
  a.out = out.data();
  a.pixels = int64_t{batch} * height * width;
  a.channels = channels;
  CHECK_CUDA(cuda().gate(&a, nullptr));
  within("gate", first_channel_last(tensor_of(out.host(), {batch, height, width, channels})), expected,
         kRounding<T>, 10 * kSingle);
}

template <typename T>
void pictures(int batch, int in_width, int in_height, int width, int height) {
  const at::Tensor rgb = bytes_at_random({batch, in_height, in_width, 3});
  const at::Tensor mean = at::tensor({0.485, 0.456, 0.406}, at::kDouble).view({1, 3, 1, 1});
  const at::Tensor deviation = at::tensor({0.229, 0.224, 0.225}, at::kDouble).view({1, 3, 1, 1});
  const at::Tensor resized =
      at::_upsample_nearest_exact2d(first_channel_last(rgb).to(at::kDouble), {height, width});
  const at::Tensor expected = (resized / 255 - mean) / deviation;
  DeviceArray<uint8_t> in(vector_of(rgb));
  DeviceArray<T> out(static_cast<size_t>(expected.numel()));
  AnomalyCudaPixels p{kTypeOf<T>, out.data(), {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
  CHECK_CUDA(cuda().normalize_rgb8(in.data(), batch, in_width, in_height, width, height, &p, nullptr));
  within("normalised picture", first_channel_last(tensor_of(out.host(), {batch, height, width, 3})), expected,
         kRounding<T>, kSingle);

  Twin<T> image(at::rand({batch, 3, height, width}) * 2 - 1);
  const at::Tensor bytes = ((image.value + 1) / 2 * 255).clamp(0, 255);
  DeviceArray<uint8_t> picture(static_cast<size_t>(bytes.numel()));
  CHECK_CUDA(cuda().to_picture(kTypeOf<T>, image.device.data(), int64_t{batch} * height * width,
                               picture.data(), nullptr, nullptr));
  // Truncated: the byte below, but for what rounding may carry over it.
  within("picture",
         first_channel_last(bytes_of(picture.host(), {batch, height, width, 3})).to(at::kDouble) + 0.5, bytes,
         0, 0.5 + 1e-4);
}

template <typename T>
void one_hot(int batch, int in_width, int in_height, int width, int height, int classes) {
  const at::Tensor ids = bytes_at_random({batch, in_height, in_width}, classes).div(3, "floor").to(at::kByte);
  at::Tensor full = at::zeros({batch, classes + 1, in_height, in_width});
  for (int c = 0; c < classes; ++c) full.select(1, c).copy_(ids == c);
  at::Tensor edges = at::zeros({batch, in_height, in_width}, at::kBool);
  for (const int64_t dim : {int64_t{1}, int64_t{2}}) {
    const int64_t size = ids.size(dim) - 1;
    const at::Tensor differs = ids.narrow(dim, 1, size) != ids.narrow(dim, 0, size);
    edges.narrow(dim, 0, size).logical_or_(differs);
    edges.narrow(dim, 1, size).logical_or_(differs);
  }
  full.select(1, classes).copy_(edges);
  const at::Tensor expected = at::upsample_nearest2d(full, {height, width});
  DeviceArray<uint8_t> in(vector_of(ids));
  DeviceArray<T> out(static_cast<size_t>(expected.numel()));
  AnomalyCudaOneHot a{};
  a.ids = in.data();
  a.batch = batch;
  a.in_width = in_width;
  a.in_height = in_height;
  a.out_width = width;
  a.out_height = height;
  a.classes = classes;
  a.edges = 1;
  a.type = kTypeOf<T>;
  a.out = out.data();
  a.pitch = classes + 1;
  CHECK_CUDA(cuda().one_hot(&a, nullptr));
  within("one-hot", first_channel_last(tensor_of(out.host(), {batch, height, width, classes + 1})), expected,
         0, 0);
}

template <typename T>
void perceptual(int batch, int width, int height) {
  at::Tensor expected = at::zeros({batch, height, width}, at::kDouble);
  std::vector<std::unique_ptr<Twin<T>>> features;
  std::vector<AnomalyCudaLevel> levels;
  size_t workspace = 0;
  int w = width, h = height;
  for (const int channels : {64, 128, 24}) {
    for (int i = 0; i < 2; ++i)
      features.push_back(std::make_unique<Twin<T>>(at::rand({batch, channels, h, w}) * 3));
    Twin<T>&a = *features[features.size() - 2], &b = *features.back();
    const at::Tensor level = (a.value - b.value).abs().mean(1, true);
    const double weight = 1.0 / channels;
    expected += at::upsample_bicubic2d(level, {height, width}, false).select(1, 0) * weight;
    levels.push_back({a.device.data(), b.device.data(), w, h, channels, static_cast<float>(weight)});
    workspace += static_cast<size_t>(batch) * static_cast<size_t>(w) * static_cast<size_t>(h);
    w = (w + 1) / 2;
    h = (h + 1) / 2;
  }
  DeviceArray<float> room(workspace), out(static_cast<size_t>(expected.numel()));
  AnomalyCudaPerceptual a{};
  a.type = kTypeOf<T>;
  a.levels = levels.data();
  a.count = static_cast<int>(levels.size());
  a.batch = batch;
  a.workspace = room.data();
  a.out = out.data();
  a.out_width = width;
  a.out_height = height;
  CHECK_CUDA(cuda().perceptual_difference(&a, nullptr));
  within("perceptual difference", tensor_of(out.host(), {batch, height, width}), expected, 0, 10 * kSingle);
}

template <typename T>
void ensemble(int batch, int width, int height) {
  Twin<T> logits(at::randn({batch, 2, height, width}) * 3);
  const at::Tensor entropy = bytes_at_random({batch, 2 * height, 2 * width}),
                   distance = bytes_at_random({batch, height, width});
  const at::Tensor small =
      at::_upsample_nearest_exact2d(entropy.unsqueeze(1).to(at::kDouble), {height, width}).select(1, 0);
  const at::Tensor share = at::softmax(logits.value, 1).select(1, 1);
  const at::Tensor expected = share * 0.75 + small / 255 * 0.25 + distance.to(at::kDouble) / 255 * 0.1f;
  DeviceArray<uint8_t> entropy_in(vector_of(entropy)), distance_in(vector_of(distance));
  DeviceArray<float> score(static_cast<size_t>(expected.numel())),
      share_out(static_cast<size_t>(expected.numel()));
  AnomalyCudaEnsemble a{};
  a.type = kTypeOf<T>;
  a.logits = logits.device.data();
  a.entropy = {entropy_in.data(), 2 * width, 2 * height};
  a.distance = {distance_in.data(), width, height};
  a.weight[0] = 0.75f;
  a.weight[1] = 0.25f;
  a.weight[3] = 0.1f;
  a.batch = batch;
  a.width = width;
  a.height = height;
  a.anomaly = score.data();
  a.dissimilarity = share_out.data();
  CHECK_CUDA(cuda().ensemble(&a, nullptr));
  within("ensemble", tensor_of(score.host(), {batch, height, width}), expected, 0, kSingle);
  within("dissimilarity", tensor_of(share_out.host(), {batch, height, width}), share, 0, kSingle);
}

template <typename T, typename Theirs>
void conversions() {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float ours = anomaly::widened(T{static_cast<uint16_t>(bits)});
    const float theirs = static_cast<float>(Theirs(static_cast<uint16_t>(bits), Theirs::from_bits()));
    CHECK(std::isnan(ours) ? std::isnan(theirs) : anomaly::float_bits(ours) == anomaly::float_bits(theirs));
  }
  check::Random random(1);
  for (int i = 0; i < 2000000; ++i) {
    const uint32_t bits =
        i < 1000000 ? random.bits() : static_cast<uint32_t>(random.bits() & 0xffff) << 13 | (i & 1) << 31;
    const float value = anomaly::bits_float(static_cast<int32_t>(i % 3 ? bits : bits & 0xfffff000u));
    const T ours = anomaly::narrowed<T>(value);
    if (std::isnan(value))
      CHECK(std::isnan(anomaly::widened(ours)));
    else
      CHECK_EQ(ours.bits, Theirs(value).x);
  }
}

}  // namespace

TEST(conversions_of_elements) {
  conversions<Half, c10::Half>();
  conversions<BFloat, c10::BFloat16>();
}
TEST(cuda_uncertainty_as_libtorch_has_it) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    for (const bool align : {true, false}) {
      uncertainty<T>(1, 19, 33, 17, 131, 67, align);
      uncertainty<T>(2, 19, 40, 20, 40, 20, align);
      uncertainty<T>(2, 12, 60, 50, 23, 31, align);
    }
  });
}
TEST(cuda_depthwise_as_libtorch_has_it) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    depthwise<T>(2, 9, 13, 64);
    depthwise<T>(1, 7, 5, 3);
  });
}
TEST(cuda_gate_as_libtorch_has_it) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    gate<T>(2, 32, 7, 9);
    gate<T>(1, 5, 3, 3);
  });
}
TEST(cuda_pictures_as_libtorch_has_them) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    pictures<T>(1, 64, 32, 32, 16);
    pictures<T>(2, 37, 23, 13, 7);
    pictures<T>(1, 5, 3, 21, 9);
  });
}
TEST(cuda_one_hot_as_libtorch_has_it) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    one_hot<T>(2, 64, 32, 64, 32, 35);
    one_hot<T>(1, 64, 32, 16, 8, 35);
    one_hot<T>(1, 37, 23, 18, 11, 19);
    one_hot<T>(1, 37, 23, 50, 40, 19);
  });
}
TEST(cuda_perceptual_difference_as_libtorch_has_it) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    perceptual<T>(2, 48, 24);
    perceptual<T>(1, 37, 13);
  });
}
TEST(cuda_ensemble_as_libtorch_has_it) {
  check::with_every_type([](auto element) {
    using T = decltype(element);
    ensemble<T>(2, 48, 24);
    ensemble<T>(1, 37, 13);
  });
}
