// SPDX-License-Identifier: LGPL-2.1-or-later
// Stages `dissimilarity` and `baseline`: cross-entropy, anomalies weighted up, over a pool of samples that
// the frozen framework made once (known frames, relabelled segments, pasted objects), mirrored at random.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "src/bundle/safetensors.h"
#include "src/error.h"
#include "src/networks/compact_dissimilarity.h"
#include "src/train/batches.h"
#include "src/train/bundle_writer.h"
#include "src/train/composites.h"
#include "src/train/network_setup.h"
#include "src/train/progress.h"
#include "src/train/ranking.h"
#include "src/train/session.h"
#include "src/train/stage_loop.h"

namespace anomaly::train {

namespace {

struct Batch {
  at::Tensor frame, synthesis, labels, maps, target;
};

Batch make_batch(const std::vector<DissimilaritySample>& pool, const std::vector<size_t>& chosen,
                 const std::vector<bool>& mirrored) {
  std::vector<at::Tensor> frames, syntheses, labels, maps, targets;
  for (size_t i = 0; i < chosen.size(); ++i) {
    const DissimilaritySample& sample = pool[chosen[i]];
    const auto flipped = [&](const at::Tensor& tensor, int64_t axis) {
      return mirrored[i] ? tensor.flip({axis}) : tensor;
    };
    frames.push_back(flipped(sample.frame, 1));
    syntheses.push_back(flipped(sample.synthesis, 1));
    labels.push_back(flipped(sample.labels, 1));
    maps.push_back(flipped(sample.maps, 2));
    targets.push_back(flipped(sample.target, 1));
  }
  const auto pictures = [](const std::vector<at::Tensor>& all) {
    return normalised(at::stack(all).to(at::kFloat).div_(255).permute({0, 3, 1, 2}));
  };
  return {pictures(frames), pictures(syntheses), at::stack(labels), at::stack(maps).to(at::kFloat).div_(255),
          at::stack(targets).to(at::kLong)};
}

std::vector<DissimilaritySample> make_pool(const Session& session, const Pipeline& pipeline,
                                           const std::vector<PastedObject>& objects,
                                           const CompositeOptions& options, uint64_t stream, int64_t count) {
  std::vector<DissimilaritySample> pool;
  Progress progress(stream == 3 ? "samples" : "validation samples", 0, count, 1, "");
  for (int64_t i = 0; i < count; ++i) {
    pool.push_back(make_sample(session, pipeline, objects, options, stream, i));
    progress.step(i, 0);
  }
  return pool;
}

// Average precision of channel 1 over the pool's labelled pixels.
double pool_precision(CompactDissimilarity& network, const std::vector<DissimilaritySample>& pool) {
  const at::NoGradGuard no_grad;
  Ranking ranking;
  for (size_t i = 0; i < pool.size(); ++i) {
    const Batch batch = make_batch(pool, {i}, {false});
    const at::Tensor logits = network(batch.frame, batch.synthesis, batch.labels, batch.maps);
    ranking.add(logits.softmax(1).select(1, 1).squeeze(0), pool[i].target);
  }
  return ranking.measure().average_precision;
}

// A row a sample: frame, synthesis, entropy, perceptual difference, score, truth.
void write_preview(const std::string& path, CompactDissimilarity& network,
                   const std::vector<DissimilaritySample>& pool) {
  const at::NoGradGuard no_grad;
  cv::Mat sheet;
  for (size_t i = 0; i < std::min<size_t>(8, pool.size()); ++i) {
    const Batch batch = make_batch(pool, {i}, {false});
    const at::Tensor score =
        network(batch.frame, batch.synthesis, batch.labels, batch.maps).softmax(1).select(1, 1).squeeze(0);
    const auto grey = [](const at::Tensor& map) {  // h x w in [0, 1]
      return tensor_to_pictures(map.unsqueeze(0).unsqueeze(0).expand({1, 3, -1, -1})).at(0);
    };
    const auto colour = [](const at::Tensor& bytes) {
      return tensor_to_pictures(bytes.to(at::kFloat).div(255).permute({2, 0, 1}).unsqueeze(0)).at(0);
    };
    cv::Mat row;
    cv::hconcat(std::vector<cv::Mat>{colour(pool[i].frame), colour(pool[i].synthesis),
                                     grey(pool[i].maps[0].to(at::kFloat).div(255)),
                                     grey(pool[i].maps[1].to(at::kFloat).div(255)), grey(score),
                                     grey(pool[i].target.eq(1).to(at::kFloat))},
                row);
    sheet.push_back(row);
  }
  cv::cvtColor(sheet, sheet, cv::COLOR_RGB2BGR);
  cv::imwrite(path, sheet);
}

// Copies where every tensor has the same shape on both sides.
void start_from(const NamedTensors& from, const NamedTensors& to) {
  bool fits = from.size() == to.size();
  for (size_t i = 0; fits && i < from.size(); ++i)
    for (const auto& [name, tensor] : to)
      if (name == from[i].first) fits = fits && tensor.sizes() == from[i].second.sizes();
  if (fits) copy_tensors(from, to);
}

void train(Session& session, const std::string& name) {
  const Json& architecture = session.config.networks.at(name);
  const Json& stage = session.config.stage(name);
  const auto options = CompactDissimilarityOptions::from_json(architecture, "the configuration", name, 19);
  seed_weights(session.config.seed + 2);
  CompactDissimilarity network(options);
  // The image encoder starts from the segmentation trunk where the widths agree, as the published one starts
  // from VGG.
  const NamedTensors trunk =
      read_stage(session.checkpoint("segmentation"), "average.stem.", !session.partial);
  for (const auto& [from, to] : {std::pair{"half.", "layers.0."}, std::pair{"quarter.", "layers.1."}})
    start_from(strip_prefix(from, trunk), strip_prefix(to, named_tensors(*network->image_encoder())));
  StageState state(session, name, architecture, *network);
  if (state.complete()) {
    std::printf("%s: complete\n", name.c_str());
    return;
  }
  const std::string parts = session.work + "/synthesis.safetensors";
  write_bundle(session, parts, {"segmentation", "perceptual", "encoder", "generator"}, {});
  const Pipeline pipeline(parts);
  const CompositeOptions composites = CompositeOptions::from_json(stage);
  const auto objects = read_objects(session.data, session.config.objects, false);
  std::printf("%s: %zu objects to paste\n", name.c_str(), objects.size());
  const auto pool = make_pool(session, pipeline, objects, composites, 3, stage.int_or("samples", 2000));
  // Validation: held-out frames and objects.
  Session held_out;
  held_out.config = session.config;
  for (const Dataset& dataset : session.datasets)
    if (!dataset.held_out.empty()) held_out.datasets.push_back({dataset.config, dataset.held_out, {}});
  const auto validation =
      make_pool(held_out, pipeline, read_objects(session.data, session.config.objects, true), composites, 4,
                stage.int_or("validation_samples", 60));

  const at::Tensor weights = at::tensor({1.0f, static_cast<float>(stage.number_or("anomaly_weight", 5))});
  const auto batch_of = [&](int64_t step) {
    Random random({session.config.seed, 5, static_cast<uint64_t>(step)});
    std::vector<size_t> chosen;
    std::vector<bool> mirrored;
    for (int64_t i = 0; i < state.batch(); ++i) {
      chosen.push_back(static_cast<size_t>(random.below(static_cast<int64_t>(pool.size()))));
      mirrored.push_back(random.chance(0.5));
    }
    return make_batch(pool, chosen, mirrored);
  };
  Prefetch<Batch> batches(batch_of, state.first_step(), state.end_step());
  Progress progress(name, state.first_step(), state.steps(), state.batch(), session.work + "/losses.csv");
  network->train();
  for (int64_t step = state.first_step(); step < state.end_step(); ++step) {
    const Batch batch = batches.take();
    const at::Tensor logits = network(batch.frame, batch.synthesis, batch.labels, batch.maps);
    const at::Tensor loss = at::cross_entropy_loss(logits, batch.target, weights, at::Reduction::Mean, 255);
    loss.backward();
    progress.step(step, loss.item<double>());
    if (!state.advance(step)) continue;
    CompactDissimilarity averaged(options);
    copy_tensors(state.average(), named_tensors(*averaged));
    averaged->eval();
    const double precision = pool_precision(averaged, validation);
    std::printf("%s step %lld: average precision %.4f on held-out composites\n", name.c_str(),
                static_cast<long long>(step + 1), precision);
    std::fflush(stdout);
    write_preview(session.work + "/" + name + ".png", averaged, validation);
  }
}

}  // namespace

void train_dissimilarity(Session& session) {
  train(session, "dissimilarity");
}
void train_baseline(Session& session) {
  train(session, "baseline");
}

}  // namespace anomaly::train
