// SPDX-License-Identifier: LGPL-2.1-or-later
// The score from the dissimilarity network's logits and the 8-bit maps, in one pass.
#pragma once

#include "kernels/cuda/picture_kernels.h"

namespace anomaly::cuda {

template <typename T>
struct EnsembleKernel : QuadGrid {
  static constexpr int kMaps = 3;

  const T* logits;  // may be null; aligned for a pixel
  NearestSource map[kMaps];
  float weight[1 + kMaps];
  float *score_out, *share_out;  // share_out may be null
  bool wide;

  explicit EnsembleKernel(const AnomalyCudaEnsemble& a)
      : QuadGrid{static_cast<int64_t>(a.batch) * a.height * a.width},
        logits(static_cast<const T*>(a.logits)),
        map{},
        weight{a.weight[0], a.weight[1], a.weight[2], a.weight[3]},
        score_out(a.anomaly),
        share_out(a.dissimilarity),
        wide(aligned_for(a.anomaly, 16) && aligned_for(a.dissimilarity, 16) &&
             aligned_for(a.logits, 4 * sizeof(T))) {
    const AnomalyCudaMap* from[kMaps] = {&a.entropy, &a.perceptual, &a.distance};
    for (int i = 0; i < kMaps; ++i)
      map[i] = {from[i]->map, 1, from[i]->width, from[i]->height, a.width, a.height};
  }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t begin = first(at);
    if (begin >= pixels) return;
    const int here = count(begin);
    Floats<4> share{}, score{};
    if (logits) find_shares(begin, here, share);
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) score.v[i] = logits ? share.v[i] * weight[0] : 0.0f;
    ANOMALY_UNROLL
    for (int m = 0; m < kMaps; ++m) {
      if (!map[m].in) continue;
      PicturePlace place(begin, map[m].out_width, map[m].out_height);
      ANOMALY_UNROLL
      for (int i = 0; i < 4; ++i) {
        if (i < here) score.v[i] += weight[1 + m] * byte_fraction(*map[m].at(place));
        place.next(map[m].out_width, map[m].out_height);
      }
    }
    write(score_out + begin, here, score);
    if (share_out) write(share_out + begin, here, share);
  }

 private:
  ANOMALY_HD void find_shares(int64_t begin, int here, Floats<4>& share) const {
    if (wide && here == 4) {
      const Floats<4> low = load<4>(logits + 2 * begin), high = load<4>(logits + 2 * begin + 4);
      share = {{second_softmax(low.v[0], low.v[1]), second_softmax(low.v[2], low.v[3]),
                second_softmax(high.v[0], high.v[1]), second_softmax(high.v[2], high.v[3])}};
      return;
    }
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i)
      if (i < here)
        share.v[i] = second_softmax(anomaly::widened(logits[2 * (begin + i)]),
                                    anomaly::widened(logits[2 * (begin + i) + 1]));
  }
  ANOMALY_HD void write(float* out, int here, const Floats<4>& values) const {
    if (wide && here == 4) {
      store<4>(out, values);
      return;
    }
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i)
      if (i < here) out[i] = values.v[i];
  }
};

}  // namespace anomaly::cuda
