// SPDX-License-Identifier: LGPL-2.1-or-later
// The trainer from end to end on a handful of drawn pictures: every stage, and the bundle that comes out.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <torch/nn/modules/batchnorm.h>

#include <cmath>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <set>

#include "src/bundle/bundle.h"
#include "src/bundle/safetensors.h"
#include "src/error.h"
#include "src/framework/framework.h"
#include "src/train/bundle_writer.h"
#include "src/train/calibrate.h"
#include "src/train/checkpoint.h"
#include "src/train/evaluate.h"
#include "src/train/losses.h"
#include "src/train/measures.h"
#include "src/train/objects.h"
#include "src/train/ranking.h"
#include "src/train/session.h"
#include "src/train/statistics.h"
#include "src/train/test_composites.h"
#include "tests/check.h"
#include "tests/tools/drawn_data.h"

using namespace anomaly;
using namespace anomaly::train;
namespace fs = std::filesystem;

TEST(every_stage_runs_and_the_bundle_serves) {
  const Aside aside;
  const DrawnData data;
  Session session = data.session("work");
  CHECK_THROWS(train_synthesis(session), Error, "segmentation.checkpoint.safetensors");
  train_segmentation(session);
  train_synthesis(session);
  train_dissimilarity(session);
  train_baseline(session);
  const std::string path = session.work + "/tiny.safetensors";
  finish_ensemble(session, path);

  const auto bundle = Bundle::open(path);
  CHECK_EQ(bundle->info().name, "tiny");
  CHECK_EQ(bundle->info().license, "for tests");
  CHECK(bundle->info().perceptual_bounds.has_value());
  CHECK_NEAR(bundle->info().ensemble[0] + bundle->info().ensemble[1] + bundle->info().ensemble[2] +
                 bundle->info().ensemble[3],
             1, 1e-6);
  CHECK_EQ(bundle->info().provenance.at("program").as_string(), "anomaly-train");
  Framework framework(bundle, "cpu");
  for (const Method method : {Method::Synboost, Method::Resynthesis, Method::PerceptualDifference}) {
    Settings settings;
    settings.method = method;
    const auto results = framework.run(at::zeros({1, 32, 64, 3}, at::kByte), settings);
    const at::Tensor map = results.at(0).at("anomaly");
    CHECK_EQ(map.size(0), 32);
    CHECK_EQ(map.size(1), 64);
    CHECK(map.isfinite().all().item<bool>());
  }
  // Calibration anew, on all the pictures, changes the bounds and nothing else.
  const std::string calibrated = session.work + "/calibrated.safetensors";
  calibrate(path, data.folder + "/images", calibrated);
  const auto again = Bundle::open(calibrated);
  CHECK(again->info().perceptual_bounds.has_value());
  CHECK(*again->info().perceptual_bounds != *bundle->info().perceptual_bounds);
  CHECK_EQ(again->info().provenance.at("perceptual_bounds").at("pictures").as_int(), 6);
  CHECK_EQ(again->file().tensors().size(), bundle->file().tensors().size());
  for (const auto& [name, tensor] : bundle->file().tensors()) {
    CHECK_EQ(again->file().tensors().at(name).dtype, tensor.dtype);
    CHECK(again->file().tensor(name).equal(bundle->file().tensor(name)));
  }
  Settings fixed;
  fixed.normalization = Normalization::Fixed;
  Framework(again, "cpu").prepare(fixed);
  calibrate(calibrated, data.folder + "/objects", calibrated);  // in its own place
  CHECK_EQ(Bundle::open(calibrated)->info().provenance.at("perceptual_bounds").at("pictures").as_int(), 2);
  fs::create_directory(session.work + "/empty");
  CHECK_THROWS(calibrate(path, session.work + "/empty", calibrated), Error, "empty");

  evaluate(session, path, session.work + "/measures.json");
  std::ifstream file(session.work + "/measures.json");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const Json measures = Json::parse(text);
  CHECK_EQ(measures.at("frames").as_int(), 6);
  CHECK(measures.at("composites, all held-out objects").find("synboost") != nullptr);
  CHECK(measures.find("label_agreement") == nullptr);
}

