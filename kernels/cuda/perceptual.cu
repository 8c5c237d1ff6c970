// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/bounds_kernels.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/perceptual_kernels.h"

namespace anomaly::cuda {

int perceptual_difference(const AnomalyCudaPerceptual* a, void* stream) {
  if (a->count < 1 || a->count > kAnomalyMostLevels || a->batch < 1 || a->batch > kMostBatch ||
      !a->workspace || !a->out || a->out_width < 1 || a->out_height < 1)
    return cudaErrorInvalidValue;
  PerceptualKernel kernel{};
  kernel.levels = a->count;
  kernel.batch = a->batch;
  kernel.out = a->out;
  kernel.out_width = a->out_width;
  kernel.out_height = a->out_height;
  kernel.keys = reinterpret_cast<uint32_t*>(a->bounds);
  float* differences = a->workspace;
  for (int i = 0; i < a->count; ++i) {
    const AnomalyCudaLevel& level = a->levels[i];
    if (level.width < 1 || level.height < 1 || !level.a || !level.b) return cudaErrorInvalidValue;
    const int error = channel_difference(a->type, level.a, level.b, a->batch, level.height, level.width,
                                         level.channels, 0, differences, stream);
    if (error != cudaSuccess) return error;
    kernel.level[i] = {differences,
                       level.width,
                       level.height,
                       static_cast<float>(level.width) / static_cast<float>(a->out_width),
                       static_cast<float>(level.height) / static_cast<float>(a->out_height),
                       level.weight};
    differences += static_cast<int64_t>(a->batch) * level.height * level.width;
  }
  int error = cudaSuccess;
  if (a->bounds)
    error = cudaMemsetAsync(a->bounds, 0, 2 * sizeof(float) * static_cast<size_t>(a->batch),
                            static_cast<cudaStream_t>(stream));
  if (error == cudaSuccess) error = launch(kernel, stream);
  if (a->bounds && error == cudaSuccess)
    error = launch(DecodeBounds{kernel.keys, static_cast<unsigned>(a->batch)}, stream);
  return error;
}

}  // namespace anomaly::cuda
