// SPDX-License-Identifier: LGPL-2.1-or-later
// Where an output sample of a linear upsampling lies between two input samples.
#pragma once

#include "kernels/portable.h"

namespace anomaly {

struct LinearSource {
  int first = 0, second = 0;
  float first_weight = 1, second_weight = 0;
};

// LibTorch's upsample_bilinear2d along one dimension, in float. align_corners = true: the outermost samples
// of both lie on each other; false: the outer edges of their cells do (half-pixel centres).
struct LinearAxis {
  int in_size, out_size;
  bool align_corners;
  float scale;  // distance of two output samples in input samples
};

ANOMALY_HD inline LinearAxis linear_axis(int in_size, int out_size, bool align_corners) {
  float scale = static_cast<float>(in_size) / static_cast<float>(out_size);
  if (align_corners)
    scale = out_size > 1 ? static_cast<float>(in_size - 1) / static_cast<float>(out_size - 1) : 0.0f;
  return {in_size, out_size, align_corners, scale};
}

ANOMALY_HD inline LinearSource linear_source(int i, const LinearAxis& axis) {
  LinearSource source;
  if (axis.in_size == axis.out_size) {
    source.first = source.second = i;
    return source;
  }
  float position = axis.scale * static_cast<float>(i);
  if (!axis.align_corners) {
    position = axis.scale * (static_cast<float>(i) + 0.5f) - 0.5f;
    if (position < 0.0f) position = 0.0f;
  }
  const int whole = static_cast<int>(position), last = axis.in_size - 1;
  source.first = whole < last ? whole : last;
  source.second = source.first < last ? source.first + 1 : source.first;
  const float rest = position - static_cast<float>(source.first);
  source.second_weight = rest < 1.0f ? rest : 1.0f;
  source.first_weight = 1.0f - source.second_weight;
  return source;
}

ANOMALY_HD inline float mix(float first, float second, float first_weight, float second_weight) {
  return first_weight * first + second_weight * second;
}

}  // namespace anomaly
