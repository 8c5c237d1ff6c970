// SPDX-License-Identifier: LGPL-2.1-or-later
// The published networks on deterministic weights against their golden outputs: each network alone from
// golden inputs, and the whole chain. Run by golden.sh, which makes the bundle that ANOMALY_GOLDEN_BUNDLE
// names.
#include <sys/resource.h>

#include <chrono>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "kernels/resize.h"
#include "src/engine/device.h"
#include "src/framework/framework.h"
#include "src/framework/ops.h"
#include "src/framework/steps.h"
#include "src/networks/compute.h"
#include "tests/check.h"
#include "tests/engine/networks_fixture.h"

using namespace anomaly;

namespace {

constexpr double kNetworkTolerance = 1e-4;  // ||out - ref|| / ||ref||
// With a trunk of 8-bit products.
constexpr double kFp8Tolerance = 0.12, kFp8EqualLabels = 0.9;
constexpr double kEqualLabels = 0.999;      // share of pixels
constexpr double kEqualMaps = 0.995;        // share of pixels within 1 of 255
constexpr double kAnomalyTolerance = 2e-3;  // mean absolute error

const std::shared_ptr<const Bundle>& golden_bundle() {
  static const std::shared_ptr<const Bundle> bundle = [] {
    const char* path = std::getenv("ANOMALY_GOLDEN_BUNDLE");
    if (!path) SKIP("ANOMALY_GOLDEN_BUNDLE is not set: run by golden.sh");
    return Bundle::open(path);
  }();
  return bundle;
}

class GoldenCase {
 public:
  GoldenCase(const std::string& name, const std::string& picture)
      : file_(SafetensorsFile::open(check::shared_data("golden/" + name + ".safetensors"))) {
    cv::Mat bgr = cv::imread(check::shared_data("golden/" + picture), cv::IMREAD_COLOR), rgb;
    CHECK(!bgr.empty());
    cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
    picture_ = at::from_blob(rgb.data, {rgb.rows, rgb.cols, 3}, at::kByte).clone();
  }
  at::Tensor operator[](const std::string& name) const { return file_->tensor(name).clone(); }
  const at::Tensor& picture() const { return picture_; }
  at::Tensor frame(int64_t height, int64_t width) const {
    return ops::resize_bicubic(picture_, height, width);
  }

 private:
  std::shared_ptr<SafetensorsFile> file_;
  at::Tensor picture_;
};

const GoldenCase& small_case() {
  static const GoldenCase golden("full_256x512", "dashcam_frame100.png");
  return golden;
}

at::Tensor every(const at::Tensor& t, int64_t step) {
  return t.slice(-2, 0, std::nullopt, step).slice(-1, 0, std::nullopt, step);
}

void check_close(const std::string& what, const at::Tensor& out, const at::Tensor& reference) {
  CHECK(out.sizes() == reference.sizes());
  const double error = fixture::relative_error(out, reference);
  std::printf("# %s: relative error %.2e\n", what.c_str(), error);
  if (!(error < kNetworkTolerance)) check::fail(__FILE__, __LINE__, what, ": relative error ", error);
}

double share_within(const at::Tensor& a, const at::Tensor& b, int tolerance) {
  CHECK(a.sizes() == b.sizes());
  return ((a.to(at::kInt) - b.to(at::kInt)).abs() <= tolerance).to(at::kDouble).mean().item<double>();
}

void check_share(const std::string& what, double share, double wanted) {
  std::printf("# %s: agrees on %.4f %%\n", what.c_str(), 100 * share);
  if (!(share >= wanted)) check::fail(__FILE__, __LINE__, what, " agrees on a share of ", share, " only");
}

void check_error(const std::string& what, const at::Tensor& out, const at::Tensor& reference) {
  CHECK(out.sizes() == reference.sizes());
  const double error = (out.to(at::kDouble) - reference.to(at::kDouble)).abs().mean().item<double>();
  std::printf("# %s: mean absolute error %.2e\n", what.c_str(), error);
  if (!(error < kAnomalyTolerance)) check::fail(__FILE__, __LINE__, what, ": mean absolute error ", error);
}

double peak_gigabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

void check_chain(const GoldenCase& golden, int64_t height, int64_t width) {
  Framework framework(golden_bundle(), "cpu");
  framework.prepare({});
  const auto start = std::chrono::steady_clock::now();
  const FrameTensors out = framework.run(golden.frame(height, width).unsqueeze(0), {}, true).at(0);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("# %.1f s, peak resident size %.2f GiB\n", seconds.count(), peak_gigabytes());

  check_close("logits", every(out.at("logits"), 8), golden["logits_every_8th"]);
  check_share("labels", share_within(out.at("labels"), golden["labels"], 0), kEqualLabels);
  for (const char* name : {"entropy", "distance", "perceptual", "synthesis"})
    check_share(name, share_within(out.at(name), golden[name], 1), kEqualMaps);
  check_close("entropy_raw", every(out.at("entropy_raw"), 8), golden["entropy_raw_every_8th"]);
  check_close("distance_raw", every(out.at("distance_raw"), 8), golden["distance_raw_every_8th"]);
  check_close("latent_mean", out.at("latent_mean"), golden["latent_mean"]);
  check_close("latent_logvar", out.at("latent_logvar"), golden["latent_logvar"]);
  check_error("dissimilarity", out.at("dissimilarity"), golden["dissimilarity"]);
  check_error("anomaly", out.at("anomaly"), golden["anomaly"]);

  const at::Tensor picture = golden.picture(), map = out.at("anomaly");
  at::Tensor full = at::empty({picture.size(0), picture.size(1)}, at::kFloat);
  resize_bicubic_f32(map.const_data_ptr<float>(), static_cast<int>(map.size(1)),
                     static_cast<int>(map.size(0)), full.mutable_data_ptr<float>(),
                     static_cast<int>(full.size(1)), static_cast<int>(full.size(0)));
  check_error("anomaly at the frame's size", every(full, 4), golden["anomaly_full_every_4th"]);
}

steps::Context context_of(const Settings& settings) {
  return {golden_bundle()->info(), settings, true};
}

// What earlier steps left, from the golden case.
FrameTensors golden_maps(const GoldenCase& golden) {
  FrameTensors maps;
  for (const char* name : {"labels", "entropy", "distance", "synthesis", "perceptual"})
    maps[name] = golden[name];
  return maps;
}

void check_dissimilarity(const std::string& network, const std::string& name) {
  const c10::InferenceMode inference;
  const Settings settings;
  const auto dissimilarity = load_dissimilarity(*golden_bundle(), network);
  FrameTensors out = golden_maps(small_case());
  steps::find_dissimilarity(context_of(settings), *dissimilarity, small_case().frame(256, 512), out);
  check_close(name, out.at(name), small_case()[name]);
}

}  // namespace

