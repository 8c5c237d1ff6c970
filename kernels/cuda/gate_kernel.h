// SPDX-License-Identifier: LGPL-2.1-or-later
// CC-FPSE's gate with its activation and what follows it, elementwise.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/cuda/module_types.h"
#include "kernels/picture_math.h"

namespace anomaly::cuda {

template <typename T, int V>
struct GateKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  AnomalyCudaGate a;
  int64_t items;

  explicit GateKernel(const AnomalyCudaGate& arguments)
      : a(arguments), items(arguments.pixels * (arguments.channels / V)) {}

  Grid grid() const { return {blocks_for(items, kThreads), 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t item = static_cast<int64_t>(at.block_x) * kThreads + at.thread;
    if (item >= items) return;
    const int64_t first = item * V;
    Floats<V> x = load_once<V>(static_cast<const T*>(a.x) + first);
    Floats<V> g = load_once<V>(static_cast<const T*>(a.gate) + first);
    Floats<V> rest{};
    if (a.residual) rest = load_once<V>(static_cast<const T*>(a.residual) + first);
    Floats<V> scale{}, shift{};
    if (a.scale) {
      const int64_t channel = first % a.channels;
      scale = load_parameters<V>(a.scale + channel);
      shift = load_parameters<V>(a.shift + channel);
    }
    ANOMALY_UNROLL
    for (int i = 0; i < V; ++i) {
      const float v = x.v[i] * (a.sigmoid ? logistic(g.v[i]) : g.v[i]);
      float y = v > 0 ? v : v * a.slope;
      if (a.scale) y = y * scale.v[i] + shift.v[i];
      if (a.residual) y += rest.v[i];
      x.v[i] = y;
    }
    store<V>(static_cast<T*>(a.out) + first, x);
  }
};

}  // namespace anomaly::cuda
