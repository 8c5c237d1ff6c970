// SPDX-License-Identifier: LGPL-2.1-or-later
// The built-in bundle's figures, on a part of what models/MODEL_CARD.md's are of: every kEvery-th test frame,
// and the motorway whole. They are floors for a bundle that is to replace it.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/statistics.h"
#include "src/bundle/bundle.h"
#include "src/error.h"
#include "src/framework/pipeline.h"
#include "src/train/config.h"
#include "src/train/frames.h"
#include "src/train/measures.h"
#include "src/train/ranking.h"
#include "src/train/session.h"
#include "src/train/test_composites.h"
#include "tests/check.h"

using namespace anomaly;
using namespace anomaly::train;

namespace {

constexpr size_t kEvery = 4;
constexpr double kLeastMeanIou = 0.58;         // over CamVid's 11 classes, at the bundle's own size
constexpr double kLeastGain = 2;               // average precision, against the softmax entropy's
constexpr double kMostFpr95 = 0.5;             // of the softmax entropy's
constexpr double kMostAlarmingPixels = 0.001;  // of ordinary frames' pixels, at the bundle's threshold
constexpr int64_t kMinArea = 0;                // anomalydetect's default

std::string source_file(const std::string& inside) {
  const char* root = std::getenv("ANOMALY_SOURCE_ROOT");
  return std::string(root ? root : ".") + "/" + inside;
}

// The bundle, with the settings that it asks for itself.
const anomaly::Pipeline& pipeline() {
  static const std::unique_ptr<const anomaly::Pipeline> kPipeline = [] {
    at::set_num_threads(1);
    const std::shared_ptr<const Bundle> bundle = Bundle::open(source_file("models/compact.safetensors"));
    Settings settings;
    settings.ensemble = bundle->info().ensemble;
    return std::make_unique<const anomaly::Pipeline>(bundle, settings);
  }();
  return *kPipeline;
}

// CamVid's test frames, as far as they are looked at, with their places among all of them.
struct TestFrames {
  Session session;  // configuration and data only
  std::vector<Frame> frames;
  std::vector<size_t> places;

  static const TestFrames& read() {
    static const TestFrames kFrames;
    return kFrames;
  }

 private:
  TestFrames() {
    for (const char* folder : {"data/camvid/test", "data/camvid/test_labels"}) check::shared_data(folder);
    session.data = check::shared_data("data");
    session.config = Config::read(source_file("models/compact.json"));
    Dataset all = read_dataset_frames(session.data, session.config.test, 0, session.groups);
    for (size_t i = 0; i < all.training.size(); i += kEvery) {
      frames.push_back(std::move(all.training[i]));
      places.push_back(i);
    }
    CHECK(frames.size() >= 50);
  }
};

struct Maps {
  at::Tensor entropy, framework;  // map size, float32
};

// rgb: 8UC3, R G B, continuous.
Maps score(const cv::Mat& rgb) {
  const anomaly::Pipeline& p = pipeline();
  const at::Tensor frame = p.frame(rgb.ptr(), rgb.cols, rgb.rows);
  FrameTensors out = p.segment(frame);
  Maps maps;
  maps.entropy = p.score(Method::SoftmaxEntropy, out);
  p.synthesise(frame, out);
  p.find_dissimilarity(frame, out);
  maps.framework = p.score(Method::Synboost, out).contiguous();
  return maps;
}

}  // namespace

TEST(streets_are_segmented_as_well_as_the_card_says) {
  const TestFrames& test = TestFrames::read();
  const BundleInfo& info = pipeline().info();
  std::vector<double> per_class;
  const double mean = mean_iou({[](const at::Tensor& image) { return pipeline().segmentation_logits(image); },
                                pipeline().logits_align_corners()},
                               test.session.config.test, test.frames, test.session.groups,
                               {info.segmentation_height, info.segmentation_width}, &per_class);
  std::printf("# mean IoU %.4f over %zu classes, %zu frames\n", mean, per_class.size(), test.frames.size());
  CHECK_EQ(per_class.size(), size_t{11});
  if (!(mean >= kLeastMeanIou))
    check::fail(__FILE__, __LINE__, "mean IoU ", mean, ", wanted at least ", kLeastMeanIou);
}

