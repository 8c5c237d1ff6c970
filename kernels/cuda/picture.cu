// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/picture_kernels.h"

namespace anomaly::cuda {
namespace {

bool sizes_fit(int batch, int in_width, int in_height, int out_width, int out_height) {
  for (const int size : {in_width, in_height, out_width, out_height})
    if (size < 1 || size > kMaxFrameSize) return false;
  return batch >= 1;
}

template <typename T, int Count>
int launch_stack(const AnomalyCudaMap* maps, int batch, int out_width, int out_height, void* out,
                 void* stream) {
  StackKernel<T, Count> kernel{
      {static_cast<int64_t>(batch) * out_width * out_height}, {}, static_cast<T*>(out)};
  for (int i = 0; i < Count; ++i)
    kernel.source[i] = {maps[i].map, 1, maps[i].width, maps[i].height, out_width, out_height};
  return launch(kernel, stream);
}

}  // namespace

int normalize_rgb8(const uint8_t* rgb, int batch, int in_width, int in_height, int out_width, int out_height,
                   const AnomalyCudaPixels* pixels, void* stream) {
  if (!rgb || !pixels || !sizes_fit(batch, in_width, in_height, out_width, out_height))
    return cudaErrorInvalidValue;
  return with_type(pixels->type, [&](auto element) {
    using T = decltype(element);
    if (!PixelSink<T>::takes(nullptr, pixels)) return static_cast<int>(cudaErrorInvalidValue);
    const NearestSource source{rgb, 3, in_width, in_height, out_width, out_height};
    return launch(NormalizeKernel<T>(source, batch, PixelSink<T>(nullptr, pixels)), stream);
  });
}

int to_picture(AnomalyCudaType type, const void* image, int64_t count, uint8_t* rgb,
               const AnomalyCudaPixels* pixels, void* stream) {
  if (!image || count < 0 || (pixels && pixels->type != type)) return cudaErrorInvalidValue;
  return with_type(type, [&](auto element) {
    using T = decltype(element);
    if (!PixelSink<T>::takes(rgb, pixels) || !aligned_for(image, 4 * sizeof(T)))
      return static_cast<int>(cudaErrorInvalidValue);
    return launch(ToPictureKernel<T>(static_cast<const T*>(image), count, PixelSink<T>(rgb, pixels)), stream);
  });
}

int stack_maps(const AnomalyCudaMap* maps, int count, int batch, int out_width, int out_height,
               AnomalyCudaType type, void* out, void* stream) {
  for (int i = 0; i < count; ++i)
    if (!maps[i].map || !sizes_fit(batch, maps[i].width, maps[i].height, out_width, out_height))
      return cudaErrorInvalidValue;
  return with_type(type, [&](auto element) {
    using T = decltype(element);
    if (!out || !aligned_for(out, 4 * sizeof(T))) return static_cast<int>(cudaErrorInvalidValue);
    switch (count) {
      case 1:
        return launch_stack<T, 1>(maps, batch, out_width, out_height, out, stream);
      case 2:
        return launch_stack<T, 2>(maps, batch, out_width, out_height, out, stream);
      case 3:
        return launch_stack<T, 3>(maps, batch, out_width, out_height, out, stream);
      case 4:
        return launch_stack<T, 4>(maps, batch, out_width, out_height, out, stream);
    }
    return static_cast<int>(cudaErrorInvalidValue);
  });
}

}  // namespace anomaly::cuda
