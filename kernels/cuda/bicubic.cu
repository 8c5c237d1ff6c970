// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/perceptual_kernels.h"

namespace anomaly::cuda {

int accumulate_upsampled_bicubic(const float* in, int in_width, int in_height, float weight, float* out,
                                 int out_width, int out_height, void* stream) {
  if (in_width < 1 || in_height < 1) return cudaErrorInvalidValue;
  return launch(BicubicKernel(in, in_width, in_height, weight, out, out_width, out_height), stream);
}

}  // namespace anomaly::cuda
