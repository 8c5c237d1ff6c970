// SPDX-License-Identifier: LGPL-2.1-or-later
// anomaly-eval from outside, over tiny networks and a drawn drive: what it tells is what the framework's own
// maps measure, and what it refuses.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include "kernels/resize.h"
#include "src/eval/components.h"
#include "src/eval/ranking.h"
#include "src/eval/video.h"
#include "src/framework/framework.h"
#include "tests/eval/drive.h"

using namespace anomaly;
using namespace drawn;
namespace fs = std::filesystem;

namespace {

// What the framework computes for a frame of the drive, at the frame's size.
FrameTensors framework_tensors(int index, Method method) {
  static Framework framework(tiny_file().open(), "cpu");
  at::set_num_threads(1);
  const BundleInfo& info = framework.bundle().info();
  std::vector<uint8_t> rgb(size_t{3} * static_cast<size_t>(info.segmentation_height) *
                           static_cast<size_t>(info.segmentation_width));
  resize_bicubic_rgb8(drive().frames[static_cast<size_t>(index)].rgb.data(), kWidth, kHeight, rgb.data(),
                      info.segmentation_width, info.segmentation_height);
  Settings settings;
  settings.method = method;
  settings.ensemble = info.ensemble;
  return framework
      .run(at::from_blob(rgb.data(), {1, info.segmentation_height, info.segmentation_width, 3}, at::kByte),
           settings)
      .at(0);
}

std::vector<float> full_size(const at::Tensor& map) {
  std::vector<float> full(size_t{kWidth} * kHeight);
  resize_bicubic_f32(map.const_data_ptr<float>(), static_cast<int>(map.size(1)),
                     static_cast<int>(map.size(0)), full.data(), kWidth, kHeight);
  return full;
}

const Json& all_methods() {
  static const Json report = drive().measured({"--masks", drive().masks});
  return report;
}

void check_pixels(const Json& json, eval::Ranking& ranking) {
  const eval::RankingMeasures m = ranking.measure();
  CHECK(m.defined());
  CHECK_NEAR(json.at("average_precision").as_double(), m.average_precision, 1e-12);
  CHECK_NEAR(json.at("auroc").as_double(), m.auroc, 1e-12);
  CHECK_NEAR(json.at("fpr95").as_double(), m.fpr95, 1e-12);
}

void add(eval::Ranking& ranking, const std::vector<float>& scores, int frame) {
  ranking.add(scores.data(), drive().frames[static_cast<size_t>(frame)].mask.data(), scores.size());
}

}  // namespace

TEST(every_method_measures_what_the_framework_computes) {
  const Json& report = all_methods();
  CHECK_EQ(report.at("frames").as_int(), kFrames);
  CHECK_EQ(report.at("pixels").at("ignored").as_int(), kFrames);
  CHECK_EQ(report.at("methods").items().size(), size_t{8});
  for (const Method method : {Method::Synboost, Method::Resynthesis, Method::SoftmaxEntropy,
                              Method::SoftmaxDistance, Method::PerceptualDifference}) {
    eval::Ranking ranking;
    for (int i = 0; i < kFrames; ++i) add(ranking, full_size(framework_tensors(i, method).at("anomaly")), i);
    check_pixels(of_method(report, to_string(method)).at("pixels"), ranking);
  }
  eval::Ranking ranking;
  for (int i = 0; i < kFrames; ++i)
    add(ranking, full_size(framework_tensors(i, Method::Synboost).at("dissimilarity")), i);
  check_pixels(of_method(report, "without-ensemble").at("pixels"), ranking);
}

TEST(bounds_that_follow_the_stream_make_the_maps_steadier) {
  const auto flicker = [](const std::string& normalization) {
    const Json report = drive().measured(
        {"--normal", "--fps", "25", "--methods", "softmax-entropy", "--normalization", normalization});
    CHECK_EQ(report.at("normalization").as_string(), normalization);
    return of_method(report, "softmax-entropy").at("video").at("flicker").as_double();
  };
  CHECK(flicker("temporal") < flicker("frame"));
}

