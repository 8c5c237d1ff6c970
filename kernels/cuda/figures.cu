// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/figures_kernel.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {

int map_figures(const float* map, int map_width, int x, int y, int width, int height, float* figures,
                void* stream) {
  if (x < 0 || y < 0 || width < 1 || height < 1 || width > map_width - x) return cudaErrorInvalidValue;
  return launch(
      FiguresKernel{map, map_width, x, y, width, height, nullptr, reinterpret_cast<Figures*>(figures)},
      stream);
}

}  // namespace anomaly::cuda
