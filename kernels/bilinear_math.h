// SPDX-License-Identifier: LGPL-2.1-or-later
// Where an output sample of a linear upsampling lies between two input samples.
#pragma once

#include "kernels/portable.h"

namespace anomaly {

struct LinearSource {
  int first = 0, second = 0;
  float first_weight = 1, second_weight = 0;
};

// Distance of two output samples in input samples, align_corners = true (LibTorch's upsample_bilinear2d, in
// float).
ANOMALY_HD inline float aligned_scale(int in_size, int out_size) {
  return out_size > 1 ? static_cast<float>(in_size - 1) / static_cast<float>(out_size - 1) : 0.0f;
}

// `position` in input samples, at least 0; past the last one it is the last one.
ANOMALY_HD inline LinearSource source_at(float position, int in_size) {
  LinearSource source;
  const int whole = static_cast<int>(position);
  source.first = whole < in_size - 1 ? whole : in_size - 1;
  source.second = source.first < in_size - 1 ? source.first + 1 : source.first;
  const float rest = position - static_cast<float>(source.first);
  source.second_weight = rest < 1.0f ? rest : 1.0f;
  source.first_weight = 1.0f - source.second_weight;
  return source;
}

ANOMALY_HD inline LinearSource aligned_source(int i, float scale, int in_size, int out_size) {
  if (in_size == out_size) return {i, i, 1, 0};
  return source_at(scale * static_cast<float>(i), in_size);
}

// The same with align_corners = false: samples are the middles of equal shares of the whole.
ANOMALY_HD inline float area_scale(int in_size, int out_size) {
  return static_cast<float>(in_size) / static_cast<float>(out_size);
}

ANOMALY_HD inline LinearSource area_source(int i, float scale, int in_size, int out_size) {
  if (in_size == out_size) return {i, i, 1, 0};
  const float position = scale * (static_cast<float>(i) + 0.5f) - 0.5f;
  return source_at(position > 0.0f ? position : 0.0f, in_size);
}

ANOMALY_HD inline float mix(float first, float second, float first_weight, float second_weight) {
  return first_weight * first + second_weight * second;
}

}  // namespace anomaly