TEST(pasted_objects_are_found_far_better_than_by_softmax_entropy) {
  const TestFrames& test = TestFrames::read();
  check::shared_data("data/objects/images");
  check::shared_data("data/objects/panoptic.json");
  const Config& config = test.session.config;
  const std::vector<CompositeSet> sets = read_composite_sets(test.session);
  CHECK(!sets.empty());
  const CompositeSet& held_out = sets[0];
  CHECK_EQ(held_out.folder, "held-out");
  const BundleInfo& info = pipeline().info();
  const int height = info.segmentation_height, width = info.segmentation_width;
  Ranking entropy, framework;
  for (size_t i = 0; i < test.frames.size(); ++i) {
    const TestComposite composite =
        make_test_composite(test.frames[i], held_out.objects, config.seed, test.places[i], height, width);
    const at::Tensor target =
        pipeline().at_map_size(at::from_blob(composite.mask.data, {height, width}, at::kByte).clone());
    const Maps maps = score(composite.rgb);
    entropy.add(maps.entropy, target);
    framework.add(maps.framework, target);
  }
  const RankingMeasures plain = entropy.measure(), whole = framework.measure();
  std::printf("# framework: AP %.4f, FPR95 %.4f; softmax entropy: AP %.4f, FPR95 %.4f\n",
              whole.average_precision, whole.fpr95, plain.average_precision, plain.fpr95);
  CHECK(whole.defined() && plain.defined());
  CHECK(whole.positives > 10'000);
  if (!(whole.average_precision >= kLeastGain * plain.average_precision))
    check::fail(__FILE__, __LINE__, "average precision ", whole.average_precision, ", the entropy's is ",
                plain.average_precision, ", wanted ", kLeastGain, " times as much");
  if (!(whole.fpr95 <= kMostFpr95 * plain.fpr95))
    check::fail(__FILE__, __LINE__, "FPR95 ", whole.fpr95, ", the entropy's is ", plain.fpr95,
                ", wanted at most ", kMostFpr95, " of it");
}

TEST(ordinary_streets_raise_few_alarms) {
  const TestFrames& test = TestFrames::read();
  int64_t over = 0, pixels = 0, frames = 0;
  for (const Frame& frame : test.frames) {
    const at::Tensor map = score(frame.rgb).framework;
    const auto here = map.ge(pipeline().info().threshold).sum().item<int64_t>();
    over += here;
    frames += here > 0;
    pixels += map.numel();
  }
  const double share = static_cast<double>(over) / static_cast<double>(pixels);
  std::printf("# %.4f %% of the pixels at or over %.3f, some in %d of %zu frames\n", 100 * share,
              pipeline().info().threshold, static_cast<int>(frames), test.frames.size());
  if (!(share <= kMostAlarmingPixels))
    check::fail(__FILE__, __LINE__, "a share of ", share, " of ordinary pixels is at or over the threshold, ",
                "wanted at most ", kMostAlarmingPixels);
}

TEST(the_motorway_raises_no_alarm) {
  DatasetConfig drive;
  drive.name = "motorway";
  const std::string root = check::shared_data("data");
  drive.images = "dashcam/highway-960x540-25fps.mp4";
  check::shared_data("data/" + drive.images);
  Groups groups;
  Dataset video;
  try {
    video = read_dataset_frames(root, drive, 0, groups);
  } catch (const Error& error) {
    if (std::strstr(error.what(), "without OpenCV's videoio")) SKIP(error.what());
    throw;
  }
  CHECK_EQ(video.training.size(), size_t{221});
  const BundleInfo& info = pipeline().info();
  float highest = 0;
  for (const Frame& frame : video.training) {
    const at::Tensor map = score(frame.rgb).framework;
    StatisticsQuery query;
    query.frame_width = frame.rgb.cols;
    query.frame_height = frame.rgb.rows;
    query.threshold = static_cast<float>(info.threshold);
    query.min_area = kMinArea;
    const MapStatistics found = map_statistics(map.data_ptr<float>(), static_cast<int>(map.size(1)),
                                               static_cast<int>(map.size(0)), nullptr, 0, 0, query);
    highest = std::max(highest, found.max);
    if (!found.regions.empty())
      check::fail(__FILE__, __LINE__, frame.name, " has ", found.regions.size(), " regions, the largest of ",
                  found.regions[0].area, " pixels at ", found.regions[0].x, ", ", found.regions[0].y);
  }
  std::printf("# the highest score of the motorway's frames: %.3f, threshold %.3f\n",
              static_cast<double>(highest), info.threshold);
}

TEST_MAIN()
