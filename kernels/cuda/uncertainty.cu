// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/bounds_kernels.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/uncertainty_kernel.h"

namespace anomaly::cuda {

int uncertainty_maps(const float* logits, int classes, int in_width, int in_height, int out_width,
                     int out_height, uint8_t* labels, float* entropy, float* distance, float* bounds,
                     void* stream) {
  if (classes < 1 || classes > kMaxClasses || in_width < 1 || in_height < 1 || out_width < 1 ||
      out_height < 1)
    return cudaErrorInvalidValue;
  uint32_t* keys = reinterpret_cast<uint32_t*>(bounds);
  int error = cudaSuccess;
  if (bounds) error = cudaMemsetAsync(bounds, 0, 4 * sizeof(float), static_cast<cudaStream_t>(stream));
  if (error != cudaSuccess) return error;
  const UncertaintyKernel<true> staged(logits, classes, in_width, in_height, out_width, out_height, labels,
                                       entropy, distance, keys);
  error = staged.shared_bytes() <= kSharedLimit
              ? launch(staged, stream)
              : launch(UncertaintyKernel<false>(logits, classes, in_width, in_height, out_width, out_height,
                                                labels, entropy, distance, keys),
                       stream);
  if (bounds && error == cudaSuccess) error = launch(DecodeBounds{keys, 2}, stream);
  return error;
}

}  // namespace anomaly::cuda
