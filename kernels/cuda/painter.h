// SPDX-License-Identifier: LGPL-2.1-or-later
// Brings paint programs to the device and runs them: a copy and a launch for a list of steps.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "kernels/cuda/paint_kernel.h"

struct AnomalyCudaPainter {
  unsigned char* pinned = nullptr;  // what is copied
  unsigned char* device = nullptr;
  size_t pinned_bytes = 0, device_bytes = 0;
  cudaEvent_t done = nullptr;  // the last program was executed
};

namespace anomaly::cuda {

// Queue the kernels (paint.cu, contours.cu). Return a cudaError_t.
int launch_paint(const PaintArguments& arguments, void* stream);
int launch_contours(const ContourPlanes& planes, void* stream);

}  // namespace anomaly::cuda
