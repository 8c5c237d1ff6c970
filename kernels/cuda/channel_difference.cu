// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/perceptual_kernels.h"

namespace anomaly::cuda {
namespace {

template <typename T, typename Step>
int sum_channels(const void* a, const void* b, int64_t pixels, int channels, const Step& step, void* stream) {
  const T *first = static_cast<const T*>(a), *second = static_cast<const T*>(b);
  if (channels % kWide<T> == 0 && aligned_for(a, 16) && aligned_for(b, 16))
    return launch(ChannelSumKernel<T, kWide<T>, Step>{first, second, pixels, channels, step}, stream);
  return launch(ChannelSumKernel<T, 1, Step>{first, second, pixels, channels, step}, stream);
}

}  // namespace

int channel_difference(AnomalyCudaType type, const void* a, const void* b, int batch, int height, int width,
                       int channels, int sum, float* out, void* stream) {
  if (batch < 0 || height < 0 || width < 0 || channels < 1) return cudaErrorInvalidValue;
  const int64_t pixels = static_cast<int64_t>(batch) * height * width;
  const AbsoluteDifference step{mean_scale(channels, sum != 0), out};
  return with_type(type, [&](auto element) {
    return sum_channels<decltype(element)>(a, b, pixels, channels, step, stream);
  });
}

int correlation(AnomalyCudaType type, const void* a, const void* b, int batch, int height, int width,
                int channels, int mean, void* out, void* stream) {
  if (batch < 0 || height < 0 || width < 0 || channels < 1) return cudaErrorInvalidValue;
  const int64_t pixels = static_cast<int64_t>(batch) * height * width;
  return with_type(type, [&](auto element) {
    using T = decltype(element);
    return sum_channels<T>(a, b, pixels, channels,
                           Correlation<T>{mean_scale(channels, mean == 0), static_cast<T*>(out)}, stream);
  });
}

}  // namespace anomaly::cuda
