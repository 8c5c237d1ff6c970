// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdexcept>

#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/resampler.h"

namespace anomaly::cuda {

int ingest_rgb8(AnomalyCudaResampler* resampler, const FrameView* frame, uint8_t* out, void* stream) {
  const FilterTables &across = resampler->across, &down = resampler->down;
  if (frame->width != across.in_size || frame->height != down.in_size || !aligned_for(out, 4))
    return cudaErrorInvalidValue;
  try {
    check_frame(*frame);
  } catch (const std::invalid_argument&) {
    return cudaErrorInvalidValue;
  }
  int error = launch(ConvertKernel(*frame, pixel_format_info(frame->format), resampler->pixels), stream);
  const Rgbx* rows = resampler->pixels;
  if (across.in_size != across.out_size) {
    Rgbx* between = static_cast<Rgbx*>(resampler->between);
    if (error == cudaSuccess) error = launch(PixelRowsKernel(across, down.in_size, rows, between), stream);
    rows = between;
  }
  if (error == cudaSuccess) error = launch(PixelColumnsKernel{down, across.out_size, rows, out}, stream);
  return error;
}

}  // namespace anomaly::cuda
