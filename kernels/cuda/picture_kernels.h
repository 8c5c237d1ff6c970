// SPDX-License-Identifier: LGPL-2.1-or-later
// 8-bit pictures and maps to tensors and back.
#pragma once

#include "kernels/cuda/resample_kernels.h"
#include "kernels/resample_plane.h"

namespace anomaly::cuda {

// A pixel of a batch of pictures, walked along.
struct PicturePlace {
  int n, y, x;

  ANOMALY_HD PicturePlace(int64_t pixel, int width, int height) {
    const int64_t line = pixel / width;
    x = static_cast<int>(pixel - line * width);
    n = static_cast<int>(line / height);
    y = static_cast<int>(line - static_cast<int64_t>(n) * height);
  }
  ANOMALY_HD void next(int width, int height) {
    if (++x < width) return;
    x = 0;
    if (++y == height) y = 0, ++n;
  }
};

// A batch of 8-bit maps of `channels` interleaved values, looked up nearest at pixel centres of another size.
struct NearestSource {
  const uint8_t* in;
  int channels, in_width, in_height, out_width, out_height;

  ANOMALY_HD const uint8_t* at(const PicturePlace& p) const {
    const int y = nearest_index(p.y, in_height, out_height), x = nearest_index(p.x, in_width, out_width);
    return in + ((static_cast<std::ptrdiff_t>(p.n) * in_height + y) * in_width + x) * channels;
  }
};

template <typename T>
struct NormalizeKernel : QuadGrid {
  NearestSource source;
  PixelSink<T> sink;

  NormalizeKernel(const NearestSource& from, int batch, const PixelSink<T>& to)
      : QuadGrid{static_cast<int64_t>(batch) * from.out_width * from.out_height}, source(from), sink(to) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t begin = first(at);
    if (begin >= pixels) return;
    const int here = count(begin);
    PicturePlace place(begin, source.out_width, source.out_height);
    Rgbx p[4] = {};
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (i < here) {
        const uint8_t* from = source.at(place);
        p[i] = {{from[0], from[1], from[2], 0}};
      }
      place.next(source.out_width, source.out_height);
    }
    sink.write(begin, here, p);
  }
};

// A generator's picture.
template <typename T>
struct ToPictureKernel : QuadGrid {
  const T* image;
  PixelSink<T> sink;

  ToPictureKernel(const T* from, int64_t count, const PixelSink<T>& to)
      : QuadGrid{count}, image(from), sink(to) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t begin = first(at);
    if (begin >= pixels) return;
    const int here = count(begin);
    Rgbx p[4] = {};
    ANOMALY_UNROLL
    for (int w = 0; w < 3; ++w) {
      Floats<4> f{};
      if (here == 4) {
        f = load<4>(image + 3 * begin + 4 * w);
      } else {
        ANOMALY_UNROLL
        for (int i = 0; i < 4; ++i)
          if (4 * w + i < 3 * here) f.v[i] = anomaly::widened(image[3 * begin + 4 * w + i]);
      }
      ANOMALY_UNROLL
      for (int i = 0; i < 4; ++i) p[(4 * w + i) / 3].v[(4 * w + i) % 3] = picture_byte(f.v[i]);
    }
    sink.write(begin, here, p);
  }
};

// Maps side by side as the channels of a tensor, as fractions of 255.
template <typename T, int Count>
struct StackKernel : QuadGrid {
  NearestSource source[Count];
  T* out;  // aligned for four elements

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t begin = first(at);
    if (begin >= pixels) return;
    const int here = count(begin);
    PicturePlace place(begin, source[0].out_width, source[0].out_height);
    Floats<4> f[Count] = {};
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) {
      ANOMALY_UNROLL
      for (int m = 0; m < Count; ++m)
        if (i < here) f[(i * Count + m) / 4].v[(i * Count + m) % 4] = byte_fraction(*source[m].at(place));
      place.next(source[0].out_width, source[0].out_height);
    }
    T* target = out + begin * Count;
    ANOMALY_UNROLL
    for (int w = 0; w < Count; ++w) {
      if (here == 4) {
        store<4>(target + 4 * w, f[w]);
        continue;
      }
      ANOMALY_UNROLL
      for (int i = 0; i < 4; ++i)
        if (4 * w + i < Count * here) target[4 * w + i] = anomaly::narrowed<T>(f[w].v[i]);
    }
  }
};

}  // namespace anomaly::cuda
