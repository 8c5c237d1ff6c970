// SPDX-License-Identifier: LGPL-2.1-or-later
// Per-pixel depthwise convolution: one thread makes V channels of one pixel. The nine weights (or their
// gradients), nine tenths of all bytes, are touched once, by neighbouring threads at neighbouring addresses;
// the input's nine neighbours come from the caches.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/cuda/module_types.h"
#include "kernels/depthwise_math.h"

namespace anomaly::cuda {

// Blocks: x = rows of all images, y = parts of a row's pixels and channels.
struct DepthwisePlace {
  int n, y, x, channel;
  bool valid;
};

template <int V>
struct DepthwiseGrid {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;
  DepthwiseShape shape;

  Grid grid() const {
    return {static_cast<unsigned>(shape.batch) * static_cast<unsigned>(shape.height),
            blocks_for(static_cast<int64_t>(shape.width) * (shape.channels / V), kThreads)};
  }
  size_t shared_bytes() const { return 0; }

  ANOMALY_HD DepthwisePlace place(ThreadIndex at) const {
    const unsigned groups = static_cast<unsigned>(shape.channels / V);
    const unsigned item = at.block_y * kThreads + at.thread, x = item / groups;
    return {static_cast<int>(at.block_x / static_cast<unsigned>(shape.height)),
            static_cast<int>(at.block_x % static_cast<unsigned>(shape.height)), static_cast<int>(x),
            static_cast<int>((item - x * groups) * V), x < static_cast<unsigned>(shape.width)};
  }

  // V channels of a tensor (N, H, W, C) at (y, x), zero outside the image.
  ANOMALY_HD Floats<V> neighbour(const float* tensor, const DepthwisePlace& p, int y, int x) const {
    if (shape.inside(y, x)) return load<V>(tensor + shape.pixel(p.n, y, x) * shape.channels + p.channel);
    return {};
  }
};

// Affine: each channel of the input is scaled and shifted first (a folded norm); the padding stays zero.
template <typename T, int V, bool Affine>
struct DepthwiseForward : DepthwiseGrid<V> {
  const T *input, *weights;
  const float *scale, *shift;
  T* output;
  int64_t input_pitch, output_pitch;

  explicit DepthwiseForward(const AnomalyCudaDepthwise& a)
      : DepthwiseGrid<V>{{a.batch, a.height, a.width, a.channels}},
        input(static_cast<const T*>(a.input)),
        weights(static_cast<const T*>(a.weights)),
        scale(a.scale),
        shift(a.shift),
        output(static_cast<T*>(a.output)),
        input_pitch(a.input_pitch),
        output_pitch(a.output_pitch) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const DepthwisePlace p = this->place(at);
    if (!p.valid) return;
    const std::ptrdiff_t channels = this->shape.channels, pixel = this->shape.pixel(p.n, p.y, p.x);
    const T* w = weights + pixel * kTaps * channels + p.channel;
    Floats<V> factor{}, offset{};
    if constexpr (Affine) {
      factor = load_parameters<V>(scale + p.channel);
      offset = load_parameters<V>(shift + p.channel);
    }
    Floats<V> sum{};
    ANOMALY_UNROLL
    for (int t = 0; t < kTaps; ++t) {
      const Floats<V> k = load_once<V>(w + t * channels);
      const int y = p.y + tap_dy(t), x = p.x + tap_dx(t);
      const bool inside = this->shape.inside(y, x);
      Floats<V> in{};
      if (inside) in = load<V>(input + this->shape.pixel(p.n, y, x) * input_pitch + p.channel);
      ANOMALY_UNROLL
      for (int i = 0; i < V; ++i) {
        if constexpr (Affine) in.v[i] = inside ? in.v[i] * factor.v[i] + offset.v[i] : 0.0f;
        add_tap(sum.v[i], k.v[i], in.v[i]);
      }
    }
    store<V>(output + pixel * output_pitch + p.channel, sum);
  }
};

template <int V>
struct DepthwiseWeightGradient : DepthwiseGrid<V> {
  const float *grad_output, *input;
  float* grad_weights;

  DepthwiseWeightGradient(const DepthwiseShape& s, const float* grad, const float* in, float* out)
      : DepthwiseGrid<V>{s}, grad_output(grad), input(in), grad_weights(out) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const DepthwisePlace p = this->place(at);
    if (!p.valid) return;
    const std::ptrdiff_t channels = this->shape.channels, pixel = this->shape.pixel(p.n, p.y, p.x);
    const Floats<V> grad = load<V>(grad_output + pixel * channels + p.channel);
    float* out = grad_weights + pixel * kTaps * channels + p.channel;
    Floats<V> in[kTaps];  // all of them at once: nine loads in flight
    ANOMALY_UNROLL
    for (int t = 0; t < kTaps; ++t) in[t] = this->neighbour(input, p, p.y + tap_dy(t), p.x + tap_dx(t));
    ANOMALY_UNROLL
    for (int t = 0; t < kTaps; ++t) {
      Floats<V> product;
      ANOMALY_UNROLL
      for (int i = 0; i < V; ++i) product.v[i] = grad.v[i] * in[t].v[i];
      store_once<V>(out + t * channels, product);
    }
  }
};

template <int V>
struct DepthwiseInputGradient : DepthwiseGrid<V> {
  const float *grad_output, *weights;
  float* grad_input;

  DepthwiseInputGradient(const DepthwiseShape& s, const float* grad, const float* w, float* out)
      : DepthwiseGrid<V>{s}, grad_output(grad), weights(w), grad_input(out) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const DepthwisePlace p = this->place(at);
    if (!p.valid) return;
    const std::ptrdiff_t channels = this->shape.channels;
    Floats<V> sum{};
    ANOMALY_UNROLL
    for (int t = 0; t < kTaps; ++t) {
      // The pixel to which tap t carried this one.
      const int y = p.y - tap_dy(t), x = p.x - tap_dx(t);
      // Outside, its own is loaded and left out: no branch parts the eighteen loads.
      const bool inside = this->shape.inside(y, x);
      const std::ptrdiff_t pixel = inside ? this->shape.pixel(p.n, y, x) : this->shape.pixel(p.n, p.y, p.x);
      const Floats<V> k = load_once<V>(weights + (pixel * kTaps + t) * channels + p.channel);
      const Floats<V> grad = load<V>(grad_output + pixel * channels + p.channel);
      ANOMALY_UNROLL
      for (int i = 0; i < V; ++i) add_tap(sum.v[i], inside ? k.v[i] : 0.0f, inside ? grad.v[i] : 0.0f);
    }
    store<V>(grad_input + this->shape.pixel(p.n, p.y, p.x) * channels + p.channel, sum);
  }
};

}  // namespace anomaly::cuda
