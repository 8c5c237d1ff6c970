// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/adapt.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <opencv2/imgproc.hpp>

#include "src/bundle/bundle.h"
#include "src/bundle/safetensors.h"
#include "src/error.h"
#include "src/eval/input.h"
#include "src/networks/compact_dissimilarity.h"
#include "src/train/batches.h"
#include "src/train/checkpoint.h"
#include "src/train/frames.h"
#include "src/train/network_setup.h"
#include "src/train/optimizer.h"
#include "src/train/progress.h"
#include "src/train/sample_pool.h"
#include "src/train/session.h"

namespace anomaly::train {

namespace {

constexpr int64_t kBatch = 4;
constexpr size_t kMostFrames = 600;      // in memory at once, evenly chosen
constexpr double kSmallestShare = 5e-4;  // of the frame: what is smaller is no region

struct Alarms {
  int64_t regions = 0, frames = 0;
  double pixels = 0;  // share of all pixels
};

at::Tensor combined(const Pipeline& pipeline, CompactDissimilarity& network,
                    const DissimilaritySample& sample) {
  const at::NoGradGuard no_grad;
  const DissimilarityBatch batch = make_batch({sample}, {0}, {false});
  const auto& w = pipeline.info().ensemble;
  const at::Tensor maps = batch.maps.squeeze(0);
  return network(batch.frame, batch.synthesis, batch.labels, batch.maps).softmax(1)[0][1] * w[0] +
         maps[0] * w[1] + maps[1] * w[2] + maps[2] * w[3];
}

Alarms count_alarms(const Pipeline& pipeline, CompactDissimilarity& network,
                    const std::vector<DissimilaritySample>& samples) {
  Alarms alarms;
  for (const DissimilaritySample& sample : samples) {
    const at::Tensor over =
        combined(pipeline, network, sample).ge(pipeline.info().threshold).to(at::kByte).contiguous();
    const cv::Mat map(static_cast<int>(over.size(0)), static_cast<int>(over.size(1)), CV_8UC1,
                      over.data_ptr<uint8_t>());
    cv::Mat components, statistics, centroids;
    const int count = cv::connectedComponentsWithStats(map, components, statistics, centroids, 8);
    int64_t regions = 0;
    for (int c = 1; c < count; ++c)
      regions += statistics.at<int>(c, cv::CC_STAT_AREA) >= kSmallestShare * static_cast<double>(map.total());
    alarms.regions += regions;
    alarms.frames += regions > 0;
    alarms.pixels += cv::countNonZero(map) / static_cast<double>(map.total());
  }
  alarms.pixels /= static_cast<double>(std::max<size_t>(1, samples.size()));
  return alarms;
}

struct Measured {
  Alarms alarms;
  double relabelled;  // average precision
};

Measured measure(const Pipeline& pipeline, CompactDissimilarity& network,
                 const std::vector<DissimilaritySample>& ordinary,
                 const std::vector<DissimilaritySample>& relabelled, const at::Tensor& weights) {
  network->eval();
  return {count_alarms(pipeline, network, ordinary),
          measure_pool(network, relabelled, weights).average_precision};
}

void print(const char* when, const Measured& measured, size_t frames) {
  std::printf(
      "%s: %lld false regions in %lld of %zu held-out frames, %.4f %% of their pixels; relabelled segments "
      "found "
      "with an average precision of %.3f\n",
      when, static_cast<long long>(measured.alarms.regions), static_cast<long long>(measured.alarms.frames),
      frames, 100 * measured.alarms.pixels, measured.relabelled);
  std::fflush(stdout);
}

Json to_json(const Measured& measured) {
  return Json::object({{"false_regions", measured.alarms.regions},
                       {"frames_with_false_regions", measured.alarms.frames},
                       {"false_positive_rate", measured.alarms.pixels},
                       {"relabelled_average_precision", measured.relabelled}});
}

// The camera's frames as a data set whose every pixel is known.
Session session_of(const std::vector<std::string>& pictures, uint64_t seed) {
  Session session;
  session.config.seed = seed;
  Dataset dataset;
  dataset.config.name = "camera";
  dataset.config.exact_geometry = true;
  for (const std::string& path : pictures) {
    Frame frame;
    frame.name = stem_of(path);
    frame.rgb = read_rgb(path);
    frame.groups = cv::Mat(frame.rgb.size(), CV_8UC1, cv::Scalar(Groups::kOrdinary));
    dataset.training.push_back(std::move(frame));
  }
  session.datasets.push_back(std::move(dataset));
  return session;
}

std::vector<std::string> evenly(const std::vector<std::string>& all, size_t most) {
  if (all.size() <= most) return all;
  std::vector<std::string> chosen;
  for (size_t i = 0; i < most; ++i) chosen.push_back(all[i * all.size() / most]);
  return chosen;
}

void write_adapted(const AdaptOptions& options, const Bundle& bundle, const CompactDissimilarity& network,
                   const Json& measures) {
  BundleInfo info = bundle.info();
  if (info.provenance.type() == Json::Type::Object) info.provenance.set("adapted", measures);
  NamedTensors tensors;
  for (const auto& entry : bundle.file().tensors())
    if (!entry.first.starts_with("dissimilarity."))
      tensors.emplace_back(entry.first, bundle.file().tensor(entry.first));
  for (const auto& [key, tensor] : named_tensors(*network))
    tensors.emplace_back("dissimilarity." + key, tensor.dim() >= 2 ? tensor.to(at::kHalf) : tensor);
  write_safetensors(options.output, tensors, {{"format_version", "1"}, {"bundle", info.to_json().dump()}});
}

}  // namespace

void adapt(const AdaptOptions& options) {
  const auto bundle = Bundle::open(options.bundle);
  for (const char* name : {"encoder", "generator", "perceptual", "dissimilarity"})
    if (!bundle->has(name))
      throw Error(ErrorKind::BadSettings, options.bundle + " has no network \"" + name + "\" to adapt with");
  const auto architecture = CompactDissimilarityOptions::from_json(
      bundle->info().architecture.at("dissimilarity"), options.bundle, "dissimilarity",
      static_cast<int64_t>(bundle->info().classes.size()));
  const auto pictures = eval::list_picture_files(options.frames);
  const size_t kept =
      pictures.size() -
      static_cast<size_t>(std::lround(static_cast<double>(pictures.size()) * options.held_out));
  if (kept < 4 || pictures.size() - kept < 2)
    throw Error(ErrorKind::BadSettings, options.frames + ": holds " + std::to_string(pictures.size()) +
                                            " pictures; a camera is learnt from at least 8");
  const Session train = session_of(
      evenly({pictures.begin(), pictures.begin() + static_cast<int64_t>(kept)}, kMostFrames), options.seed);
  const Session held_out = session_of(
      evenly({pictures.begin() + static_cast<int64_t>(kept), pictures.end()}, kMostFrames), options.seed);
  const auto& last = held_out.datasets[0].training;
  const Pipeline pipeline(options.bundle);

  seed_weights(options.seed);
  CompactDissimilarity network(architecture);
  {
    NamedTensors stored;
    for (const auto& entry : bundle->file().tensors())
      if (entry.first.starts_with("dissimilarity."))
        stored.emplace_back(entry.first, bundle->file().tensor(entry.first).to(at::kFloat));
    copy_tensors(strip_prefix("dissimilarity.", stored), named_tensors(*network));
  }
  to_channels_last(*network);

  CompositeOptions relabelling;
  relabelling.paste = relabelling.decoys = 0;
  relabelling.relabel = 0.5;
  const auto count = static_cast<int64_t>(2 * train.datasets[0].training.size());
  const auto pool = make_pool(train, pipeline, {}, relabelling, 3, count);
  // Held out: every frame once as it is, and relabelled ones.
  std::vector<DissimilaritySample> ordinary;
  ordinary.reserve(last.size());
  for (const Frame& frame : last) ordinary.push_back(make_ordinary(pipeline, frame.rgb));
  relabelling.relabel = 1;
  const auto relabelled = make_pool(held_out, pipeline, {}, relabelling, 4,
                                    static_cast<int64_t>(std::min<size_t>(60, last.size())));

  const at::Tensor weights = at::tensor({1.0f, 4.0f});
  const Measured before = measure(pipeline, network, ordinary, relabelled, weights);
  print("before", before, ordinary.size());

  Adam adam(network->parameters(), {0.5, 0.999, 0, 1e-8});
  WeightAverage average(*network, 0.98);
  Progress progress("adapt", 0, options.steps, kBatch, "");
  for (int64_t step = 0; step < options.steps; ++step) {
    const DissimilarityBatch batch = draw_batch(pool, options.seed, 9, step, kBatch);
    const at::Tensor loss =
        at::cross_entropy_loss(network(batch.frame, batch.synthesis, batch.labels, batch.maps), batch.target,
                               weights, at::Reduction::Mean, 255);
    loss.backward();
    progress.step(step, loss.item<double>());
    adam.step(options.rate * (1 - static_cast<double>(step) / static_cast<double>(options.steps)));
    average.update(step);
  }
  copy_tensors(average.tensors(), named_tensors(*network));
  const Measured after = measure(pipeline, network, ordinary, relabelled, weights);
  print("after", after, ordinary.size());

  const Json measures = Json::object({{"frames", static_cast<int64_t>(kept)},
                                      {"held_out_frames", static_cast<int64_t>(ordinary.size())},
                                      {"steps", options.steps},
                                      {"before", to_json(before)},
                                      {"after", to_json(after)}});
  write_adapted(options, *bundle, network, measures);
  std::printf("wrote %s\n", options.output.c_str());
  if (options.json.empty()) return;
  std::ofstream file(options.json);
  file << measures.dump(2) << '\n';
  if (!file) throw Error(ErrorKind::Io, options.json + ": cannot be written");
}

}  // namespace anomaly::train
