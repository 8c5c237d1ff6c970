// SPDX-License-Identifier: LGPL-2.1-or-later
// SPADE's modulation with its activation in one pass, and an instance norm as a scale and a shift.
#pragma once

#include <cmath>

#include "kernels/cuda/grid.h"
#include "kernels/cuda/module_types.h"
#include "kernels/picture_math.h"

namespace anomaly::cuda {

template <typename T, int V>
struct ModulateKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  AnomalyCudaModulate a;
  int64_t items;

  explicit ModulateKernel(const AnomalyCudaModulate& arguments)
      : a(arguments), items(arguments.batch * arguments.pixels * (arguments.channels / V)) {}

  Grid grid() const { return {blocks_for(items, kThreads), 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t item = static_cast<int64_t>(at.block_x) * kThreads + at.thread;
    if (item >= items) return;
    const int groups = a.channels / V;
    const int64_t pixel = item / groups;
    const int channel = static_cast<int>(item - pixel * groups) * V;
    Floats<V> x = load_once<V>(static_cast<const T*>(a.x) + pixel * a.channels + channel);
    Floats<V> gamma{}, beta{};
    if (a.gamma_beta) {
      const T* both = static_cast<const T*>(a.gamma_beta) + 2 * pixel * a.channels + channel;
      gamma = load_once<V>(both);
      beta = load_once<V>(both + a.channels);
    }
    const int64_t first = a.per_picture ? pixel / a.pixels * a.channels + channel : channel;
    const Floats<V> scale = load_parameters<V>(a.scale + first), shift = load_parameters<V>(a.shift + first);
    ANOMALY_UNROLL
    for (int i = 0; i < V; ++i) {
      float v = x.v[i] * scale.v[i] + shift.v[i];
      if (a.gamma_beta) v = v * (1.0f + gamma.v[i]) + beta.v[i];
      x.v[i] = a.activation == kAnomalySelu ? selu(v) : v > 0 ? v : v * a.slope;
    }
    store<V>(static_cast<T*>(a.out) + pixel * a.channels + channel, x);
  }
};

// Sums of a strip of pixels, some channels a block: threads stand for groups of V channels, and where there
// are fewer of those than threads, several threads share a group's pixels.
template <typename T, int V>
struct StripSumsKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 2;
  static constexpr bool kWarpPhases = false;

  const T* x;
  int batch;
  int64_t pixels;
  int channels;
  double* sums;                     // batch x strips x 2 x channels: of the values, of their squares
  unsigned strips, groups, across;  // across: groups of a block, a power of two

  explicit StripSumsKernel(const AnomalyCudaInstanceNorm& a)
      : x(static_cast<const T*>(a.x)),
        batch(a.batch),
        pixels(a.pixels),
        channels(a.channels),
        sums(a.workspace),
        strips(blocks_for(a.pixels, kAnomalyStrip)),
        groups(static_cast<unsigned>(a.channels / V)),
        across(1) {
    while (across < groups && across < kThreads) across *= 2;
  }

  Grid grid() const { return {static_cast<unsigned>(batch) * strips, blocks_for(groups, across)}; }
  size_t shared_bytes() const { return 2 * V * kThreads * sizeof(double); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    double* partial = reinterpret_cast<double*>(shared);  // 2 V x threads
    const unsigned t = at.thread, group = at.block_y * across + t % across;
    if constexpr (Phase == 0) {
      double sum[V] = {}, squares[V] = {};
      const int64_t begin = static_cast<int64_t>(at.block_x % strips) * kAnomalyStrip;
      const int64_t end = begin + kAnomalyStrip < pixels ? begin + kAnomalyStrip : pixels;
      const T* picture = x + static_cast<int64_t>(at.block_x / strips) * pixels * channels;
      if (group < groups)
        for (int64_t p = begin + t / across; p < end; p += kThreads / across) {
          const Floats<V> f = load<V>(picture + p * channels + static_cast<int64_t>(group) * V);
          ANOMALY_UNROLL
          for (int i = 0; i < V; ++i) {
            const double v = f.v[i];
            sum[i] += v;
            squares[i] += v * v;
          }
        }
      ANOMALY_UNROLL
      for (int i = 0; i < V; ++i) {
        partial[i * kThreads + t] = sum[i];
        partial[(V + i) * kThreads + t] = squares[i];
      }
    } else {
      if (t >= across || group >= groups) return;
      double* out = sums + 2 * static_cast<int64_t>(at.block_x) * channels + static_cast<int64_t>(group) * V;
      for (int i = 0; i < 2 * V; ++i) {
        double sum = 0;
        for (unsigned from = t; from < kThreads; from += across) sum += partial[i * kThreads + from];
        out[i < V ? i : channels + i - V] = sum;
      }
    }
  }
};

// A channel of a picture a thread.
struct InstanceNormKernel {
  static constexpr unsigned kThreads = 128;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  AnomalyCudaInstanceNorm a;
  unsigned strips;

  Grid grid() const { return {blocks_for(a.channels, kThreads), static_cast<unsigned>(a.batch)}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int channel = static_cast<int>(at.block_x * kThreads + at.thread);
    if (channel >= a.channels) return;
    const double* from = a.workspace + 2 * static_cast<int64_t>(at.block_y) * strips * a.channels + channel;
    double sum = 0, squares = 0;
    for (unsigned s = 0; s < strips; ++s, from += 2 * static_cast<int64_t>(a.channels)) {
      sum += from[0];
      squares += from[a.channels];
    }
    const double count = static_cast<double>(a.pixels), mean = sum / count;
    double variance = squares / count - mean * mean;
    if (!(variance > 0)) variance = 0;
    const double factor = 1.0 / sqrt(variance + a.epsilon);
    const int64_t out = static_cast<int64_t>(at.block_y) * a.channels + channel;
    a.scale[out] = static_cast<float>(factor);
    a.shift[out] = static_cast<float>(-mean * factor);
  }
};

}  // namespace anomaly::cuda
