// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/modulate_kernels.h"

namespace anomaly::cuda {

int modulate(const AnomalyCudaModulate* a, void* stream) {
  if (!a->x || !a->scale || !a->shift || !a->out || a->batch < 1 || a->pixels < 1 || a->channels < 1)
    return cudaErrorInvalidValue;
  return with_type(a->type, [&](auto element) {
    using T = decltype(element);
    // What is not there is a null pointer, which is aligned.
    const bool wide = a->channels % kWide<T> == 0 && aligned_for(a->x, 16) &&
                      aligned_for(a->gamma_beta, 16) && aligned_for(a->out, 16) &&
                      aligned_for(a->scale, 16) && aligned_for(a->shift, 16);
    return wide ? launch(ModulateKernel<T, kWide<T>>(*a), stream) : launch(ModulateKernel<T, 1>(*a), stream);
  });
}

int instance_norm(const AnomalyCudaInstanceNorm* a, void* stream) {
  if (!a->x || !a->workspace || !a->scale || !a->shift || a->batch < 1 || a->batch > kMostBatch ||
      a->pixels < 1 || a->channels < 1)
    return cudaErrorInvalidValue;
  const int error = with_type(a->type, [&](auto element) {
    using T = decltype(element);
    return a->channels % kWide<T> == 0 && aligned_for(a->x, 16)
               ? launch(StripSumsKernel<T, kWide<T>>(*a), stream)
               : launch(StripSumsKernel<T, 1>(*a), stream);
  });
  if (error != cudaSuccess) return error;
  return launch(InstanceNormKernel{*a, blocks_for(a->pixels, kAnomalyStrip)}, stream);
}

}  // namespace anomaly::cuda
