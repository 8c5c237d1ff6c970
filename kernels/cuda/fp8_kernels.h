// SPDX-License-Identifier: LGPL-2.1-or-later
// A convolution's input as rows of 8-bit numbers (fp8_patches.h).
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/cuda/module_types.h"
#include "kernels/fp8_math.h"
#include "kernels/patch_geometry.h"

namespace anomaly::cuda {

// The largest |x| of a pixel's channels: `across` threads of a warp a pixel, a power of two. V: channels that
// a thread loads at once.
template <typename T, int V>
struct ChannelPeaksKernel {
  static constexpr unsigned kThreads = 256, kMostAcross = 32;
  static constexpr int kPhases = 6;  // load, five halvings
  static constexpr bool kWarpPhases = true;

  const T* x;
  int64_t pixels;
  int channels;
  float* peaks;
  unsigned across;

  ChannelPeaksKernel(const T* values, int64_t pixel_count, int channel_count, float* out)
      : x(values), pixels(pixel_count), channels(channel_count), peaks(out), across(1) {
    while (across < kMostAcross && static_cast<int>(across) * V < channels) across *= 2;
  }

  Grid grid() const { return {blocks_for(pixels, kThreads / across), 1}; }
  size_t shared_bytes() const { return kThreads * sizeof(uint32_t); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    uint32_t* keys = reinterpret_cast<uint32_t*>(shared) + at.thread;
    const unsigned member = at.thread % across;
    const int64_t pixel = static_cast<int64_t>(at.block_x) * (kThreads / across) + at.thread / across;
    if (pixel >= pixels) return;
    if constexpr (Phase == 0) {
      const T* from = x + pixel * channels;
      uint32_t peak = 0;
      for (int c = static_cast<int>(member) * V; c < channels; c += static_cast<int>(across) * V) {
        const Floats<V> f = load<V>(from + c);
        ANOMALY_UNROLL
        for (int i = 0; i < V; ++i) {
          const uint32_t key = peak_key(f.v[i]);
          peak = key > peak ? key : peak;
        }
      }
      *keys = peak;
    } else {
      constexpr unsigned half = kMostAcross >> Phase;
      if (half < across && member < half && keys[half] > *keys) *keys = keys[half];
      if (Phase == kPhases - 1 && member == 0) peaks[pixel] = bits_float(static_cast<int32_t>(*keys));
    }
  }
};

// All taps of a patch, V of the channels, a thread: the index arithmetic and the scale are paid once for nine
// loads and nine stores. V: 16, one store of 16 bytes a tap, or 1.
template <typename T, int V, int Kernel>
struct Fp8PatchesKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  PatchGeometry geometry;
  const T* x;
  const float* peaks;
  unsigned first;
  uint8_t* out;
  float* scales;
  unsigned groups, out_height, out_width;
  int64_t items;

  explicit Fp8PatchesKernel(const AnomalyCudaFp8Patches& a)
      : geometry(a.geometry),
        x(static_cast<const T*>(a.x)),
        peaks(a.peaks),
        first(static_cast<unsigned>(a.first)),
        out(a.out),
        scales(a.scales),
        groups(static_cast<unsigned>(a.geometry.channels / V)),
        out_height(static_cast<unsigned>(a.geometry.out_height())),
        out_width(static_cast<unsigned>(a.geometry.out_width())),
        items(a.rows * groups) {}

  Grid grid() const { return {blocks_for(items, kThreads), 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t item = static_cast<int64_t>(at.block_x) * kThreads + at.thread;
    if (item >= items) return;
    const unsigned row = static_cast<unsigned>(item) / groups, group = static_cast<unsigned>(item) % groups;
    const PatchPlace place(first + row, out_height, out_width);
    int64_t pixel[Kernel * Kernel];
    float peak = 0;
    ANOMALY_UNROLL
    for (int tap = 0; tap < Kernel * Kernel; ++tap) {
      pixel[tap] = place.pixel(geometry, tap / Kernel, tap % Kernel);
      if (pixel[tap] >= 0) peak = max_of(peaks[pixel[tap]], peak);
    }
    const float scale = fp8_scale(peak), inverse = 1.0f / scale;
    if (group == 0) scales[row] = scale;
    const int channel = static_cast<int>(group) * V;
    uint8_t* to = out + static_cast<int64_t>(row) * (Kernel * Kernel) * geometry.channels + channel;
    ANOMALY_UNROLL
    for (int tap = 0; tap < Kernel * Kernel; ++tap, to += geometry.channels) {
      const T* from = pixel[tap] < 0 ? nullptr : x + pixel[tap] * geometry.channels + channel;
      if constexpr (V == 1)
        *to = from ? fp8_of(anomaly::widened(*from) * inverse).bits : uint8_t{0};
      else
        write_words<16, false>(to, rounded(from, inverse));
    }
  }

 private:
  // 16 values, four bytes a word; null: zeros.
  ANOMALY_HD static Words<16> rounded(const T* from, float inverse) {
    Words<16> words{};
    if (!from) return words;
    constexpr int kLoad = kWide<T>;
    ANOMALY_UNROLL
    for (int i = 0; i < 16; i += kLoad) {
      const Floats<kLoad> f = load<kLoad>(from + i);
      ANOMALY_UNROLL
      for (int j = 0; j < kLoad; j += 4)
        words.w[(i + j) / 4] = fp8_pair(f.v[j] * inverse, f.v[j + 1] * inverse) |
                               fp8_pair(f.v[j + 2] * inverse, f.v[j + 3] * inverse) << 16;
    }
    return words;
  }
};

}  // namespace anomaly::cuda
