// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/perceptual_kernels.h"

namespace anomaly::cuda {

int channel_difference(const float* a, const float* b, int height, int width, int channels, int sum,
                       float* out, void* stream) {
  const int64_t pixels = static_cast<int64_t>(height) * width;
  const float divisor = mean_scale(channels, sum != 0);
  if (channels % 4 == 0 && aligned_for(a, 16) && aligned_for(b, 16))
    return launch(ChannelDifferenceKernel<4>{a, b, pixels, channels, divisor, out}, stream);
  return launch(ChannelDifferenceKernel<1>{a, b, pixels, channels, divisor, out}, stream);
}

}  // namespace anomaly::cuda
