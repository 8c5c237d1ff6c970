// SPDX-License-Identifier: LGPL-2.1-or-later
// Convolutions with products of 8-bit numbers, and the segmentation whose trunk is made of them, on the CPU.
#include <set>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "src/engine/device.h"
#include "src/engine/engine.h"
#include "src/error.h"
#include "src/framework/framework.h"
#include "src/framework/network_set.h"
#include "src/framework/pipeline.h"
#include "src/networks/compact_segmentation.h"
#include "src/networks/compute.h"
#include "src/networks/deeplabv3plus.h"
#include "src/networks/fp8_convolution.h"
#include "tests/check.h"
#include "tests/engine/networks_fixture.h"

using namespace anomaly;
using fixture::relative_error;

namespace {

constexpr double kBFloat = 1.0 / 256;  // of rounding to bfloat16, in shares of the value

const Compute& with_fp8() {
  static const Compute compute = compute_on("cpu", Precision::Auto, TrunkPrecision::Fp8);
  return compute;
}

// What LibTorch makes of the definition: weights rounded with a scale a channel, patches with one each, all
// sums in double.
at::Tensor defined_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               const ConvolutionGeometry& g) {
  const int64_t out = weight.size(0), kernel = weight.size(2);
  const at::Tensor rows = at::im2col(x.contiguous(), {kernel, kernel}, {g.dilation, g.dilation},
                                     {g.padding, g.padding}, {g.stride, g.stride})
                              .transpose(1, 2);  // N x places x (C * k * k)
  const auto rounded = [](const at::Tensor& values) {
    const at::Tensor scale = values.abs().amax({-1}, true).clamp_min(1e-30) / 448.0f;
    return (values * (1.0f / scale)).to(at::kFloat8_e4m3fn).to(at::kDouble) * scale.to(at::kDouble);
  };
  at::Tensor y = at::matmul(rounded(rows), rounded(weight.reshape({out, -1})).t()).transpose(1, 2);
  if (bias.defined()) y = y + bias.to(at::kBFloat16).to(at::kDouble).view({1, out, 1});
  const int64_t height = (x.size(2) + 2 * g.padding - g.dilation * (kernel - 1) - 1) / g.stride + 1;
  return y.reshape({x.size(0), out, height, -1});
}

void check_convolution(int64_t batch, int64_t in, int64_t out, int64_t kernel, int64_t height, int64_t width,
                       int64_t stride, int64_t dilation, bool biased) {
  at::manual_seed(kernel * 100 + width);
  const at::Tensor x = at::randn({batch, in, height, width}).relu_() *
                       at::rand({batch, 1, height, width}).mul_(6).sub_(3).exp();
  const at::Tensor weight = at::randn({out, in, kernel, kernel}) * at::rand({out, 1, 1, 1});
  const at::Tensor bias = biased ? at::randn({out}) : at::Tensor();
  const ConvolutionGeometry geometry{stride, dilation * (kernel - 1) / 2, dilation, 1};
  CHECK(Fp8Convolution::fits(weight, geometry));
  const at::Tensor y = Fp8Convolution(weight, bias, geometry)(x);
  CHECK(y.scalar_type() == at::kBFloat16);
  CHECK(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  const at::Tensor wanted = defined_convolution(x, weight, bias, geometry);
  CHECK(y.sizes() == wanted.sizes());
  // Sums in float32 lose a little of the largest terms; weights may be rounded by their scale or its inverse.
  const at::Tensor size = at::conv2d(x.abs(), weight.abs(), {}, {stride, stride},
                                     {geometry.padding, geometry.padding}, {dilation, dilation})
                              .to(at::kDouble);
  const at::Tensor off = (y.to(at::kDouble) - wanted).abs() - wanted.abs() * kBFloat - size * 2e-4;
  if (!(off.max().item<double>() <= 0))
    check::fail(__FILE__, __LINE__, "off by ", off.max().item<double>(), " more than rounding explains");
  // And the whole of it is near what is asked for: two roundings to 3 bits of fraction.
  const at::Tensor exact = at::conv2d(x, weight, bias, {stride, stride}, {geometry.padding, geometry.padding},
                                      {dilation, dilation});
  const double error = relative_error(y, exact);
  std::printf("# %lldx%lld of %lld channels: relative error %.4f\n", static_cast<long long>(kernel),
              static_cast<long long>(kernel), static_cast<long long>(in), error);
  CHECK(error > 1e-3);
  CHECK(error < 0.05);
}

// A segmentation of the published shape with weights that depend on their names alone.
std::shared_ptr<DeepLabV3Plus> deeplab(int features, const Compute& compute) {
  const ComputeScope scope(compute);
  const auto network = std::make_shared<DeepLabV3Plus>(DeepLabWidths::scaled(features, 19));
  fixture::RandomSource source;
  load_layers(*network, source);
  freeze_layers(*network);
  return network;
}

at::Tensor picture(int64_t count, int64_t height, int64_t width) {
  return fixture::pictures(count, height, width, 3)
      .permute({0, 3, 1, 2})
      .to(at::kFloat)
      .div(255)
      .sub(0.45)
      .div(0.225);
}

double label_agreement(const at::Tensor& a, const at::Tensor& b) {
  return a.argmax(1).eq(b.argmax(1)).to(at::kDouble).mean().item<double>();
}

const std::shared_ptr<const Bundle>& tiny_bundle() {
  static const fixture::BundleFile file(fixture::tiny_info(), fixture::tiny_tensors());
  static const std::shared_ptr<const Bundle> bundle = file.open();
  return bundle;
}

}  // namespace

