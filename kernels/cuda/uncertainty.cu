// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/bounds_kernels.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/uncertainty_kernel.h"

namespace anomaly::cuda {

int uncertainty_maps(const AnomalyCudaUncertainty* a, void* stream) {
  if (!a->logits || a->classes < 1 || a->classes > kMaxClasses || a->in_width < 1 || a->in_height < 1 ||
      a->out_width < 1 || a->out_height < 1 || a->batch < 1 || a->batch > kMostBatch)
    return cudaErrorInvalidValue;
  int error = cudaSuccess;
  if (a->bounds)
    error = cudaMemsetAsync(a->bounds, 0, 4 * sizeof(float) * static_cast<size_t>(a->batch),
                            static_cast<cudaStream_t>(stream));
  if (error != cudaSuccess) return error;
  error = with_type(a->type, [&](auto element) {
    using T = decltype(element);
    const UncertaintyKernel<T, true> staged(*a);
    return staged.shared_bytes() <= kSharedLimit ? launch(staged, stream)
                                                 : launch(UncertaintyKernel<T, false>(*a), stream);
  });
  if (a->bounds && error == cudaSuccess)
    error = launch(DecodeBounds{reinterpret_cast<uint32_t*>(a->bounds), 2 * static_cast<unsigned>(a->batch)},
                   stream);
  return error;
}

}  // namespace anomaly::cuda
