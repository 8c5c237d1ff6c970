// SPDX-License-Identifier: LGPL-2.1-or-later
// Stages `dissimilarity` and `baseline`: cross-entropy, anomalies weighted up, over a pool of samples that
// the frozen framework made once (known frames, relabelled segments, pasted objects), mirrored at random.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cstdio>

#include "src/error.h"
#include "src/networks/compact_dissimilarity.h"
#include "src/train/batches.h"
#include "src/train/bundle_writer.h"
#include "src/train/composites.h"
#include "src/train/network_setup.h"
#include "src/train/preview.h"
#include "src/train/progress.h"
#include "src/train/sample_pool.h"
#include "src/train/session.h"
#include "src/train/stage_loop.h"

namespace anomaly::train {

namespace {

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
  if (!start_from_bundle(session, name, *network))
    for (const auto& [from, to] : {std::pair{"half.", "layers.0."}, std::pair{"quarter.", "layers.1."}})
      start_from(strip_prefix(from, trunk), strip_prefix(to, named_tensors(*network->image_encoder())));
  network->to(session.device);
  const int64_t hard_negatives = stage.int_or("hard_negatives", 0);
  if (hard_negatives < 0 || hard_negatives > 100000)
    throw Error(ErrorKind::BadSettings, "stage " + name + ": hard_negatives must be 0 to 100000");
  at::Tensor mined = at::full({std::max<int64_t>(1, hard_negatives)}, -1, at::kLong);
  StageState state(session, name, architecture, *network, nullptr, {{"mined", mined}});
  if (state.complete()) {
    std::printf("%s: complete\n", name.c_str());
    return;
  }
  const std::string parts = session.work + "/synthesis.safetensors";
  write_bundle(session, parts, {"segmentation", "perceptual", "encoder", "generator"}, {});
  const Pipeline pipeline(parts);
  const CompositeOptions composites = CompositeOptions::from_json(stage);
  const Cutouts cutouts = Cutouts::read(session, false);
  std::printf("%s: %zu foreign objects, %zu people and vehicles to paste\n", name.c_str(),
              cutouts.foreign.size(), cutouts.street.size());
  auto pool = make_pool(session, pipeline, cutouts, composites, 3, stage.int_or("samples", 2000));
  // Validation: held-out frames and objects.
  Session held_out;
  held_out.config = session.config;
  for (const Dataset& dataset : session.datasets)
    if (!dataset.held_out.empty()) held_out.datasets.push_back({dataset.config, dataset.held_out, {}});
  const auto validation = make_pool(held_out, pipeline, Cutouts::read(session, true), composites, 4,
                                    stage.int_or("validation_samples", 60));

  const at::Tensor weights = at::tensor({1.0f, static_cast<float>(stage.number_or("anomaly_weight", 5))});
  const int64_t epoch = std::max<int64_t>(1, static_cast<int64_t>(pool.size()) / state.batch());
  // Until `mine_at`, the pool; from there on, ordinary frames that the network takes for strange are part of
  // it.
  const int64_t mine_at =
      hard_negatives > 0
          ? std::max<int64_t>(1, static_cast<int64_t>(0.5 * static_cast<double>(state.steps())))
          : state.steps();
  Progress progress(name, state.first_step(), state.steps(), state.batch(), session.work + "/losses.csv",
                    state.end_step());
  for (int64_t start = state.first_step(); start < state.end_step();) {
    if (start >= mine_at) {
      if (mined[0].item<int64_t>() < 0) {
        network->eval();
        const auto indices =
            find_hard_negatives(session, pipeline, network, 4 * hard_negatives, hard_negatives);
        for (size_t i = 0; i < indices.size(); ++i) mined[static_cast<int64_t>(i)] = indices[i];
      }
      for (int64_t i = 0; i < hard_negatives; ++i)
        pool.push_back(make_negative(session, pipeline, mined[i].item<int64_t>()));
    }
    const auto batch_of = [&](int64_t step) {
      return draw_batch(pool, session.config.seed, 5, step, state.batch());
    };
    const int64_t end = start < mine_at ? std::min(mine_at, state.end_step()) : state.end_step();
    Prefetch<DissimilarityBatch> batches(batch_of, start, end);
    network->train();
    for (int64_t step = start; step < end; ++step) {
      const DissimilarityBatch batch = batches.take().to(session.device);
      const at::Tensor loss = at::cross_entropy_loss(logits_of(network, batch), batch.target,
                                                     weights.to(session.device), at::Reduction::Mean, 255);
      loss.backward();
      progress.step(step, loss.item<double>());
      const bool saved = state.advance(step), epoch_over = (step + 1) % epoch == 0;
      if (!saved && !(epoch_over && state.follows_validation())) continue;
      CompactDissimilarity averaged(options);
      copy_tensors(state.average(), named_tensors(*averaged));
      averaged->eval();
      const PoolMeasures measures = measure_pool(averaged, validation, weights);
      if (epoch_over) state.end_epoch(step, measures.loss);
      std::printf("%s step %lld: average precision %.4f, loss %.4f on held-out composites\n", name.c_str(),
                  static_cast<long long>(step) + 1, measures.average_precision, measures.loss);
      std::fflush(stdout);
      if (saved) write_preview(session, name, step + 1, sample_sheet(averaged, validation));
    }
    start = end;
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
