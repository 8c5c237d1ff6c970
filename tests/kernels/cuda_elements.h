// SPDX-License-Identifier: LGPL-2.1-or-later
// Tensors of every element type for the tests of CUDA kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cuda/module_types.h"
#include "kernels/half_math.h"

namespace check {

template <typename T>
inline constexpr AnomalyCudaType kTypeOf = kAnomalyFloat32;
template <>
inline constexpr AnomalyCudaType kTypeOf<anomaly::Half> = kAnomalyFloat16;
template <>
inline constexpr AnomalyCudaType kTypeOf<anomaly::BFloat> = kAnomalyBFloat16;

// `use(T{})` for every element type.
template <typename Use>
void with_every_type(const Use& use) {
  use(float{});
  use(anomaly::Half{});
  use(anomaly::BFloat{});
}

template <typename T>
std::vector<T> narrowed_all(const std::vector<float>& values) {
  std::vector<T> out;
  out.reserve(values.size());
  for (const float v : values) out.push_back(anomaly::narrowed<T>(v));
  return out;
}

template <typename T>
std::vector<float> widened_all(const std::vector<T>& values) {
  std::vector<float> out;
  out.reserve(values.size());
  for (const T v : values) out.push_back(anomaly::widened(v));
  return out;
}

// What is left of `values` when they have been stored as T.
template <typename T>
std::vector<float> rounded_to(const std::vector<float>& values) {
  return widened_all(narrowed_all<T>(values));
}

// What uncertainty_maps() reads; where it writes is the caller's to add. `logits`: on the device, channels
// last.
template <typename T>
AnomalyCudaUncertainty uncertainty_of(const T* logits, int batch, int classes, int in_width, int in_height,
                                      int out_width, int out_height, bool align_corners) {
  AnomalyCudaUncertainty a{};
  a.type = kTypeOf<T>;
  a.logits = logits;
  a.batch = batch;
  a.classes = classes;
  a.in_width = in_width;
  a.in_height = in_height;
  a.out_width = out_width;
  a.out_height = out_height;
  a.align_corners = align_corners;
  return a;
}

}  // namespace check
