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

}  // namespace check
