// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdexcept>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/resampler.h"

namespace anomaly::cuda {
namespace {

template <typename T>
int ingest(AnomalyCudaResampler& r, const FrameSource& source, const PixelSink<T>& sink, void* stream) {
  const FilterTables &across = r.across, &down = r.down;
  const bool wide = across.in_size != across.out_size;
  if (!wide && down.in_size == down.out_size) return launch(ConvertOnlyKernel<T>(source, sink), stream);
  Rgbx* between = static_cast<Rgbx*>(r.between);
  int error;
  if (!wide) {
    error = launch(ConvertKernel(source, r.pixels), stream);
  } else if (const ConvertRowsKernel both(source, across, between); both.shared_bytes() <= kSharedLimit) {
    error = launch(both, stream);
  } else {
    error = launch(ConvertKernel(source, r.pixels), stream);
    if (error == cudaSuccess)
      error = launch(PixelRowsKernel(across, down.in_size, r.pixels, between), stream);
  }
  if (error != cudaSuccess) return error;
  return launch(PixelColumnsKernel<T>(down, across.out_size, wide ? between : r.pixels, sink), stream);
}

}  // namespace

int ingest_tensor(AnomalyCudaResampler* resampler, const FrameView* frame, uint8_t* rgb,
                  const AnomalyCudaPixels* pixels, void* stream) {
  if (frame->width != resampler->across.in_size || frame->height != resampler->down.in_size)
    return cudaErrorInvalidValue;
  try {
    check_frame(*frame);
    const FrameSource source(*frame, pixel_format_info(frame->format));
    return with_type(pixels ? pixels->type : kAnomalyFloat32, [&](auto element) {
      using T = decltype(element);
      if (!PixelSink<T>::takes(rgb, pixels)) return static_cast<int>(cudaErrorInvalidValue);
      return ingest(*resampler, source, PixelSink<T>(rgb, pixels), stream);
    });
  } catch (const std::invalid_argument&) {
    return cudaErrorInvalidValue;
  }
}

int ingest_rgb8(AnomalyCudaResampler* resampler, const FrameView* frame, uint8_t* out, void* stream) {
  return ingest_tensor(resampler, frame, out, nullptr, stream);
}

}  // namespace anomaly::cuda