TEST(convolutions_are_as_defined) {
  const c10::InferenceMode inference;
  check_convolution(1, 64, 32, 3, 9, 13, 1, 1, true);
  check_convolution(2, 32, 48, 3, 11, 7, 1, 2, false);
  check_convolution(1, 48, 16, 3, 13, 9, 1, 4, true);
  check_convolution(2, 16, 32, 3, 9, 15, 2, 1, true);
  check_convolution(3, 128, 64, 1, 5, 7, 1, 1, false);
  check_convolution(1, 32, 16, 1, 9, 9, 2, 1, true);
  check_convolution(1, 64, 16, 3, 96, 101, 1, 1, true);  // in several slices
}

TEST(what_does_not_fit_is_told_apart) {
  const ConvolutionGeometry plain{1, 1, 1, 1};
  CHECK(Fp8Convolution::fits(at::zeros({16, 32, 3, 3}), plain));
  CHECK(!Fp8Convolution::fits(at::zeros({16, 3, 3, 3}), plain));
  CHECK(!Fp8Convolution::fits(at::zeros({19, 32, 1, 1}), {1, 0, 1, 1}));
  CHECK(!Fp8Convolution::fits(at::zeros({16, 32, 5, 5}), {1, 2, 1, 1}));
  CHECK(!Fp8Convolution::fits(at::zeros({32, 1, 3, 3}), {1, 1, 1, 32}));
}

TEST(a_result_depends_on_no_other_picture) {
  const c10::InferenceMode inference;
  at::manual_seed(5);
  const Fp8Convolution convolution(at::randn({32, 16, 3, 3}), at::randn({32}), {1, 1, 1, 1});
  at::Tensor x = at::randn({2, 16, 8, 12});
  x[1].mul_(1000);
  CHECK(at::equal(convolution(x).narrow(0, 0, 1), convolution(x.narrow(0, 0, 1))));
}

TEST(zeros_stay_zeros_and_what_is_no_number_is_seen) {
  const c10::InferenceMode inference;
  const Fp8Convolution convolution(at::zeros({16, 16, 1, 1}), at::ones({16}), {});
  CHECK(at::equal(convolution(at::zeros({1, 16, 4, 4})), at::ones({1, 16, 4, 4}, at::kBFloat16)));
  at::Tensor x = at::ones({1, 16, 4, 4});
  x.select(1, 3).select(1, 2).select(1, 1).fill_(std::nan(""));
  const at::Tensor broken = convolution(x).isnan().any(1)[0];
  CHECK_EQ(broken.sum().item<int64_t>(), int64_t{1});
  CHECK(broken[2][1].item<bool>());
}

TEST(the_trunk_of_the_published_network) {
  const c10::InferenceMode inference;
  const Compute plain;
  // mod4 to mod7: 6 * 2 + 3 * 2 + 3 + 3 convolutions, and shortcuts where width or size change.
  const auto fp8 = deeplab(8, with_fp8()), same = deeplab(8, plain);
  CHECK_EQ(fp8->fp8_layers(), int64_t{28});
  CHECK_EQ(same->fp8_layers(), int64_t{0});
  const at::Tensor image = picture(1, 96, 160);
  const at::Tensor wanted = same->logits(image), got = fp8->logits(image);
  CHECK(got.scalar_type() == at::kFloat);
  const double error = relative_error(got, wanted), labels = label_agreement(got, wanted);
  std::printf("# logits: relative error %.4f, labels agree on %.2f %%\n", error, 100 * labels);
  CHECK(error > 1e-5);
  CHECK(error < 0.15);
  CHECK(labels > 0.85);
}

