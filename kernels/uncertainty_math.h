// SPDX-License-Identifier: LGPL-2.1-or-later
// One pixel's uncertainty from its logits: the steps that the CPU runs over a block of pixels and the GPU
// over one.
#pragma once

#include <cstdint>

#include "kernels/float_math.h"
#include "kernels/portable.h"

namespace anomaly {

inline constexpr int kMaxClasses = 64;

// Keeps overflowed networks from spreading NaN: infinities become large finite logits, NaN the lowest.
inline constexpr float kLogitLimit = 1e30f;
ANOMALY_HD inline float finite_logit(float x) {
  return min_of(max_of(x, -kLogitLimit), kLogitLimit);
}

// First sweep over the classes: the largest logit, the second largest, and where the largest is (the first of
// equals).
struct Ranking {
  float best = -3e30f, second = -3e30f;
  int32_t label = 0;
};
ANOMALY_HD inline void rank_class(float logit, int32_t label, float& best, float& second,
                                  int32_t& best_label) {
  second = max_of(second, min_of(best, logit));
  best_label = logit > best ? label : best_label;
  best = max_of(best, logit);
}

// ln p up to a constant that all classes share, kept where e^x is a normal float.
ANOMALY_HD inline float shifted_logit(float logit, float best) {
  return max_of(logit - best, kExpLowest);
}

// Second sweep: S = sum e^d and T = sum d e^d with d = logit - best. Where e^d is next to 0 so is d e^d.
ANOMALY_HD inline void sum_class(float shifted, float& sum, float& weighted) {
  const float e = exp_near(shifted);
  sum += e;
  weighted += e * shifted;
}

// -sum p ln p = ln S - T / S, in nats.
ANOMALY_HD inline float entropy_from(float sum, float weighted) {
  return max_of(log_near(sum) - weighted / sum, 0.0f);
}

// 1 - max p + second max p, with max p = 1 / S.
ANOMALY_HD inline float distance_from(float sum, float shifted_second) {
  return 1.0f - (1.0f - exp_near(shifted_second)) / sum;
}

struct PixelUncertainty {
  int32_t label;
  float entropy, distance;
};

// `logit(c)` returns the upsampled logit of class c; it is asked twice.
template <typename Logit>
ANOMALY_HD inline PixelUncertainty pixel_uncertainty(int classes, const Logit& logit) {
  Ranking rank;
  for (int c = 0; c < classes; ++c) rank_class(logit(c), c, rank.best, rank.second, rank.label);
  float sum = 0, weighted = 0;
  for (int c = 0; c < classes; ++c) sum_class(shifted_logit(logit(c), rank.best), sum, weighted);
  return {rank.label, entropy_from(sum, weighted), distance_from(sum, shifted_logit(rank.second, rank.best))};
}

}  // namespace anomaly
