// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <type_traits>

#include "kernels/cuda/grid.h"
#include "kernels/cuda/module_types.h"
#include "kernels/perceptual_math.h"

namespace anomaly::cuda {

// What is summed over channels, and what becomes of the sum.
struct AbsoluteDifference {
  float divisor;
  float* out;

  ANOMALY_HD static float term(float a, float b) { return absolute(a - b); }
  ANOMALY_HD void finish(int64_t pixel, float sum) const { out[pixel] = sum / divisor; }
};
template <typename T>
struct Correlation {
  float divisor;
  T* out;

  ANOMALY_HD static float term(float a, float b) { return a * b; }
  ANOMALY_HD void finish(int64_t pixel, float sum) const {
    sum = sum / divisor;
    if constexpr (std::is_same_v<T, Half>) sum = max_of(min_of(sum, kHalfLargest), -kHalfLargest);
    out[pixel] = anomaly::narrowed<T>(sum);
  }
};

// A sum over channels: each thread of a pixel has kLanes of the 64 lanes. V: channels that it loads
// at once, as many as fill 16 bytes; 1 for channel counts that are no multiple of that.
template <typename T, int V, typename Step>
struct ChannelSumKernel {
  static constexpr int kLanes = V == 1 ? 4 : V;
  static constexpr int kGroup = kDifferenceLanes / kLanes;  // threads of a pixel, at most half a warp
  static constexpr unsigned kThreads = 256, kPixels = kThreads / kGroup;
  static constexpr int kPhases = 7;  // load, six halvings
  static constexpr bool kWarpPhases = true;

  const T *a, *b;
  int64_t pixels;
  int channels;
  Step step;

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
      if (Phase == kPhases - 1 && member == 0) step.finish(pixel, lanes[0]);
    }
  }

 private:
  ANOMALY_HD void load_lanes(const T* p, const T* q, int member, float* lanes) const {
    float sum[kLanes] = {};
    if constexpr (V > 1) {
      for (int c = V * member; c < channels; c += kDifferenceLanes) {
        const Floats<V> f = load_once<V>(p + c), g = load_once<V>(q + c);
        ANOMALY_UNROLL
        for (int i = 0; i < V; ++i) sum[i] += Step::term(f.v[i], g.v[i]);
      }
      ANOMALY_UNROLL
      for (int i = 0; i < V; i += 4)
        store<4>(lanes + V * member + i, Floats<4>{{sum[i], sum[i + 1], sum[i + 2], sum[i + 3]}});
    } else {
      ANOMALY_UNROLL
      for (int i = 0; i < kLanes; ++i) {
        for (int c = member + i * kGroup; c < channels; c += kDifferenceLanes)
          sum[i] += Step::term(anomaly::widened(p[c]), anomaly::widened(q[c]));
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

// A level's differences, and how they are upsampled.
struct UpsampledLevel {
  const float* in;  // batch x height x width
  int width, height;
  float x_scale, y_scale, weight;
};

// out = sum over the levels, in their order, of weight * bicubic upsampling; and the bounds of each picture.
// The levels are small: their values come from the caches, and only `out` is written.
struct PerceptualKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 3;
  static constexpr bool kWarpPhases = false;

  UpsampledLevel level[kAnomalyMostLevels];
  int levels, batch;
  float* out;
  int out_width, out_height;
  uint32_t* keys;  // ~min, max of each picture as order keys, zero before; may be null

  // x: rows of all pictures, y: parts of a row.
  Grid grid() const {
    return {static_cast<unsigned>(batch) * static_cast<unsigned>(out_height),
            blocks_for(out_width, kThreads)};
  }
  size_t shared_bytes() const { return 2 * kThreads * sizeof(uint32_t); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    uint32_t* block_keys = reinterpret_cast<uint32_t*>(shared);
    const int n = static_cast<int>(at.block_x / static_cast<unsigned>(out_height));
    if constexpr (Phase == 0) {
      const int x = static_cast<int>(at.block_y * kThreads + at.thread);
      const int y = static_cast<int>(at.block_x % static_cast<unsigned>(out_height));
      float sum = 0;
      if (x < out_width) {
        for (int l = 0; l < levels; ++l) sum += level[l].weight * upsampled(level[l], n, x, y);
        out[(static_cast<std::ptrdiff_t>(n) * out_height + y) * out_width + x] = sum;
      }
      const bool counts = x < out_width && sum == sum;
      block_keys[at.thread] = counts ? ~order_key(sum) : 0;
      block_keys[kThreads + at.thread] = counts ? order_key(sum) : 0;
    }
    if (!keys) return;
    if constexpr (Phase == 1) fold_keys(at.thread, block_keys);
    if constexpr (Phase == 2) publish_keys(at.thread, block_keys, keys + 2 * static_cast<std::ptrdiff_t>(n));
  }

 private:
  ANOMALY_HD static float upsampled(const UpsampledLevel& l, int n, int x, int y) {
    const CubicSource across = cubic_source(x, l.x_scale, l.width),
                      down = cubic_source(y, l.y_scale, l.height);
    float row[4];
    ANOMALY_UNROLL
    for (int t = 0; t < 4; ++t) {
      const float* source =
          l.in + (static_cast<std::ptrdiff_t>(n) * l.height + clamped(down.first + t, l.height)) * l.width;
      row[t] = cubic_mix(source[clamped(across.first, l.width)], source[clamped(across.first + 1, l.width)],
                         source[clamped(across.first + 2, l.width)],
                         source[clamped(across.first + 3, l.width)], across.weight);
    }
    return cubic_mix(row[0], row[1], row[2], row[3], down.weight);
  }

  // 256 keys of either bound to 32, then to 1.
  ANOMALY_HD static void fold_keys(unsigned thread, uint32_t* block_keys) {
    if (thread >= 64) return;
    uint32_t* mine = block_keys + (thread / 32) * kThreads + thread % 32;
    for (unsigned i = 32; i < kThreads; i += 32) mine[0] = mine[i] > mine[0] ? mine[i] : mine[0];
  }
  ANOMALY_HD static void publish_keys(unsigned thread, const uint32_t* block_keys, uint32_t* pair) {
    if (thread >= 2) return;
    uint32_t most = 0;
    for (unsigned i = 0; i < 32; ++i) {
      const uint32_t key = block_keys[thread * kThreads + i];
      most = key > most ? key : most;
    }
    atomic_max(pair + thread, most);
  }
};

}  // namespace anomaly::cuda
