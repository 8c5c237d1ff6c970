// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/ensemble_kernel.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {

int ensemble(const AnomalyCudaEnsemble* a, void* stream) {
  if (!a->anomaly || a->batch < 1 || a->width < 1 || a->height < 1 || (a->dissimilarity && !a->logits))
    return cudaErrorInvalidValue;
  for (const AnomalyCudaMap* map : {&a->entropy, &a->perceptual, &a->distance})
    if (map->map && (map->width < 1 || map->height < 1)) return cudaErrorInvalidValue;
  return with_type(a->type,
                   [&](auto element) { return launch(EnsembleKernel<decltype(element)>(*a), stream); });
}

}  // namespace anomaly::cuda