TEST(the_trunk_of_the_compact_network) {
  const auto bundle = Bundle::open(builtin_bundle_path());
  const Pipeline same(bundle, {}, {"segmentation"}), fp8(bundle, {}, {"segmentation"}, TrunkPrecision::Fp8);
  const at::Tensor frame = fixture::pictures(1, 256, 512, 9)[0];
  const at::Tensor image = frame.permute({2, 0, 1}).unsqueeze(0).to(at::kFloat).div(255).sub(0.45).div(0.225);
  const c10::InferenceMode inference;
  const double error = relative_error(fp8.segmentation_logits(image), same.segmentation_logits(image));
  const double labels = label_agreement(fp8.segmentation_logits(image), same.segmentation_logits(image));
  std::printf("# logits: relative error %.4f, labels agree on %.2f %%\n", error, 100 * labels);
  CHECK(error > 1e-4);
  CHECK(error < 0.05);
  CHECK(labels > 0.93);
}

TEST(only_dense_convolutions_of_the_compact_trunk_change) {
  const c10::InferenceMode inference;
  CompactSegmentationOptions options;
  options.widths = {16, 32, 48, 64, 96};
  options.blocks = {1, 2, 1};
  const auto count = [&](const Compute& compute) {
    const ComputeScope scope(compute);
    CompactSegmentation network(options);
    to_inference(*network);
    return fp8_conv_norms(*network);
  };
  // stem: quarter, and three of the residual block; three a block that strides, two of the one that does not.
  CHECK_EQ(count(with_fp8()), int64_t{1 + 3 + 3 + 2 + 3});
  CHECK_EQ(count(Compute()), int64_t{0});
  options.expansion = 2;
  CHECK_EQ(count(with_fp8()), int64_t{1 + 3 + 2 + 2 + 2});  // widen and narrow
  options.widths = {16, 24, 40, 56, 72};
  CHECK_EQ(count(with_fp8()), int64_t{0 + 0});
}

TEST(other_networks_are_left_alone) {
  const Settings settings;
  Framework same(tiny_bundle(), "cpu"), fp8(tiny_bundle(), "cpu", Precision::Auto, TrunkPrecision::Fp8);
  same.prepare(settings);
  fp8.prepare(settings);
  CHECK(fp8.networks()->segmentation->fp8_layers() > 0);
  CHECK_EQ(same.networks()->segmentation->fp8_layers(), int64_t{0});
  const c10::InferenceMode inference;
  const at::Tensor image = picture(1, 64, 128);
  const auto a =
      same.networks()->perceptual ? same.networks()->perceptual->features(image) : std::vector<at::Tensor>{};
  const auto b =
      fp8.networks()->perceptual ? fp8.networks()->perceptual->features(image) : std::vector<at::Tensor>{};
  CHECK(!a.empty());
  CHECK_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(at::equal(a[i], b[i]));
}

TEST(what_would_change_nothing_is_refused) {
  CompactSegmentationOptions options;
  options.widths = {8, 8, 8, 8, 8};
  BundleInfo info = fixture::tiny_info();
  info.architecture = Json::object({{"segmentation", options.to_json()}});
  fixture::NamedTensors tensors;
  CompactSegmentation network(options);
  for (const auto& item : network->named_parameters())
    tensors.emplace_back("segmentation." + item.key(), item.value().detach());
  for (const auto& item : network->named_buffers())
    if (item.value().is_floating_point()) tensors.emplace_back("segmentation." + item.key(), item.value());
  const fixture::BundleFile file(info, tensors);
  Settings settings;
  settings.method = Method::SoftmaxEntropy;
  Framework(file.open(), "cpu").prepare(settings);
  CHECK_THROWS(Framework(file.open(), "cpu", Precision::Auto, TrunkPrecision::Fp8).prepare(settings), Error,
               "would change nothing");
}

TEST(names_and_engines) {
  CHECK_EQ(std::string(to_string(TrunkPrecision::Fp8)), "fp8");
  CHECK(trunk_precision_from_string("same") == TrunkPrecision::Same);
  CHECK_THROWS(trunk_precision_from_string("int8"), Error, "choose one of same, fp8");
  EngineOptions options;
  options.bundle = tiny_bundle()->path();
  options.device = "cpu";
  options.threads = 1;
  options.trunk_precision = TrunkPrecision::Fp8;
  const auto engine = Engine::open(options);
  CHECK_EQ(engine->model().trunk_precision, "fp8");
  CHECK_EQ(engine->model().precision, "float32");
  options.precision = Precision::BFloat16;
  CHECK_THROWS(Engine::open(options), Error, "is for GPUs");
}

TEST_MAIN()