TEST(ablations_change_what_they_take_away_and_nothing_else) {
  const auto precision = [](const Json& report, const std::string& name) {
    return of_method(report, name).at("pixels").at("average_precision").as_double();
  };
  const Json& all = all_methods();
  for (const char* ablation : {"without-ensemble", "without-uncertainty", "without-synthesis"})
    CHECK(std::abs(precision(all, ablation) - precision(all, "synboost")) > 1e-6);
  // The same figure, whatever runs beside it.
  for (const char* name : {"without-uncertainty", "without-synthesis", "resynthesis"})
    CHECK_EQ(precision(drive().measured({"--masks", drive().masks, "--methods", name}), name),
             precision(all, name));
}

TEST(another_trunk_precision_is_measured) {
  const Json report = drive().measured(
      {"--masks", drive().masks, "--methods", "softmax-entropy", "--trunk-precision", "fp8"});
  CHECK_EQ(report.at("trunk_precision").as_string(), "fp8");
  CHECK_EQ(all_methods().at("trunk_precision").as_string(), "same");
  CHECK(of_method(report, "softmax-entropy").at("pixels").at("auroc").as_double() !=
        of_method(all_methods(), "softmax-entropy").at("pixels").at("auroc").as_double());
}

TEST(components_are_measured_at_the_best_f1) {
  const Json report = drive().measured({"--masks", drive().masks, "--methods", "softmax-entropy",
                                        "--min-prediction", "3", "--min-truth", "2"});
  const Json& method = of_method(report, "softmax-entropy");
  eval::Ranking ranking;
  for (int i = 0; i < kFrames; ++i)
    add(ranking, full_size(framework_tensors(i, Method::SoftmaxEntropy).at("anomaly")), i);
  const float threshold = ranking.measure().best_f1_threshold;
  eval::ComponentCounter counter({3, 2});
  for (int i = 0; i < kFrames; ++i) {
    const auto scores = full_size(framework_tensors(i, Method::SoftmaxEntropy).at("anomaly"));
    std::vector<uint8_t> predicted(scores.size());
    for (size_t p = 0; p < scores.size(); ++p) predicted[p] = scores[p] >= threshold;
    counter.add(predicted.data(), drive().frames[static_cast<size_t>(i)].mask.data(), kWidth, kHeight);
  }
  const eval::ComponentMeasures m = counter.measure();
  CHECK(m.truths > 0 && m.predictions > 0);
  CHECK_NEAR(method.at("components").at("threshold").as_double(), threshold, 1e-7);
  CHECK_NEAR(method.at("components").at("f1").as_double(), m.f1, 1e-12);
  CHECK_NEAR(method.at("components").at("siou").as_double(), m.siou, 1e-12);
  CHECK_NEAR(method.at("components").at("ppv").as_double(), m.ppv, 1e-12);
  CHECK_EQ(method.at("components").at("true_components").as_int(), m.truths);
}

TEST(segmentation_against_its_own_labels_is_perfect) {
  // Pictures of the segmentation's size: its label map is the truth, shifted by one through --label-map.
  check::TemporaryFolder place;
  const std::string images = place.file("images"), labels = place.file("labels");
  fs::create_directories(images);
  fs::create_directories(labels);
  const BundleInfo info = tiny_file().open()->info();
  cv::Mat rgb(kHeight, kWidth, CV_8UC3, const_cast<uint8_t*>(drive().frames[0].rgb.data())), bgr;
  std::vector<uint8_t> small(size_t{3} * static_cast<size_t>(info.segmentation_height) *
                             static_cast<size_t>(info.segmentation_width));
  resize_bicubic_rgb8(rgb.data, kWidth, kHeight, small.data(), info.segmentation_width,
                      info.segmentation_height);
  cv::cvtColor(cv::Mat(info.segmentation_height, info.segmentation_width, CV_8UC3, small.data()), bgr,
               cv::COLOR_RGB2BGR);
  write_picture(images + "/a.png", bgr);
  const at::Tensor predicted = framework_tensors(0, Method::SoftmaxEntropy).at("labels");
  cv::Mat truth(info.segmentation_height, info.segmentation_width, CV_8UC1, predicted.data_ptr<uint8_t>());
  truth = truth + 1;
  write_picture(labels + "/a.png", truth);
  std::string map = "-";
  for (size_t id = 0; id < info.classes.size(); ++id) map.append(",").append(std::to_string(id));
  const std::string out = place.file("out.json");
  const auto mean_iou = [&](const std::string& label_map) {
    const auto done = drive().run({"--normal", "--labels", labels, "--label-map", label_map, "--methods",
                                   "softmax-entropy", "--json", out, images});
    if (done.status != 0) check::fail(__FILE__, __LINE__, done.err);
    std::ifstream file(out);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return Json::parse(text).at("segmentation").at("mean_iou").as_double();
  };
  CHECK_NEAR(mean_iou(map), 1, 1e-12);
  CHECK(mean_iou(map.substr(2)) < 0.5);  // all values mean another class
  // With label maps alone nothing is known of anomalies.
  const auto alone = drive().run({"--labels", labels, "--methods", "softmax-entropy", images});
  CHECK(alone.out.find("no frame has a mask") != std::string::npos);
}

