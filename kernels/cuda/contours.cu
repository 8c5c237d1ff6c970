// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/contour_kernels.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/painter.h"

namespace anomaly::cuda {

int launch_contours(const ContourPlanes& planes, void* stream) {
  int error = launch(ContourMarksKernel{{planes}}, stream);
  if (error == cudaSuccess) error = launch(ContourDistancesKernel{{planes}}, stream);
  if (error == cudaSuccess) error = launch(ContourLinesKernel{{planes}}, stream);
  return error;
}

}  // namespace anomaly::cuda