TEST(a_run_leaves_its_losses_and_previews) {
  const Aside aside;
  const DrawnData data;
  Session session = data.session("work");
  train_segmentation(session);
  train_synthesis(session);
  train_dissimilarity(session);
  std::ifstream file(session.work + "/losses.csv");
  std::string line;
  CHECK(std::getline(file, line) && line == "stage,step,loss");
  std::set<std::string> told;
  while (std::getline(file, line)) told.insert(line.substr(0, line.find(',')));
  for (const char* stage : {"segmentation", "synthesis", "dissimilarity"}) {
    CHECK(told.count(stage) == 1);
    int pictures = 0;
    for (const auto& entry : fs::directory_iterator(session.work + "/previews"))
      if (entry.path().filename().string().starts_with(std::string(stage) + "-")) {
        CHECK(!cv::imread(entry.path().string()).empty());
        ++pictures;
      }
    CHECK(pictures >= 1);
  }
}

TEST(an_ensemble_without_anomalies_is_refused) {
  const Aside aside;
  const DrawnData data;
  Session session = data.session("work");
  train_segmentation(session);
  train_synthesis(session);
  train_dissimilarity(session);
  train_baseline(session);
  session.config.objects = {};
  CHECK_THROWS(finish_ensemble(session, session.work + "/tiny.safetensors"), Error, "anomaly");
}

TEST(the_evaluations_composites_are_written_with_their_masks) {
  const Aside aside;
  const DrawnData data;
  Session session = data.session("work");
  const std::string folder = session.work + "/composites";
  write_test_composites(session, folder);
  int pictures = 0;
  int64_t anomalous = 0;
  for (const auto& entry : fs::directory_iterator(folder + "/held-out/images")) {
    const cv::Mat picture = cv::imread(entry.path().string());
    const cv::Mat mask =
        cv::imread(folder + "/held-out/masks/" + entry.path().filename().string(), cv::IMREAD_GRAYSCALE);
    CHECK_EQ(picture.rows, session.config.segmentation_size[0]);
    CHECK_EQ(picture.cols, session.config.segmentation_size[1]);
    CHECK(mask.size() == picture.size());
    CHECK_EQ(cv::countNonZero((mask != 0) & (mask != 1) & (mask != 255)), 0);
    anomalous += cv::countNonZero(mask == 1);
    ++pictures;
  }
  CHECK_EQ(pictures, 6);
  CHECK(anomalous > 0);
  std::ofstream(session.work + "/file") << "not a folder";
  CHECK_THROWS(write_test_composites(session, session.work + "/file"), Error, "file");
  session.config.test.images.clear();
  CHECK_THROWS(write_test_composites(session, folder), Error, "\"test\"");
}

TEST(a_trunk_of_8_bits_is_evaluated_beside_the_plain_one) {
  const Aside aside;
  const DrawnData data;
  Session session = data.session("work");
  const std::string path = session.work + "/tiny.safetensors";
  const auto segmentation_of = [&](const char* widths) {
    Json networks = session.config.networks, segmentation = networks.at("segmentation");
    segmentation.set("widths", Json::parse(widths));
    networks.set("segmentation", segmentation);
    session.config.networks = networks;
    fs::remove_all(session.work);
    fs::create_directories(session.work);
    train_segmentation(session);
    write_bundle(session, path, {"segmentation"}, {});
  };
  segmentation_of("[4, 4, 8, 8, 8]");
  CHECK_THROWS(evaluate(session, path, "", TrunkPrecision::Fp8), Error, "would change nothing");
  segmentation_of("[4, 16, 16, 32, 16]");
  evaluate(session, path, session.work + "/measures.json", TrunkPrecision::Fp8);
  std::ifstream file(session.work + "/measures.json");
  const Json measures = Json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  CHECK_EQ(measures.at("trunk_precision").as_string(), "fp8");
  const double share = measures.at("label_agreement").as_double();
  CHECK(share > 0.5 && share <= 1);
}

