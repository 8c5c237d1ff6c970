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

int count_over(AnomalyCudaResampler* resampler, const float* map, int x, int y, int width, int height,
               float threshold, unsigned long long* over, void* stream) {
  const FilterTables &across = resampler->across, &down = resampler->down;
  if (x < 0 || y < 0 || width < 0 || height < 0 || width > across.out_size - x || height > down.out_size - y)
    return cudaErrorInvalidValue;
  float* between = static_cast<float*>(resampler->between);
  int error = cudaMemsetAsync(over, 0, sizeof *over, static_cast<cudaStream_t>(stream));
  if (error == cudaSuccess) error = launch(FloatRowsKernel(across, down.in_size, map, between, true), stream);
  if (error == cudaSuccess)
    error =
        launch(CountOverKernel(down, across.out_size, between, x, y, width, height, threshold, over), stream);
  return error;
}

}  // namespace anomaly::cuda
