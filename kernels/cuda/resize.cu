// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/resampler.h"

namespace anomaly::cuda {

int resize_bicubic_f32(AnomalyCudaResampler* resampler, const float* in, float* out, void* stream) {
  const FilterTables &across = resampler->across, &down = resampler->down;
  float* between = static_cast<float*>(resampler->between);
  const int error = launch(FloatRowsKernel(across, down.in_size, in, between, false), stream);
  if (error != cudaSuccess) return error;
  return launch(FloatColumnsKernel(down, across.out_size, between, out), stream);
}

}  // namespace anomaly::cuda
