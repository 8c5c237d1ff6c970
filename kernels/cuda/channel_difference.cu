// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/perceptual_kernels.h"

namespace anomaly::cuda {

int channel_difference(AnomalyCudaType type, const void* a, const void* b, int batch, int height, int width,
                       int channels, int sum, float* out, void* stream) {
  if (batch < 0 || height < 0 || width < 0 || channels < 1) return cudaErrorInvalidValue;
  const int64_t pixels = static_cast<int64_t>(batch) * height * width;
  const float divisor = mean_scale(channels, sum != 0);
  return with_type(type, [&](auto element) {
    using T = decltype(element);
    const T *first = static_cast<const T*>(a), *second = static_cast<const T*>(b);
    if (channels % kWide<T> == 0 && aligned_for(a, 16) && aligned_for(b, 16))
      return launch(ChannelDifferenceKernel<T, kWide<T>>{first, second, pixels, channels, divisor, out},
                    stream);
    return launch(ChannelDifferenceKernel<T, 1>{first, second, pixels, channels, divisor, out}, stream);
  });
}

}  // namespace anomaly::cuda
