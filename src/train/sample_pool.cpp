// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/sample_pool.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "src/train/batches.h"
#include "src/train/progress.h"
#include "src/train/ranking.h"

namespace anomaly::train {

namespace {

constexpr uint64_t kTrainingStream = 3, kNegativeStream = 8;

}  // namespace

DissimilarityBatch DissimilarityBatch::to(const at::Device& device) const {
  return {frame.to(device), synthesis.to(device), labels.to(device), maps.to(device), target.to(device)};
}

at::Tensor logits_of(CompactDissimilarity& network, const DissimilarityBatch& batch) {
  return network(batch.frame, batch.synthesis, batch.labels, batch.maps);
}

DissimilarityBatch make_batch(const std::vector<DissimilaritySample>& pool, const std::vector<size_t>& chosen,
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

DissimilarityBatch draw_batch(const std::vector<DissimilaritySample>& pool, uint64_t seed, uint64_t stream,
                              int64_t step, int64_t count) {
  Random random({seed, stream, static_cast<uint64_t>(step)});
  std::vector<size_t> chosen;
  std::vector<bool> mirrored;
  for (int64_t i = 0; i < count; ++i) {
    chosen.push_back(static_cast<size_t>(random.below(static_cast<int64_t>(pool.size()))));
    mirrored.push_back(random.chance(0.5));
  }
  return make_batch(pool, chosen, mirrored);
}

std::vector<DissimilaritySample> make_pool(const Session& session, const Pipeline& pipeline,
                                           const Cutouts& cutouts, const CompositeOptions& options,
                                           uint64_t stream, int64_t count) {
  std::vector<DissimilaritySample> pool;
  Progress progress(stream == kTrainingStream ? "samples" : "validation samples", 0, count, 1, "");
  for (int64_t i = 0; i < count; ++i) {
    pool.push_back(make_sample(session, pipeline, cutouts, options, stream, i));
    progress.step(i, 0);
  }
  return pool;
}

PoolMeasures measure_pool(CompactDissimilarity& network, const std::vector<DissimilaritySample>& pool,
                          const at::Tensor& weights) {
  const at::NoGradGuard no_grad;
  Ranking ranking;
  double loss = 0;
  for (size_t i = 0; i < pool.size(); ++i) {
    const DissimilarityBatch batch = make_batch(pool, {i}, {false});
    const at::Tensor logits = logits_of(network, batch);
    loss += at::cross_entropy_loss(logits, batch.target, weights, at::Reduction::Mean, 255).item<double>();
    ranking.add(logits.softmax(1).select(1, 1).squeeze(0), pool[i].target);
  }
  return {ranking.measure().average_precision, loss / static_cast<double>(std::max<size_t>(1, pool.size()))};
}

DissimilaritySample make_negative(const Session& session, const Pipeline& pipeline, int64_t index) {
  CompositeOptions ordinary;
  ordinary.paste = ordinary.relabel = 0;
  return make_sample(session, pipeline, {}, ordinary, kNegativeStream, index);
}

std::vector<int64_t> find_hard_negatives(const Session& session, const Pipeline& pipeline,
                                         CompactDissimilarity& network, int64_t candidates, int64_t count) {
  const at::NoGradGuard no_grad;
  std::vector<std::pair<double, int64_t>> found;
  Progress progress("hard negatives", 0, candidates, 1, "");
  for (int64_t i = 0; i < candidates; ++i) {
    const DissimilarityBatch batch =
        make_batch({make_negative(session, pipeline, i)}, {0}, {false}).to(session.device);
    const at::Tensor scores =
        logits_of(network, batch).softmax(1).select(1, 1).mul(batch.target.eq(0)).flatten();
    const auto highest = scores.topk(std::max<int64_t>(1, scores.numel() / 100));
    found.emplace_back(-std::get<0>(highest).mean().item<double>(), i);
    progress.step(i, 0);
  }
  std::sort(found.begin(), found.end());
  std::vector<int64_t> indices;
  for (size_t i = 0; i < found.size() && i < static_cast<size_t>(count); ++i)
    indices.push_back(found[i].second);
  return indices;
}

cv::Mat sample_sheet(CompactDissimilarity& network, const std::vector<DissimilaritySample>& pool) {
  const at::NoGradGuard no_grad;
  cv::Mat sheet;
  for (size_t i = 0; i < std::min<size_t>(8, pool.size()); ++i) {
    const DissimilarityBatch batch = make_batch(pool, {i}, {false});
    const at::Tensor score = logits_of(network, batch).softmax(1).select(1, 1).squeeze(0);
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
  return sheet;
}

}  // namespace anomaly::train