TEST(a_stage_begins_with_a_bundles_networks) {
  const Aside aside;
  const DrawnData data;
  Session first = data.session("first");
  train_segmentation(first);
  train_synthesis(first);
  train_dissimilarity(first);
  const std::string path = first.work + "/tiny.safetensors";
  write_bundle(first, path, {"segmentation", "perceptual", "encoder", "generator", "dissimilarity"}, {});

  // At a rate of nearly nothing the networks stay what the bundle holds.
  Session second = data.session("second");
  second.start = {path};
  second.config.stages = Json::parse(R"({
    "segmentation": {"steps": 2, "batch": 2, "learning_rate": 1e-12, "crop_height": 32, "crop_width": 64},
    "synthesis": {"steps": 2, "batch": 2, "learning_rate": 1e-12},
    "dissimilarity": {"steps": 2, "batch": 2, "learning_rate": 1e-12, "samples": 4, "validation_samples": 2},
    "baseline": {"steps": 2, "batch": 2, "samples": 4, "validation_samples": 2}})");
  train_segmentation(second);
  train_synthesis(second);
  train_dissimilarity(second);
  const auto bundle = Bundle::open(path);
  for (const auto& [stage, prefix, name] :
       {std::array<std::string, 3>{"segmentation", "model.", "segmentation."},
        std::array<std::string, 3>{"synthesis", "model.generator.", "generator."},
        std::array<std::string, 3>{"synthesis", "model.encoder.", "encoder."},
        std::array<std::string, 3>{"dissimilarity", "model.", "dissimilarity."}}) {
    int64_t compared = 0;
    for (const auto& [key, tensor] : read_stage(second.checkpoint(stage), prefix, true)) {
      if (key.find("running_") != std::string::npos) continue;  // statistics follow the data
      ++compared;
      CHECK(tensor.allclose(bundle->file().tensor(name + key).to(at::kFloat), 0, 1e-6));
    }
    CHECK(compared > 4);
  }
  CHECK_THROWS(train_baseline(second), Error, "has no network \"baseline\"");

  second.start.clear();  // a checkpoint remembers what it began with
  CHECK_THROWS(train_segmentation(second), Error, "other settings");
  Session wider = data.session("wider");
  wider.start = {path};
  wider.config.networks = Json::parse(R"({"segmentation": {"type": "compact-segmentation",
    "widths": [4, 6, 8, 8, 8], "blocks": [1, 1, 1], "decoder": 8, "head": 4}})");
  CHECK_THROWS(train_segmentation(wider), Error, "must be [6, 4, 3, 3]");
  // Of several: the mean.
  Session other = data.session("other");
  other.config.seed = 99;
  other.config.stages = Json::parse(R"({"segmentation": {"steps": 1, "batch": 2, "learning_rate": 1e-12,
    "crop_height": 32, "crop_width": 64}})");
  train_segmentation(other);
  const std::string another = other.work + "/segmentation.safetensors";
  write_bundle(other, another, {"segmentation"}, {});
  Session both = data.session("both");
  both.config.stages = other.config.stages;
  both.start = {path, another};
  train_segmentation(both);
  const std::string key = "fuse2.conv.weight";
  const auto of = [&](const std::string& file) {
    return Bundle::open(file)->file().tensor("segmentation." + key).to(at::kFloat);
  };
  CHECK(!of(path).allclose(of(another), 0, 1e-3));
  CHECK(read_stage(both.checkpoint("segmentation"), "model." + key, true)
            .at(0)
            .second.allclose((of(path) + of(another)) / 2, 0, 1e-6));

  wider.start = {data.folder + "/nowhere.safetensors"};
  CHECK_THROWS(train_segmentation(wider), Error, "nowhere.safetensors");
}

