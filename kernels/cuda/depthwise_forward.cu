// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/depthwise_kernels.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {

int pixelwise_depthwise(const float* input, const float* weights, float* output, int batch, int height,
                        int width, int channels, void* stream) {
  const DepthwiseShape shape{batch, height, width, channels};
  if (channels % 4 == 0 && aligned_for(input, 16) && aligned_for(weights, 16) && aligned_for(output, 16))
    return launch(DepthwiseForward<4>(shape, input, weights, output), stream);
  return launch(DepthwiseForward<1>(shape, input, weights, output), stream);
}

}  // namespace anomaly::cuda
