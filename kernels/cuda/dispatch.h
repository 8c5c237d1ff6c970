// SPDX-License-Identifier: LGPL-2.1-or-later
// From the element type that a caller names to the kernel for it.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/module_types.h"
#include "kernels/half_math.h"

namespace anomaly::cuda {

// What `launch(T{})` returns for that type; cudaErrorInvalidValue for a number that is none.
template <typename Launch>
int with_type(AnomalyCudaType type, const Launch& launch) {
  switch (type) {
    case kAnomalyFloat32:
      return launch(float{});
    case kAnomalyFloat16:
      return launch(Half{});
    case kAnomalyBFloat16:
      return launch(BFloat{});
  }
  return cudaErrorInvalidValue;
}

}  // namespace anomaly::cuda
