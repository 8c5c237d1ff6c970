// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/fp8_patches.h"

#include <cstddef>
#include <cstring>

#include "kernels/fp8_math.h"

namespace anomaly {
namespace fp8_detail {

ANOMALY_CLONES
uint32_t peak_of_pixel(const float* x, int channels) {
  uint32_t peak = 0;
  for (int c = 0; c < channels; ++c) {
    const uint32_t key = peak_key(x[c]);
    peak = key > peak ? key : peak;
  }
  return peak;
}

ANOMALY_CLONES
void round_pixel(const float* x, int channels, float inverse, uint8_t* out) {
  ANOMALY_INDEPENDENT
  for (int c = 0; c < channels; ++c) out[c] = fp8_of(x[c] * inverse).bits;
}

}  // namespace fp8_detail

void channel_peaks(const float* x, int64_t pixels, int channels, float* peaks) {
#pragma omp parallel for schedule(static)
  for (int64_t p = 0; p < pixels; ++p)
    peaks[p] = bits_float(static_cast<int32_t>(fp8_detail::peak_of_pixel(x + p * channels, channels)));
}

void fp8_patches(const float* x, const float* peaks, const PatchGeometry& geometry, int64_t first,
                 int64_t rows, uint8_t* out, float* scales) {
  const auto out_height = static_cast<unsigned>(geometry.out_height());
  const auto out_width = static_cast<unsigned>(geometry.out_width());
  const auto channels = static_cast<size_t>(geometry.channels);
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < rows; ++i) {
    const PatchPlace at(static_cast<unsigned>(first + i), out_height, out_width);
    float peak = 0;
    for (int ky = 0; ky < geometry.kernel; ++ky)
      for (int kx = 0; kx < geometry.kernel; ++kx)
        if (const int64_t p = at.pixel(geometry, ky, kx); p >= 0) peak = max_of(peaks[p], peak);
    scales[i] = fp8_scale(peak);
    const float inverse = 1.0f / scales[i];
    uint8_t* to = out + i * geometry.row_length();
    for (int ky = 0; ky < geometry.kernel; ++ky)
      for (int kx = 0; kx < geometry.kernel; ++kx, to += channels)
        if (const int64_t p = at.pixel(geometry, ky, kx); p >= 0)
          fp8_detail::round_pixel(x + p * geometry.channels, geometry.channels, inverse, to);
        else
          std::memset(to, 0, channels);
  }
}

}  // namespace anomaly
