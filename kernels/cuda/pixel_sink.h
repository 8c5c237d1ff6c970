// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the pixels that a kernel has made go: to bytes, to a network's tensor, or to both.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/cuda/module_types.h"
#include "kernels/picture_math.h"

namespace anomaly::cuda {

// One pixel in one word: loads and stores of a warp are whole.
struct alignas(4) Rgbx {
  uint8_t v[4];
};

// Four neighbouring pixels a thread: three words of bytes, or three loads' worth of four elements.
template <typename T>
struct PixelSink {
  uint8_t* rgb;  // R G B without gaps, 4-byte aligned; may be null
  T* tensor;     // the same as (v / 255 - mean) / deviation, aligned for four elements; may be null
  float mean[3], deviation[3];

  PixelSink(uint8_t* bytes, const AnomalyCudaPixels* pixels)
      : rgb(bytes), tensor(pixels ? static_cast<T*>(pixels->out) : nullptr), mean{}, deviation{} {
    for (int c = 0; c < 3 && pixels; ++c) mean[c] = pixels->mean[c], deviation[c] = pixels->deviation[c];
  }

  // True where write() may be called.
  static bool takes(const uint8_t* bytes, const AnomalyCudaPixels* pixels) {
    return aligned_for(bytes, 4) && (bytes || pixels) &&
           (!pixels || (pixels->out && aligned_for(pixels->out, 4 * sizeof(T))));
  }

  // Pixels first..first+count-1, first a multiple of 4, count 1..4.
  ANOMALY_HD void write(int64_t first, int count, const Rgbx (&pixel)[4]) const {
    if (rgb) write_bytes(rgb + 3 * first, count, pixel);
    if (tensor) write_elements(tensor + 3 * first, count, pixel);
  }

 private:
  ANOMALY_HD static void write_bytes(uint8_t* out, int count, const Rgbx (&pixel)[4]) {
    if (count == 4) {
      Rgbx* words = reinterpret_cast<Rgbx*>(out);
      ANOMALY_UNROLL
      for (int w = 0; w < 3; ++w) {
        Rgbx word;
        ANOMALY_UNROLL
        for (int i = 0; i < 4; ++i) word.v[i] = pixel[(4 * w + i) / 3].v[(4 * w + i) % 3];
        words[w] = word;
      }
      return;
    }
    ANOMALY_UNROLL
    for (int i = 0; i < 9; ++i)
      if (i < 3 * count) out[i] = pixel[i / 3].v[i % 3];
  }

  ANOMALY_HD void write_elements(T* out, int count, const Rgbx (&pixel)[4]) const {
    ANOMALY_UNROLL
    for (int w = 0; w < 3; ++w) {
      Floats<4> f;
      ANOMALY_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int c = (4 * w + i) % 3;
        f.v[i] = normalised_byte(pixel[(4 * w + i) / 3].v[c], mean[c], deviation[c]);
      }
      if (count == 4) {
        store<4>(out + 4 * w, f);
        continue;
      }
      ANOMALY_UNROLL
      for (int i = 0; i < 4; ++i)
        if (4 * w + i < 3 * count) out[4 * w + i] = anomaly::narrowed<T>(f.v[i]);
    }
  }
};

}  // namespace anomaly::cuda
