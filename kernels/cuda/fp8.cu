// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/fp8_kernels.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {
namespace {

constexpr int64_t kMost = 2147483647;  // rows, and blocks of a grid

template <typename T, int V>
int patches(const AnomalyCudaFp8Patches& a, void* stream) {
  return a.geometry.kernel == 1 ? launch(Fp8PatchesKernel<T, V, 1>(a), stream)
                                : launch(Fp8PatchesKernel<T, V, 3>(a), stream);
}

}  // namespace

int channel_peaks(AnomalyCudaType type, const void* x, int64_t pixels, int channels, float* peaks,
                  void* stream) {
  if (!x || !peaks || pixels < 0 || pixels > kMost || channels < 1) return cudaErrorInvalidValue;
  return with_type(type, [&](auto element) {
    using T = decltype(element);
    const T* from = static_cast<const T*>(x);
    return channels % kWide<T> == 0 && aligned_for(x, 16)
               ? launch(ChannelPeaksKernel<T, kWide<T>>(from, pixels, channels, peaks), stream)
               : launch(ChannelPeaksKernel<T, 1>(from, pixels, channels, peaks), stream);
  });
}

int fp8_patches(const AnomalyCudaFp8Patches* a, void* stream) {
  const PatchGeometry& g = a->geometry;
  if (!a->x || !a->peaks || !a->out || !a->scales || g.batch < 1 || g.height < 1 || g.width < 1 ||
      g.channels < 1 || (g.kernel != 1 && g.kernel != 3) || g.stride < 1 || g.padding < 0 || g.dilation < 1 ||
      g.height + 2 * g.padding < g.dilation * (g.kernel - 1) + 1 ||
      g.width + 2 * g.padding < g.dilation * (g.kernel - 1) + 1 || g.rows() > kMost || a->first < 0 ||
      a->rows < 0 || a->first + a->rows > g.rows() || a->rows * g.channels > kMost)
    return cudaErrorInvalidValue;
  return with_type(a->type, [&](auto element) {
    using T = decltype(element);
    return g.channels % 16 == 0 && aligned_for(a->x, 16) && aligned_for(a->out, 16)
               ? patches<T, 16>(*a, stream)
               : patches<T, 1>(*a, stream);
  });
}

}  // namespace anomaly::cuda
