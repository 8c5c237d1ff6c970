// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/depthwise_kernels.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {
namespace {

template <typename T, int V>
int launch_forward(const AnomalyCudaDepthwise& a, void* stream) {
  return a.scale ? launch(DepthwiseForward<T, V, true>(a), stream)
                 : launch(DepthwiseForward<T, V, false>(a), stream);
}

}  // namespace

int pixelwise_depthwise(const AnomalyCudaDepthwise* a, void* stream) {
  if (a->batch < 0 || a->height < 0 || a->width < 0 || a->channels < 1 || a->input_pitch < a->channels ||
      a->output_pitch < a->channels || !a->scale != !a->shift)
    return cudaErrorInvalidValue;
  return with_type(a->type, [&](auto element) {
    using T = decltype(element);
    constexpr int kV = kWide<T>;
    const bool wide = a->channels % kV == 0 && a->input_pitch % kV == 0 && a->output_pitch % kV == 0 &&
                      aligned_for(a->input, 16) && aligned_for(a->weights, 16) &&
                      aligned_for(a->output, 16) && aligned_for(a->scale, 16) && aligned_for(a->shift, 16);
    return wide ? launch_forward<T, kV>(*a, stream) : launch_forward<T, 1>(*a, stream);
  });
}

}  // namespace anomaly::cuda