TEST(segmentation_in_half_precision_and_with_things_mixed_in) {
  const Aside aside;
  const DrawnData data;
  Session session = data.session("half");
  session.config.stages = Json::parse(R"({"segmentation": {"steps": 4, "batch": 2, "crop_height": 32,
    "crop_width": 64, "precision": "bfloat16", "mix": 1}})");
  train_segmentation(session);
  for (const auto& [key, tensor] : read_stage(session.checkpoint("segmentation"), "model.", true)) {
    CHECK_EQ(tensor.scalar_type(), at::kFloat);
    CHECK(tensor.isfinite().all().item<bool>());
  }
  for (const char* wrong : {R"({"precision": "float16"})", R"({"mix": 1.5})", R"({"mix": -1})"}) {
    session.config.stages = Json::object({{"segmentation", Json::parse(wrong)}});
    CHECK_THROWS(train_segmentation(session), Error, "precision must be float32 or bfloat16, mix 0 to 1");
  }
}

TEST(statistics_are_measured_anew) {
  torch::nn::BatchNorm2d norm(1);
  norm->running_mean.fill_(50);
  const std::array<at::Tensor, 2> batches = {at::tensor({1.0f, 3.0f}).view({2, 1, 1, 1}),
                                             at::tensor({5.0f, 9.0f}).view({2, 1, 1, 1})};
  measure_statistics(*norm, 2, [&](int64_t i) { norm(batches[static_cast<size_t>(i)]); });
  CHECK_NEAR(norm->running_mean.item<double>(), (2.0 + 7.0) / 2, 1e-6);
  CHECK_NEAR(norm->running_var.item<double>(), (2.0 + 8.0) / 2, 1e-6);  // of samples: / (n - 1)
  CHECK(!norm->is_training());

  // At the end of the stage: other statistics, the same weights.
  const Aside aside;
  const DrawnData data;
  const auto averages = [&](const std::string& work, const std::string& more) {
    Session session = data.session(work);
    session.config.stages = Json::parse(R"({"segmentation": {"steps": 3, "batch": 2, "crop_height": 32,
      "crop_width": 64)" + more + "}}");
    train_segmentation(session);
    return read_stage(session.checkpoint("segmentation"), "average.", true);
  };
  const auto plain = averages("plain", ""), anew = averages("anew", R"(, "statistics": 2)");
  CHECK_EQ(plain.size(), anew.size());
  for (size_t i = 0; i < plain.size(); ++i)
    CHECK_EQ(plain[i].second.equal(anew[i].second), plain[i].first.find("running_") == std::string::npos);
}

TEST(group_loss_is_the_logarithm_of_the_groups_probability) {
  const GroupLoss loss({{0}, {1, 2}}, {1, 3}, 3);
  const at::Tensor logits = at::tensor({1.0f, 2.0f, 0.5f, 1.0f, 2.0f, 0.5f, 1.0f, 2.0f, 0.5f})
                                .view({1, 1, 3, 3})
                                .permute({0, 3, 1, 2});
  const at::Tensor targets = at::tensor({0, 1, 255}, at::kByte).view({1, 1, 3});
  const double e0 = std::exp(1.0), e1 = std::exp(2.0), e2 = std::exp(0.5), sum = e0 + e1 + e2;
  const double expected = (-std::log(e0 / sum) - 3 * std::log((e1 + e2) / sum)) / 4;
  CHECK_NEAR(loss(logits, targets).item<double>(), expected, 1e-5);
  CHECK_NEAR(loss(logits, at::tensor({255, 255, 255}, at::kByte).view({1, 1, 3})).item<double>(), 0, 1e-9);

  // By hand: the first pixel is of the first group, the second of the other; p and q are what they were
  // given.
  const double p = e0 / sum, q = (e1 + e2) / sum;
  const double overlap = 1 - (p / (1 + p) + q / (1 + q)) / 2;
  const GroupLoss both({{0}, {1, 2}}, {1, 3}, 3, 0.5);
  CHECK_NEAR(both(logits, targets).item<double>(), expected + 0.5 * overlap, 1e-5);
  const at::Tensor sure = (at::tensor({100.0f, 0.0f, 0.0f, 0.0f, 100.0f, 0.0f, 0.0f, 0.0f, 100.0f})
                               .view({1, 1, 3, 3})
                               .permute({0, 3, 1, 2}))
                              .requires_grad_(true);
  CHECK_NEAR(both(sure, targets).item<double>(), 0, 1e-5);
  const at::Tensor wrong = both(sure, at::tensor({1, 0, 0}, at::kByte).view({1, 1, 3}));
  wrong.backward();  // hopelessly wrong: the loss and its gradients stay finite
  CHECK(std::isfinite(wrong.item<double>()));
  CHECK(sure.grad().isfinite().all().item<bool>());
}