TEST(small_segmentation_alone) {
  const c10::InferenceMode inference;
  const Settings settings;
  const auto network = load_segmentation(*golden_bundle());
  FrameTensors out;
  steps::segment(context_of(settings), steps::needs_of(Method::Synboost), *network,
                 small_case().frame(256, 512), out);
  check_close("logits", every(out.at("logits"), 8), small_case()["logits_every_8th"]);
}

// Products of 8-bit numbers in mod4 to mod7: far from the network's tolerance, near its classes.
TEST(small_segmentation_with_a_trunk_of_8_bits) {
  const c10::InferenceMode inference;
  const Compute compute = compute_on("cpu", Precision::Auto, TrunkPrecision::Fp8);
  const ComputeScope scope(compute);
  const Settings settings;
  const auto network = load_segmentation(*golden_bundle());
  CHECK_EQ(network->fp8_layers(), int64_t{28});
  FrameTensors out;
  steps::segment(context_of(settings), steps::needs_of(Method::Synboost), *network,
                 small_case().frame(256, 512), out);
  const double error = fixture::relative_error(every(out.at("logits"), 8), small_case()["logits_every_8th"]);
  std::printf("# logits: relative error %.2e\n", error);
  CHECK(error > kNetworkTolerance);
  CHECK(error < kFp8Tolerance);
  check_share("labels", share_within(out.at("labels"), small_case()["labels"], 0), kFp8EqualLabels);
}

TEST(small_encoder_and_generator_alone) {
  const c10::InferenceMode inference;
  const Settings settings;
  const auto encoder = load_encoder(*golden_bundle());
  const auto generator = load_generator(*golden_bundle());
  FrameTensors out = golden_maps(small_case());
  steps::synthesise(context_of(settings), *encoder, *generator, small_case().frame(256, 512), out);
  check_close("latent_mean", out.at("latent_mean"), small_case()["latent_mean"]);
  check_close("latent_logvar", out.at("latent_logvar"), small_case()["latent_logvar"]);

  std::vector<uint8_t> ids;
  for (const ClassInfo& c : golden_bundle()->info().classes) ids.push_back(static_cast<uint8_t>(c.label_id));
  const at::Tensor labels = ops::mapped_labels(small_case()["labels"], ids).unsqueeze(0);
  const at::Tensor picture =
      ops::to_picture(generator->synthesise(labels, small_case()["latent_mean"].unsqueeze(0)));
  check_share("synthesis", share_within(picture, small_case()["synthesis"], 0), 0.999);
  check_close("synthesis in 8 bits", picture, small_case()["synthesis"]);
}

TEST(small_perceptual_difference_alone) {
  const c10::InferenceMode inference;
  const Settings settings;
  const auto network = load_perceptual(*golden_bundle());
  FrameTensors out = golden_maps(small_case());
  steps::compare_features(context_of(settings), *network, small_case().frame(256, 512), out);
  check_close("perceptual_raw", out.at("perceptual_raw"), small_case()["perceptual_raw"]);
}

TEST(small_dissimilarity_alone) {
  check_dissimilarity("dissimilarity", "dissimilarity_logits");
}
TEST(small_baseline_alone) {
  check_dissimilarity("baseline", "baseline_dissimilarity_logits");
}

TEST(small_chain) {
  check_chain(small_case(), 256, 512);
}

TEST(reference_size_chain) {
  golden_bundle();
  check_chain(GoldenCase("full_1024x2048", "lost_found_example.png"), 1024, 2048);
}

TEST_MAIN()
