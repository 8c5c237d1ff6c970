// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/quantize_kernel.h"

namespace anomaly::cuda {

int quantize_entropy(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream) {
  return launch(QuantizeKernel<MapKind::Entropy>(map, count, bounds, out), stream);
}
int quantize_distance(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream) {
  return launch(QuantizeKernel<MapKind::Distance>(map, count, bounds, out), stream);
}
int quantize_perceptual(const float* map, int64_t count, const float* bounds, uint8_t* out, void* stream) {
  return launch(QuantizeKernel<MapKind::Perceptual>(map, count, bounds, out), stream);
}

int quantize_scores(const float* map, int64_t count, uint8_t* out, void* stream) {
  return launch(QuantizeKernel<MapKind::Scores>(map, count, nullptr, out), stream);
}

}  // namespace anomaly::cuda