TEST(maps_are_held_against_the_frame_that_they_arrive_at) {
  const Json now =
      drive().measured({"--masks", drive().masks, "--fps", "10", "--latency", "0", "--methods", "synboost"});
  const Json& at_once = of_method(now, "synboost");
  CHECK_EQ(at_once.at("video").at("maps_arrived").as_int(), kFrames);
  CHECK_EQ(at_once.at("video").at("on_arrival").at("average_precision").as_double(),
           at_once.at("pixels").at("average_precision").as_double());
  CHECK(at_once.at("video").at("flicker").as_double() > 0);
  CHECK(at_once.at("video").at("temporal_consistency").as_double() > 0.5);

  // 120 ms at 10 a second: frames 0, 1, 2, 3 meet 1, 2, 3, 4; by then 4.8 frames have passed, and the next
  // map would come with frame 6, which is not there.
  const Json late = drive().measured(
      {"--masks", drive().masks, "--fps", "10", "--latency", "120", "--methods", "synboost"});
  eval::Ranking ranking;
  const auto pairs = eval::arrivals(kFrames, 10, 0.12);
  CHECK_EQ(pairs.size(), size_t{4});
  for (const auto& [taken, current] : pairs)
    add(ranking, full_size(framework_tensors(static_cast<int>(taken), Method::Synboost).at("anomaly")),
        static_cast<int>(current));
  const Json& video = of_method(late, "synboost").at("video");
  CHECK_EQ(video.at("maps_arrived").as_int(), 4);
  check_pixels(video.at("on_arrival"), ranking);
}

TEST(false_alarms_are_counted_by_the_minute) {
  // A threshold of 0: the whole frame is one region, which stays.
  const Json report = drive().measured(
      {"--normal", "--fps", "2", "--threshold", "0", "--methods", "softmax-entropy,synboost"});
  for (const char* name : {"softmax-entropy", "synboost"}) {
    const Json& alarms = of_method(report, name).at("false_alarms");
    CHECK_EQ(alarms.at("false_regions").as_int(), kFrames);
    CHECK_EQ(alarms.at("false_alarms").as_int(), 1);
    CHECK_NEAR(alarms.at("per_minute").as_double(), 60.0 * 2 / kFrames, 1e-12);
    CHECK(of_method(report, name).at("pixels").at("average_precision").is_null());
  }
  CHECK_EQ(of_method(drive().measured({"--normal", "--fps", "2", "--threshold", "0", "--min-area",
                                       std::to_string(kWidth * kHeight + 1)}),
                     "synboost")
               .at("false_alarms")
               .at("false_regions")
               .as_int(),
           0);
  // Without a threshold of the user's, the bundle's is for its own method alone; without a frame rate there
  // are no minutes.
  const Json still = drive().measured({"--normal"});
  CHECK(of_method(still, "synboost").at("false_alarms").at("per_minute").is_null());
  CHECK(!of_method(still, "softmax-entropy").find("false_alarms"));
}

TEST(the_region_of_interest_is_all_that_counts) {
  const Json report =
      drive().measured({"--masks", drive().masks, "--roi", "0,40,100,20", "--methods", "softmax-entropy"});
  eval::Ranking ranking;
  for (int i = 0; i < kFrames; ++i) {
    std::vector<uint8_t> targets = drive().frames[static_cast<size_t>(i)].mask;
    for (int y = 0; y < kHeight; ++y)
      for (int x = 0; x < kWidth; ++x)
        if (y < 40 || y >= 60 || x >= 100) targets[static_cast<size_t>(y * kWidth + x)] = 255;
    const auto scores = full_size(framework_tensors(i, Method::SoftmaxEntropy).at("anomaly"));
    ranking.add(scores.data(), targets.data(), scores.size());
  }
  CHECK_EQ(ranking.pixels(), int64_t{kFrames} * 100 * 20);
  check_pixels(of_method(report, "softmax-entropy").at("pixels"), ranking);
}

