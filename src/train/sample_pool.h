// SPDX-License-Identifier: LGPL-2.1-or-later
// The dissimilarity network's training samples, made once by the frozen framework and kept in memory.
#pragma once

#include <vector>

#include "src/networks/compact_dissimilarity.h"
#include "src/train/composites.h"

namespace anomaly::train {

struct DissimilarityBatch {
  at::Tensor frame, synthesis;  // N x 3 x h x w normalised
  at::Tensor labels;            // N x h x w train ids, uint8
  at::Tensor maps;              // N x 3 x h x w in [0, 1]
  at::Tensor target;            // N x h x w: 0, 1 or 255 to ignore, int64
  DissimilarityBatch to(const at::Device& device) const;
};
// The network's logits, N x 2 x h x w, where the network is.
at::Tensor logits_of(CompactDissimilarity& network, const DissimilarityBatch& batch);

// The samples `chosen`, those with `mirrored` set left to right.
DissimilarityBatch make_batch(const std::vector<DissimilaritySample>& pool, const std::vector<size_t>& chosen,
                              const std::vector<bool>& mirrored);

// `count` samples drawn for a step, each mirrored half of the time: a function of seed, stream and step
// alone.
DissimilarityBatch draw_batch(const std::vector<DissimilaritySample>& pool, uint64_t seed, uint64_t stream,
                              int64_t step, int64_t count);

// The first `count` samples of a stream.
std::vector<DissimilaritySample> make_pool(const Session& session, const Pipeline& pipeline,
                                           const Cutouts& cutouts, const CompositeOptions& options,
                                           uint64_t stream, int64_t count);

struct PoolMeasures {
  double average_precision, loss;
};
// Average precision of channel 1 over the pool's labelled pixels, and the mean cross-entropy with `weights`.
PoolMeasures measure_pool(CompactDissimilarity& network, const std::vector<DissimilaritySample>& pool,
                          const at::Tensor& weights);

// Of `candidates` samples of ordinary frames, the indices of those `count` in which the network is surest of
// anomalies that are none (mean score of the highest hundredth of the pixels), the worst first.
std::vector<int64_t> find_hard_negatives(const Session& session, const Pipeline& pipeline,
                                         CompactDissimilarity& network, int64_t candidates, int64_t count);
// Sample `index` of those candidates.
DissimilaritySample make_negative(const Session& session, const Pipeline& pipeline, int64_t index);

// R G B, a row for each of the first samples: frame, synthesis, entropy, perceptual difference, score, truth.
cv::Mat sample_sheet(CompactDissimilarity& network, const std::vector<DissimilaritySample>& pool);

}  // namespace anomaly::train
