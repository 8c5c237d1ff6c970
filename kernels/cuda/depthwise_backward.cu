// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/depthwise_kernels.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {
namespace {

template <int V>
int backward(const DepthwiseShape& shape, const float* grad_output, const float* input, const float* weights,
             float* grad_input, float* grad_weights, void* stream) {
  int error = cudaSuccess;
  if (grad_input) error = launch(DepthwiseInputGradient<V>(shape, grad_output, weights, grad_input), stream);
  if (grad_weights && error == cudaSuccess)
    error = launch(DepthwiseWeightGradient<V>(shape, grad_output, input, grad_weights), stream);
  return error;
}

}  // namespace

int pixelwise_depthwise_backward(const float* grad_output, const float* input, const float* weights,
                                 float* grad_input, float* grad_weights, int batch, int height, int width,
                                 int channels, void* stream) {
  const DepthwiseShape shape{batch, height, width, channels};
  // A gradient that is not asked for is a null pointer, which is aligned.
  const bool wide = channels % 4 == 0 && aligned_for(grad_output, 16) && aligned_for(input, 16) &&
                    aligned_for(weights, 16) && aligned_for(grad_input, 16) && aligned_for(grad_weights, 16);
  return wide ? backward<4>(shape, grad_output, input, weights, grad_input, grad_weights, stream)
              : backward<1>(shape, grad_output, input, weights, grad_input, grad_weights, stream);
}

}  // namespace anomaly::cuda