TEST(other_mask_values_mean_the_same) {
  check::TemporaryFolder place;
  for (int i = 0; i < kFrames; ++i) {
    std::vector<uint8_t> mask = drive().frames[static_cast<size_t>(i)].mask;
    for (uint8_t& value : mask) value = value == 1 ? 255 : value == 255 ? 7 : 40;
    write_picture(place.file("road" + std::to_string(i) + ".png"),
                  cv::Mat(kHeight, kWidth, CV_8UC1, mask.data()));
  }
  const Json& a = all_methods();
  const Json b =
      drive().measured({"--masks", place.file(""), "--mask-values", "40,255,7", "--methods", "synboost"});
  CHECK_EQ(of_method(a, "synboost").at("pixels").dump(), of_method(b, "synboost").at("pixels").dump());
  drive().refuses({"--masks", place.file(""), drive().images}, 1, "road0.png: holds the value 7");
}

TEST(the_page_needs_nothing_beside_itself) {
  const std::string html = drive().folder.file("page.html");
  const auto done = drive().run({"--masks", drive().masks, "--fps", "1", "--examples", "2", "--html", html,
                                 "--labels", drive().labels, drive().images});
  CHECK_EQ(done.status, 0);
  const std::string page = drive().text("page.html");
  for (const char* part : {"http:", "https:", "//www", "<script", "<link", "@import", "url(", "<iframe"})
    if (page.find(part) != std::string::npos) check::fail(__FILE__, __LINE__, "the page holds ", part);
  const std::regex source("src=\"([^\"]{0,30})");
  int pictures = 0;
  for (std::sregex_iterator at(page.begin(), page.end(), source), end; at != end; ++at, ++pictures)
    CHECK_EQ((*at)[1].str().rfind("data:image/jpeg;base64,/9j/", 0), size_t{0});
  CHECK_EQ(pictures, 2 * (2 + 2));  // two pictures each of the two best and the two worst of four frames
  const std::regex curve("stroke-width=\"2\"[^>]* d=\"M[0-9. L]+\"");
  CHECK_EQ(std::distance(std::sregex_iterator(page.begin(), page.end(), curve), std::sregex_iterator()), 8);
  CHECK(page.find("<h2>As video</h2>") != std::string::npos);
  CHECK(page.find("<h2>Segmentation</h2>") != std::string::npos);
  // Tags that open and do not close, and the other way round.
  for (const char* tag : {"table", "tr", "td", "figure", "div", "svg", "ul", "li", "p", "dl"}) {
    const auto count = [&](const std::string& pattern) {
      const std::regex expression(pattern);
      return std::distance(std::sregex_iterator(page.begin(), page.end(), expression),
                           std::sregex_iterator());
    };
    CHECK_EQ(count(std::string("<") + tag + "[ >]"), count(std::string("</") + tag + ">"));
  }
  // The table on standard output has a row a method; progress stays on standard error.
  CHECK(done.out.find("\nsynboost ") != std::string::npos);
  CHECK(done.out.find("mean IoU") != std::string::npos);
  CHECK(done.err.find("[6/6]") != std::string::npos);
}

TEST(undefined_measures_are_said_to_be) {
  check::TemporaryFolder place;
  for (int i = 0; i < kFrames; ++i)
    write_picture(place.file("road" + std::to_string(i) + ".png"), cv::Mat::zeros(kHeight, kWidth, CV_8UC1));
  const auto done = drive().run({"--masks", place.file(""), "--methods", "synboost", drive().images});
  CHECK_EQ(done.status, 0);
  CHECK(done.out.find("no labelled pixel is anomalous") != std::string::npos);
  const Json report = drive().measured({"--masks", place.file(""), "--methods", "synboost"});
  for (const char* name : {"average_precision", "auroc", "fpr95"})
    CHECK(of_method(report, "synboost").at("pixels").at(name).is_null());
  CHECK(of_method(report, "synboost").at("components").at("f1").is_null());
  // Frames to look at all the same: the best and the worst are not the same ones, and lie a second apart.
  CHECK_EQ(report.at("examples").at("frames").items().size(), size_t{kFrames});
  const Json video = drive().measured({"--normal", "--methods", "synboost", "--fps", "3"});
  CHECK_EQ(video.at("examples").at("frames").items().size(), size_t{2});
}

TEST_MAIN()
