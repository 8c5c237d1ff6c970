// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/gate_kernel.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {

int gate(const AnomalyCudaGate* a, void* stream) {
  if (!a->x || !a->gate || !a->out || a->pixels < 0 || a->channels < 1 || !a->scale != !a->shift)
    return cudaErrorInvalidValue;
  return with_type(a->type, [&](auto element) {
    using T = decltype(element);
    // What is not there is a null pointer, which is aligned.
    const bool wide = a->channels % kWide<T> == 0 && aligned_for(a->x, 16) && aligned_for(a->gate, 16) &&
                      aligned_for(a->residual, 16) && aligned_for(a->out, 16) && aligned_for(a->scale, 16) &&
                      aligned_for(a->shift, 16);
    return wide ? launch(GateKernel<T, kWide<T>>(*a), stream) : launch(GateKernel<T, 1>(*a), stream);
  });
}

}  // namespace anomaly::cuda