TEST(ranking_measures_of_a_small_case) {
  // By hand: descending 0.9 +, 0.8 -, 0.7 + and 0.7 - tied, 0.1 -; one pixel is ignored.
  Ranking ranking;
  ranking.add(at::tensor({0.9f, 0.8f, 0.7f, 0.7f, 0.1f, 1.0f}).view({2, 3}),
              at::tensor({1, 0, 1, 0, 0, 255}, at::kByte).view({2, 3}));
  const RankingMeasures m = ranking.measure();
  CHECK_EQ(m.positives, 2);
  CHECK_EQ(m.negatives, 3);
  CHECK_NEAR(m.average_precision, 0.5 * 1 + 0.5 * 2 / 4, 1e-12);
  CHECK_NEAR(m.fpr95, 2.0 / 3, 1e-12);
  CHECK_NEAR(m.auroc, (1.0 / 3) * 0.5 + (1.0 / 3) * 0.75 + (1.0 / 3) * 1, 1e-12);
}

TEST(iou_of_a_small_case) {
  DatasetConfig config;
  config.groups = {{0}, {2, 8}, {}};
  Groups groups;
  for (const auto& ids : config.groups) groups.add(ids);
  const uint8_t coarse = groups.add({2, 8});
  const cv::Mat truth = (cv::Mat_<uint8_t>(1, 5) << 0, 0, coarse, coarse, 255);
  const cv::Mat guess = (cv::Mat_<uint8_t>(1, 5) << 0, 8, 2, 5, 0);
  IouCounter counter(config);
  counter.add(guess, truth, groups);
  const auto values = counter.per_class();
  CHECK_EQ(values.size(), size_t{2});
  CHECK_NEAR(values[0], 1.0 / 2, 1e-12);  // one of two found, none wrongly
  CHECK_NEAR(values[1], 1.0 / 3, 1e-12);  // one found, one missed, one wrong
}

TEST(pasting_covers_what_the_mask_says) {
  PastedObject object{"toaster", "0", cv::Mat(40, 40, CV_8UC3, cv::Scalar(250, 0, 250)),
                      cv::Mat(40, 40, CV_8UC1, cv::Scalar(255))};
  cv::Mat rgb(128, 256, CV_8UC3, cv::Scalar(90, 90, 90)), mask = cv::Mat::zeros(128, 256, CV_8UC1);
  Random random({1});
  for (int i = 0; i < 5; ++i) paste(object, {20, 30, 0.5}, random, rgb, mask);
  CHECK(cv::countNonZero(mask) > 500);
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; ++x) {
      const int change = std::abs(rgb.at<cv::Vec3b>(y, x)[1] - 90);
      if (mask.at<uint8_t>(y, x)) CHECK(change > 20);
    }
  CHECK(cv::countNonZero(mask.rowRange(0, 20)) == 0);  // feet stay on the lower half
}

TEST(bad_configurations_are_refused) {
  const DrawnData data;
  CHECK_THROWS(Config::read(data.folder + "/none.json"), Error, "none.json");
  std::ofstream(data.folder + "/bad.json") << "{\"name\": 3}";
  CHECK_THROWS(Config::read(data.folder + "/bad.json"), Error, "bad.json");
  Session session = data.session("work");
  session.config.datasets[0].images = "nowhere";
  CHECK_THROWS(read_dataset_frames(session.data, session.config.datasets[0], 0, session.groups), Error,
               "nowhere");
  fs::remove(data.folder + "/labels/3.png");
  CHECK_THROWS(data.session("again"), Error, "3.png");
}

TEST_MAIN()
