// SPDX-License-Identifier: LGPL-2.1-or-later
// The order of additions over channels, and bicubic taps, shared by CPU and GPU.
#pragma once

#include "kernels/portable.h"

namespace anomaly {

// Channels are summed in 64 lanes, channel c in lane c mod 64; then lane i takes lane i + 32, i + 16, ... i
// + 1. A GPU gives four lanes to each of 16 threads, a CPU keeps them in vectors.
inline constexpr int kDifferenceLanes = 64;

ANOMALY_HD inline float absolute(float x) {
  return x < 0 ? -x : x;
}

ANOMALY_HD inline float mean_scale(int channels, bool sum) {
  return sum ? 1.0f : static_cast<float>(channels);
}

// LibTorch's bicubic (a = -0.75, align_corners = false): the taps of output sample i are input samples
// clamp(first + 0..3) with these weights, in float.
struct CubicSource {
  int first = 0;
  float weight[4] = {};
};

ANOMALY_HD inline float cubic_near(float x) {
  return ((-0.75f + 2.0f) * x - (-0.75f + 3.0f)) * x * x + 1.0f;
}
ANOMALY_HD inline float cubic_far(float x) {
  return ((-0.75f * x - 5.0f * -0.75f) * x + 8.0f * -0.75f) * x - 4.0f * -0.75f;
}

ANOMALY_HD inline CubicSource cubic_source(int i, float scale, int in_size) {
  const float position = scale * (static_cast<float>(i) + 0.5f) - 0.5f;
  int whole = static_cast<int>(position);
  if (static_cast<float>(whole) > position) --whole;  // floor: position is negative near the first sample
  if (whole > in_size - 1) whole = in_size - 1;
  float t = position - static_cast<float>(whole);
  if (t > 1.0f) t = 1.0f;
  CubicSource source;
  source.first = whole - 1;
  source.weight[0] = cubic_far(t + 1.0f);
  source.weight[1] = cubic_near(t);
  source.weight[2] = cubic_near(1.0f - t);
  source.weight[3] = cubic_far((1.0f - t) + 1.0f);
  return source;
}

ANOMALY_HD inline int clamped(int i, int size) {
  return i < 0 ? 0 : i < size ? i : size - 1;
}

ANOMALY_HD inline float cubic_mix(float a, float b, float c, float d, const float* weight) {
  return ((a * weight[0] + b * weight[1]) + c * weight[2]) + d * weight[3];
}

}  // namespace anomaly
