// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/label_kernels.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {

int resize_labels(const uint8_t* labels, int batch, int in_width, int in_height, int out_width,
                  int out_height, const uint8_t* ids, int id_count, uint8_t* out, void* stream) {
  for (const int size : {in_width, in_height, out_width, out_height})
    if (size < 1 || size > kMaxFrameSize) return cudaErrorInvalidValue;
  if (!labels || !out || batch < 1 || (ids && id_count < 0)) return cudaErrorInvalidValue;
  LabelTable table;
  for (int i = 0; i < 256; ++i) table.id[i] = static_cast<uint8_t>(!ids ? i : i < id_count ? ids[i] : 0);
  const NearestSource source{labels, 1, in_width, in_height, out_width, out_height};
  return launch(ResizeLabelsKernel(source, batch, table, out), stream);
}

int one_hot(const AnomalyCudaOneHot* a, void* stream) {
  const int channels = a->classes + (a->edges ? 1 : 0);
  for (const int size : {a->in_width, a->in_height, a->out_width, a->out_height})
    if (size < 1 || size > kMaxFrameSize) return cudaErrorInvalidValue;
  if (!a->ids || !a->out || a->batch < 1 || a->classes < 1 || a->classes > 256 || a->pitch < channels)
    return cudaErrorInvalidValue;
  return with_type(a->type, [&](auto element) {
    using T = decltype(element);
    const auto fits = [&](int v) {
      return aligned_for(a->out, static_cast<size_t>(v) * sizeof(T)) &&
             (a->pitch == channels || (channels % v == 0 && a->pitch % v == 0));
    };
    if (fits(kWide<T>)) return launch(OneHotKernel<T, kWide<T>>(*a), stream);
    if (fits(4)) return launch(OneHotKernel<T, 4>(*a), stream);
    return launch(OneHotKernel<T, 1>(*a), stream);
  });
}

}  // namespace anomaly::cuda
