// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/paint_kernel.h"
#include "kernels/cuda/painter.h"

namespace anomaly::cuda {
namespace {

// Whether a pixel is a word of four bytes, each at its own address.
bool whole_pixels(const PaintArguments& a) {
  return a.info.family == PixelFamily::Rgb && a.info.component[0].pixel_stride == 4 &&
         reinterpret_cast<uintptr_t>(a.frame.plane[0]) % 4 == 0 && a.frame.stride[0] % 4 == 0;
}

}  // namespace

int launch_paint(const PaintArguments& arguments, void* stream) {
  if (whole_pixels(arguments)) return launch(PaintKernel<true>(arguments), stream);
  return launch(PaintKernel<false>(arguments), stream);
}

}  // namespace anomaly::cuda
