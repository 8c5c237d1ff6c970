// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/bounds_kernels.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {

int map_bounds(const float* map, int64_t count, float* bounds, void* stream) {
  uint32_t* keys = reinterpret_cast<uint32_t*>(bounds);
  int error = cudaMemsetAsync(bounds, 0, 2 * sizeof(float), static_cast<cudaStream_t>(stream));
  if (error == cudaSuccess) error = launch(BoundsKernel(map, count, keys), stream);
  if (error == cudaSuccess) error = launch(DecodeBounds{keys, 1}, stream);
  return error;
}

}  // namespace anomaly::cuda
