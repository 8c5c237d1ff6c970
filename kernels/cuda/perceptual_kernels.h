// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/perceptual_math.h"

namespace anomaly::cuda {

// Mean over channels of |a - b|: each thread of a pixel has kLanes of the 64 lanes. V: channels that it loads
// at once, as many as fill 16 bytes; 1 for channel counts that are no multiple of that.
template <typename T, int V>
struct ChannelDifferenceKernel {
  static constexpr int kLanes = V == 1 ? 4 : V;
  static constexpr int kGroup = kDifferenceLanes / kLanes;  // threads of a pixel, at most half a warp
  static constexpr unsigned kThreads = 256, kPixels = kThreads / kGroup;
  static constexpr int kPhases = 7;  // load, six halvings
  static constexpr bool kWarpPhases = true;

  const T *a, *b;
  int64_t pixels;
  int channels;
  float divisor;
  float* out;

  Grid grid() const { return {blocks_for(pixels, kPixels), 1}; }
  size_t shared_bytes() const { return kPixels * kDifferenceLanes * sizeof(float); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    const int64_t pixel = static_cast<int64_t>(at.block_x) * kPixels + at.thread / kGroup;
    if (pixel >= pixels) return;
    const int member = static_cast<int>(at.thread % kGroup);
    float* lanes = shared + static_cast<std::ptrdiff_t>(at.thread / kGroup) * kDifferenceLanes;
    if constexpr (Phase == 0) {
      load_lanes(a + pixel * channels, b + pixel * channels, member, lanes);
    } else {
      constexpr int half = kDifferenceLanes >> Phase;
      for (int i = member; i < half; i += kGroup) lanes[i] += lanes[i + half];
      if (Phase == kPhases - 1 && member == 0) out[pixel] = lanes[0] / divisor;
    }
  }

 private:
  ANOMALY_HD void load_lanes(const T* p, const T* q, int member, float* lanes) const {
    float sum[kLanes] = {};
    if constexpr (V > 1) {
      for (int c = V * member; c < channels; c += kDifferenceLanes) {
        const Floats<V> f = load_once<V>(p + c), g = load_once<V>(q + c);
        ANOMALY_UNROLL
        for (int i = 0; i < V; ++i) sum[i] += absolute(f.v[i] - g.v[i]);
      }
      ANOMALY_UNROLL
      for (int i = 0; i < V; i += 4)
        store<4>(lanes + V * member + i, Floats<4>{{sum[i], sum[i + 1], sum[i + 2], sum[i + 3]}});
    } else {
      ANOMALY_UNROLL
      for (int i = 0; i < kLanes; ++i) {
        for (int c = member + i * kGroup; c < channels; c += kDifferenceLanes)
          sum[i] += absolute(anomaly::widened(p[c]) - anomaly::widened(q[c]));
        lanes[member + i * kGroup] = sum[i];
      }
    }
  }
};

// out += weight * bicubic upsampling of `in`: one thread an output value; the 16 input values come from the
// caches.
struct BicubicKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  const float* in;
  int in_width, in_height;
  float weight;
  float* out;
  int out_width, out_height;
  float x_scale, y_scale;

  BicubicKernel(const float* source, int iw, int ih, float w, float* target, int ow, int oh)
      : in(source),
        in_width(iw),
        in_height(ih),
        weight(w),
        out(target),
        out_width(ow),
        out_height(oh),
        x_scale(static_cast<float>(iw) / static_cast<float>(ow)),
        y_scale(static_cast<float>(ih) / static_cast<float>(oh)) {}

  Grid grid() const { return {static_cast<unsigned>(out_height), blocks_for(out_width, kThreads)}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int x = static_cast<int>(at.block_y * kThreads + at.thread), y = static_cast<int>(at.block_x);
    if (x >= out_width) return;
    const CubicSource across = cubic_source(x, x_scale, in_width), down = cubic_source(y, y_scale, in_height);
    float row[4];
    ANOMALY_UNROLL
    for (int t = 0; t < 4; ++t) {
      const float* source = in + static_cast<std::ptrdiff_t>(clamped(down.first + t, in_height)) * in_width;
      row[t] = cubic_mix(source[clamped(across.first, in_width)], source[clamped(across.first + 1, in_width)],
                         source[clamped(across.first + 2, in_width)],
                         source[clamped(across.first + 3, in_width)], across.weight);
    }
    out[static_cast<std::ptrdiff_t>(y) * out_width + x] +=
        weight * cubic_mix(row[0], row[1], row[2], row[3], down.weight);
  }
};

}  // namespace anomaly::cuda
