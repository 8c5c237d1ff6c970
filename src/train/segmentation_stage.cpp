// SPDX-License-Identifier: LGPL-2.1-or-later
// Stage `segmentation`: cross-entropy over classes or groups of classes, on augmented crops of all data sets.
#include <ATen/autocast_mode.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <opencv2/imgproc.hpp>

#include "src/error.h"
#include "src/networks/compact_segmentation.h"
#include "src/train/augment.h"
#include "src/train/batches.h"
#include "src/train/losses.h"
#include "src/train/measures.h"
#include "src/train/network_setup.h"
#include "src/train/preview.h"
#include "src/train/progress.h"
#include "src/train/session.h"
#include "src/train/stage_loop.h"
#include "src/train/statistics.h"

namespace anomaly::train {

namespace {

// The loss is taken at half size, which keeps thin things and costs a quarter.
constexpr int kLabelStep = 2;

struct CropBatch {
  at::Tensor pictures, targets;
};

struct Settings {
  double balance, most_weight, rare_share, overlap_weight, mix;
  int64_t measure_every, statistics;
  bool half;                         // forward and backward in bfloat16 where that is enough
  std::vector<Geometry> geometries;  // a crop is drawn from one of them

  Settings(const Json& stage, const std::array<int, 2>& size) {
    balance = stage.number_or("class_balance", 0.3);
    most_weight = stage.number_or("most_weight", 4);
    rare_share = stage.number_or("rare_share", 0.4);
    overlap_weight = stage.number_or("overlap_weight", 0);
    mix = stage.number_or("mix", 0);
    const std::string precision = stage.string_or("precision", "float32");
    if ((precision != "float32" && precision != "bfloat16") || !(mix >= 0 && mix <= 1))
      throw Error(ErrorKind::BadSettings,
                  "stage segmentation: precision must be float32 or bfloat16, mix 0 to 1");
    half = precision == "bfloat16";
    statistics = stage.int_or("statistics", 0);
    if (statistics < 0 || statistics > 100000)
      throw Error(ErrorKind::BadSettings, "stage segmentation: statistics must be 0 to 100000");
    measure_every = std::max<int64_t>(1, stage.int_or("measure_every", 800));
    Geometry geometry = {size[0],
                         size[1],
                         static_cast<int>(stage.int_or("crop_height", size[0])),
                         static_cast<int>(stage.int_or("crop_width", size[1])),
                         stage.number_or("scale_low", 0.75),
                         stage.number_or("scale_high", 1.6),
                         stage.number_or("aspect", 0.2),
                         kLabelStep};
    geometries.push_back(geometry);
    if (const Json* others = stage.find("other_sizes"))
      for (const Json& other : others->items()) {
        const auto [height, width] = read_size(other);
        geometry.full_height = height;
        geometry.full_width = width;
        geometries.push_back(geometry);
      }
    if (geometry.height < 32 || geometry.width < 32 || geometry.height > 4096 || geometry.width > 4096 ||
        !(geometry.scale_low > 0.1) || !(geometry.scale_high >= geometry.scale_low) ||
        geometry.height % kLabelStep != 0 || geometry.width % kLabelStep != 0 || geometry.scale_high > 8 ||
        !(most_weight >= 0.5) || most_weight > 1e3 || !(overlap_weight >= 0) || overlap_weight > 100)
      throw Error(ErrorKind::BadSettings,
                  "stage segmentation: the crop must be 32 to 4096 and even, the scales 0.1 to 8 in order, "
                  "most_weight "
                  "0.5 to 1000, overlap_weight 0 to 100");
  }
};

// One of the groups in `groups` that weigh more than the median one, or -1.
int draw_rare_group(const std::vector<float>& weights, const cv::Mat& groups, Random& random) {
  std::vector<bool> present(256, false);
  for (int y = 0; y < groups.rows; ++y)
    for (int x = 0; x < groups.cols; ++x) present[groups.at<uint8_t>(y, x)] = true;
  std::vector<int> rare;
  for (size_t g = 0; g < weights.size(); ++g)
    if (present[g] && weights[g] > 1) rare.push_back(static_cast<int>(g));
  return rare.empty() ? -1 : rare[static_cast<size_t>(random.below(static_cast<int64_t>(rare.size())))];
}

// Lays the rare things of `other` over a crop, where they are there: thin and small things then appear often
// and before all that a drive may hold behind them.
void mix_in(const std::vector<float>& weights, const cv::Mat& other, const cv::Mat& other_groups,
            cv::Mat& picture, cv::Mat& groups) {
  cv::Mat rare(1, 256, CV_8U, cv::Scalar(0)), here, pixels;
  for (size_t g = 0; g < weights.size(); ++g)
    if (weights[g] > 1) rare.at<uint8_t>(0, static_cast<int>(g)) = 255;
  cv::LUT(other_groups, rare, here);
  cv::resize(here, pixels, picture.size(), 0, 0, cv::INTER_NEAREST);
  other.copyTo(picture, pixels);
  other_groups.copyTo(groups, here);
}

CropBatch make_batch(const Session& session, const Settings& settings, const std::vector<float>& weights,
                     int64_t batch, int64_t step) {
  std::vector<cv::Mat> pictures, maps;
  for (int64_t i = 0; i < batch; ++i) {
    Random random({session.config.seed, 1, static_cast<uint64_t>(step), static_cast<uint64_t>(i)});
    const Frame& frame = draw_frame(session.datasets, true, random);
    cv::Mat rgb = frame.rgb.clone(), groups = frame.groups;
    random_appearance(random, rgb);
    // Small things are in few crops of those drawn blindly.
    const int focus = random.chance(settings.rare_share) ? draw_rare_group(weights, groups, random) : -1;
    const auto& geometries = settings.geometries;
    const int64_t count = static_cast<int64_t>(geometries.size());
    random_crop(geometries[static_cast<size_t>(count > 1 ? random.below(count) : 0)], random, rgb, groups,
                focus);
    pictures.push_back(rgb);
    maps.push_back(groups);
  }
  // From the last to the first, each from the one before it, so that none takes what itself was mixed in.
  for (size_t i = pictures.size(); i-- > 1;)
    if (Random({session.config.seed, 8, static_cast<uint64_t>(step), i}).chance(settings.mix))
      mix_in(weights, pictures[i - 1], maps[i - 1], pictures[i], maps[i]);
  return {normalised(pictures_to_tensor(pictures)), maps_to_tensor(maps)};
}

// Whole frames as they are, of all data sets by weight.
at::Tensor plain_batch(const Session& session, const Geometry& geometry, int64_t batch, int64_t index) {
  std::vector<cv::Mat> pictures;
  for (int64_t i = 0; i < batch; ++i) {
    Random random({session.config.seed, 9, static_cast<uint64_t>(index), static_cast<uint64_t>(i)});
    cv::Mat rgb;
    resize_picture(draw_frame(session.datasets, true, random).rgb, rgb,
                   {geometry.full_width, geometry.full_height});
    if (random.chance(0.5)) cv::flip(rgb, rgb, 1);
    pictures.push_back(rgb);
  }
  return normalised(pictures_to_tensor(pictures));
}

// Rare groups count more: (median frequency / frequency) ^ balance, within [0.5, most].
std::vector<float> group_weights(const Session& session, double balance, double most) {
  std::vector<double> frequency(session.groups.all().size(), 0);
  for (const Dataset& dataset : session.datasets) {
    double pixels = 0;
    std::vector<double> counts(frequency.size(), 0);
    for (const Frame& frame : dataset.training)
      for (int y = 0; y < frame.groups.rows; ++y)
        for (int x = 0; x < frame.groups.cols; ++x) {
          const uint8_t group = frame.groups.at<uint8_t>(y, x);
          if (group < counts.size()) ++counts[group], ++pixels;
        }
    for (size_t g = 0; g < counts.size(); ++g)
      frequency[g] += dataset.config.segmentation_share() * counts[g] / std::max(pixels, 1.0);
  }
  std::vector<double> present;
  for (const double f : frequency)
    if (f > 0) present.push_back(f);
  std::vector<float> weights(frequency.size(), 1);
  if (present.empty()) return weights;
  std::nth_element(present.begin(), present.begin() + static_cast<int64_t>(present.size() / 2),
                   present.end());
  const double median = present[present.size() / 2];
  for (size_t g = 0; g < frequency.size(); ++g)
    if (frequency[g] > 0)
      weights[g] = static_cast<float>(std::clamp(std::pow(median / frequency[g], balance), 0.5, most));
  return weights;
}

}  // namespace

void train_segmentation(Session& session) {
  const Json& architecture = session.config.networks.at("segmentation");
  const Settings settings(session.config.stage("segmentation"), session.config.segmentation_size);
  const auto options =
      CompactSegmentationOptions::from_json(architecture, "the configuration", "segmentation", 19);
  seed_weights(session.config.seed);
  CompactSegmentation network(options);
  start_from_bundle(session, "segmentation", *network);
  network->to(session.device);
  StageState state(session, "segmentation", architecture, *network);
  if (state.complete()) {
    std::printf("segmentation: complete\n");
    return;
  }
  const auto weights = group_weights(session, settings.balance, settings.most_weight);
  const GroupLoss loss_of(session.groups.all(), weights, options.classes, settings.overlap_weight);
  Prefetch<CropBatch> batches(
      [&](int64_t step) { return make_batch(session, settings, weights, state.batch(), step); },
      state.first_step(), state.end_step());
  Progress progress("segmentation", state.first_step(), state.steps(), state.batch(),
                    session.work + "/losses.csv", state.end_step());
  network->train();
  const auto forward = [&](const at::Tensor& pictures) {
    if (!settings.half) return network(pictures);
    at::autocast::set_autocast_dtype(session.device.type(), at::kBFloat16);
    at::autocast::set_autocast_enabled(session.device.type(), true);
    at::Tensor logits = network(pictures).to(at::kFloat);
    at::autocast::set_autocast_enabled(session.device.type(), false);
    at::autocast::clear_cache();
    return logits;
  };
  // Of the averaged weights, folded as the framework folds them, on the CPU.
  const auto report = [&](int64_t steps) {
    CompactSegmentation averaged(options);
    copy_tensors(state.average(), named_tensors(*averaged));
    to_inference(*averaged);
    const Segmenter segmenter{[&](const at::Tensor& image) { return averaged(image); },
                              options.align_corners};
    for (const Dataset& dataset : session.datasets) {
      if (dataset.config.segmentation_share() <= 0 || dataset.held_out.empty()) continue;
      std::printf("segmentation step %lld: mean IoU %.3f on held-out frames of %s\n",
                  static_cast<long long>(steps),
                  mean_iou(segmenter, dataset.config, dataset.held_out, session.groups,
                           session.config.segmentation_size),
                  dataset.config.name.c_str());
    }
    const cv::Mat sheet = segmentation_sheet(session, segmenter, session.config.segmentation_size);
    if (!sheet.empty()) write_preview(session, "segmentation", steps, sheet);
    std::fflush(stdout);
  };
  for (int64_t step = state.first_step(); step < state.end_step(); ++step) {
    CropBatch batch = batches.take();
    batch = {batch.pictures.to(session.device), batch.targets.to(session.device)};
    const at::Tensor logits = forward(batch.pictures);
    const at::Tensor loss =
        loss_of(at::upsample_bilinear2d(logits, batch.targets.sizes().slice(1), options.align_corners),
                batch.targets);
    loss.backward();
    progress.step(step, loss.item<double>());
    const bool saved = state.advance(step);
    if (saved && step + 1 != state.steps() && (step + 1) % settings.measure_every == 0) report(step + 1);
  }
  if (state.waits_for_finish()) {
    CompactSegmentation averaged(options);
    copy_tensors(state.average(), named_tensors(*averaged));
    averaged->to(session.device);
    to_channels_last(*averaged);
    measure_statistics(*averaged, settings.statistics, [&](int64_t i) {
      averaged(plain_batch(session, settings.geometries[static_cast<size_t>(i) % settings.geometries.size()],
                           state.batch(), i)
                   .to(session.device));
    });
    state.finish(named_tensors(*averaged));
  }
  if (state.end_step() == state.steps()) report(state.steps());
}

}  // namespace anomaly::train
