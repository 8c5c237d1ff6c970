// SPDX-License-Identifier: LGPL-2.1-or-later
// Stage `ensemble`: the papers' grid search of the four weights on held-out composites, the default threshold
// from held-out normal frames, bounds for normalization=fixed; then the finished bundle.
#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softplus.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "src/error.h"
#include "src/train/bundle_writer.h"
#include "src/train/composites.h"
#include "src/train/optimizer.h"
#include "src/train/pipeline.h"
#include "src/train/ranking.h"
#include "src/train/session.h"

namespace anomaly::train {

namespace {

struct Scored {
  std::array<at::Tensor, 4> scores;  // dissimilarity, entropy, perceptual, distance, h x w in [0, 1]
  at::Tensor target;
};

Scored score(const Pipeline& pipeline, const DissimilaritySample& sample) {
  // The network's answer for a sample whose earlier steps are at hand.
  FrameTensors out;
  out["labels"] = sample.labels;
  out["synthesis"] = sample.synthesis;
  out["entropy"] = sample.maps[0];
  out["perceptual"] = sample.maps[1];
  out["distance"] = sample.maps[2];
  pipeline.compare(sample.frame, out);
  Scored scored;
  scored.scores[0] = out.at("dissimilarity");
  for (int i = 0; i < 3; ++i)
    scored.scores[static_cast<size_t>(i) + 1] = sample.maps[i].to(at::kFloat).div(255);
  scored.target = sample.target;
  return scored;
}

at::Tensor combine(const Scored& scored, const std::array<double, 4>& weights) {
  at::Tensor sum = scored.scores[0] * weights[0];
  for (size_t i = 1; i < 4; ++i)
    if (weights[i] != 0) sum = sum + scored.scores[i] * weights[i];
  return sum;
}

RankingMeasures measure(const std::vector<Scored>& all, const std::array<double, 4>& weights) {
  Ranking ranking;
  for (const Scored& scored : all) ranking.add(combine(scored, weights), scored.target);
  return ranking.measure();
}

// {0, 1, 2, 3}^4, each divided by its sum, each direction once: the lowest FPR95 as in the papers. The tie of
// equal rates goes to the higher average precision.
std::array<double, 4> search(const std::vector<Scored>& all, const std::string& criterion) {
  std::array<double, 4> best{1, 0, 0, 0};
  RankingMeasures best_measures;
  bool first = true;
  std::vector<std::array<double, 4>> seen;
  for (int code = 1; code < 256; ++code) {
    std::array<double, 4> weights{static_cast<double>(code >> 6 & 3), static_cast<double>(code >> 4 & 3),
                                  static_cast<double>(code >> 2 & 3), static_cast<double>(code & 3)};
    const double sum = weights[0] + weights[1] + weights[2] + weights[3];
    for (double& weight : weights) weight /= sum;
    if (std::find(seen.begin(), seen.end(), weights) != seen.end()) continue;
    seen.push_back(weights);
    const RankingMeasures found = measure(all, weights);
    const bool better = criterion == "average-precision"
                            ? found.average_precision > best_measures.average_precision
                            : found.fpr95 < best_measures.fpr95 ||
                                  (found.fpr95 == best_measures.fpr95 &&
                                   found.average_precision > best_measures.average_precision);
    if (first || better) {
      best = weights;
      best_measures = found;
      first = false;
    }
  }
  return best;
}

// The score before the softmax of the learned ensemble: the network's margin and the three maps, weighted.
at::Tensor margin(const Scored& scored, const at::Tensor& weights) {
  at::Tensor sum = scored.scores[0].clamp(1e-6, 1 - 1e-6).logit() * weights[0];
  for (int64_t i = 1; i < 4; ++i) sum = sum + scored.scores[static_cast<size_t>(i)] * weights[i];
  return sum;
}

// The reproduction's "end to end" ensemble: four parameters, divided by their sum, on the logits;
// cross-entropy over the labelled pixels, anomalies weighted to be half of the loss.
at::Tensor learn(const std::vector<Scored>& all) {
  constexpr int kSteps = 200;
  at::Tensor parameters = at::ones({4}).requires_grad_(true);
  Adam adam({parameters}, {});
  const auto normalised_weights = [&] {
    const at::Tensor positive = parameters.clamp_min(1e-3);
    return positive / positive.sum();
  };
  for (int step = 0; step < kSteps; ++step) {
    const Scored& scored = all[static_cast<size_t>(step) % all.size()];
    const at::Tensor anomalous = scored.target.eq(1), normal = scored.target.eq(0);
    const at::Tensor x = margin(scored, normalised_weights());
    const at::Tensor misses = at::softplus(-x).mul(anomalous).sum() / anomalous.sum().clamp_min(1),
                     alarms = at::softplus(x).mul(normal).sum() / normal.sum().clamp_min(1);
    (misses + alarms).backward();
    adam.step(0.02);
  }
  return normalised_weights().detach();
}

Json told(const std::array<double, 4>& weights, const RankingMeasures& measures) {
  Json list = Json::array();
  for (const double weight : weights) list.push(weight);
  return Json::object(
      {{"weights", list}, {"average_precision", measures.average_precision}, {"fpr95", measures.fpr95}});
}

// Prints it; returns what is told of it.
Json report_learned(const std::vector<Scored>& all) {
  const at::Tensor weights = learn(all);
  Ranking ranking;
  for (const Scored& scored : all) ranking.add(margin(scored, weights), scored.target);
  const RankingMeasures measures = ranking.measure();
  std::printf("ensemble, learned: weights %.3f %.3f %.3f %.3f; average precision %.4f, FPR95 %.4f\n",
              weights[0].item<double>(), weights[1].item<double>(), weights[2].item<double>(),
              weights[3].item<double>(), measures.average_precision, measures.fpr95);
  std::array<double, 4> values{};
  for (int64_t i = 0; i < 4; ++i) values[static_cast<size_t>(i)] = weights[i].item<double>();
  return told(values, measures);
}

}  // namespace

void finish_ensemble(Session& session, const std::string& bundle_path) {
  const Json& stage = session.config.stage("ensemble");
  const std::string criterion = stage.string_or("criterion", "fpr95");
  const double rate = stage.number_or("false_positive_rate", 0.001);
  if (!(rate > 0 && rate < 0.5) || (criterion != "fpr95" && criterion != "average-precision"))
    throw Error(ErrorKind::BadSettings,
                "stage ensemble: false_positive_rate must lie between 0 and 0.5, criterion be fpr95 or "
                "average-precision");
  std::vector<std::string> networks = {"segmentation", "encoder", "generator", "perceptual", "dissimilarity"};
  if (session.config.networks.find("baseline")) networks.push_back("baseline");
  const std::string parts = session.work + "/dissimilarity.safetensors";
  write_bundle(session, parts, networks, {});
  const Pipeline pipeline(parts);

  Session held_out;
  held_out.config = session.config;
  for (const Dataset& dataset : session.datasets)
    if (!dataset.held_out.empty()) held_out.datasets.push_back({dataset.config, dataset.held_out, {}});
  CompositeOptions composites = CompositeOptions::from_json(session.config.stage("dissimilarity"));
  composites.paste = 1;
  composites.relabel = composites.decoys = 0;
  const Cutouts cutouts = Cutouts::read(session, true);
  if (!cutouts.foreign.empty()) composites.shapes = 0;
  std::vector<Scored> scored;
  const int64_t count = stage.int_or("samples", 100);
  for (int64_t i = 0; i < count; ++i)
    scored.push_back(score(pipeline, make_sample(held_out, pipeline, cutouts, composites, 6, i)));

  const bool anomalous = std::any_of(scored.begin(), scored.end(),
                                     [](const Scored& one) { return one.target.eq(1).any().item<bool>(); });
  if (!anomalous)
    throw Error(
        ErrorKind::BadSettings,
        "stage ensemble: no held-out composite has an anomaly in it, so nothing can be searched: give the "
        "configuration \"objects\" with pictures held out, or the stage dissimilarity \"shapes\" above 0");
  Calibration calibration;
  calibration.ensemble = search(scored, criterion);
  const RankingMeasures chosen = measure(scored, calibration.ensemble);
  std::printf(
      "ensemble: weights %.3f %.3f %.3f %.3f; average precision %.4f, FPR95 %.4f on held-out composites\n",
      calibration.ensemble[0], calibration.ensemble[1], calibration.ensemble[2], calibration.ensemble[3],
      chosen.average_precision, chosen.fpr95);

  const Json learned = report_learned(scored);

  // Held-out frames as they are: what scores high there is a false alarm.
  std::vector<float> normal;
  double low = 0, high = 0;
  int64_t frames = 0;
  for (const Dataset& dataset : session.datasets) {
    if (dataset.config.scenes.anomalies) continue;  // not ordinary
    for (const Frame& source : dataset.held_out) {
      const at::Tensor frame = pipeline.frame(source.rgb);
      FrameTensors out = pipeline.segment(frame);
      pipeline.synthesise(frame, out);
      pipeline.compare(frame, out);
      Scored one;
      one.scores = {out.at("dissimilarity"), pipeline.at_map_size(out.at("entropy")).to(at::kFloat).div(255),
                    out.at("perceptual").to(at::kFloat).div(255),
                    pipeline.at_map_size(out.at("distance")).to(at::kFloat).div(255)};
      const at::Tensor map = combine(one, calibration.ensemble).contiguous();
      normal.insert(normal.end(), map.const_data_ptr<float>(), map.const_data_ptr<float>() + map.numel());
      low += out.at("perceptual_raw").min().item<double>();
      high += out.at("perceptual_raw").max().item<double>();
      ++frames;
    }
  }
  if (frames == 0) throw Error(ErrorKind::BadSettings, "stage ensemble: no frames are held out");
  calibration.perceptual_bounds = {{low / static_cast<double>(frames), high / static_cast<double>(frames)}};
  const auto place =
      normal.begin() + static_cast<int64_t>(std::floor((1 - rate) * static_cast<double>(normal.size())));
  std::nth_element(normal.begin(), place, normal.end());
  calibration.threshold = std::min(1.0, std::ceil(static_cast<double>(*place) * 1000) / 1000);
  std::printf("ensemble: threshold %.3f, at or over which %.3f %% of the pixels of %lld normal frames lie\n",
              calibration.threshold, 100 * rate, static_cast<long long>(frames));
  calibration.measured = Json::object({{"false_positive_rate", rate},
                                       {"ensemble", told(calibration.ensemble, chosen)},
                                       {"ensemble_learned", learned}});
  write_bundle(session, bundle_path, networks, calibration);
  std::printf("wrote %s\n", bundle_path.c_str());
}

}  // namespace anomaly::train
