// SPDX-License-Identifier: LGPL-2.1-or-later
// Ingest and resizing: conversion to R'G'B' and Pillow's two passes.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/cuda/pixel_sink.h"
#include "kernels/frame_view.h"
#include "kernels/pixel_math.h"
#include "kernels/resample_filter.h"

namespace anomaly::cuda {

// A filter (resample_filter.h) in device memory.
struct FilterTables {
  int in_size, out_size, taps;
  int span;  // input samples beneath RowGrid::kThreads neighbouring output samples, at most
  const int *first, *count;
  const int32_t* fixed;
  const double* weight;
};

struct RowGrid {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;
  int width, height;  // of what is made

  Grid grid() const { return {static_cast<unsigned>(height), blocks_for(width, kThreads)}; }
  size_t shared_bytes() const { return 0; }
  ANOMALY_HD static int column(ThreadIndex at) { return static_cast<int>(at.block_y * kThreads + at.thread); }
  ANOMALY_HD static int row(ThreadIndex at) { return static_cast<int>(at.block_x); }
};

// The pixels of a frame as R'G'B'.
struct FrameSource {
  FrameView frame;
  PixelFormatInfo info;
  YuvToRgb matrix;

  FrameSource(const FrameView& f, const PixelFormatInfo& i)
      : frame(f),
        info(i),
        matrix(
            yuv_to_rgb_matrix(f.matrix, f.range, i.family == PixelFamily::Yuv ? i.component[0].depth : 8)) {}

  ANOMALY_HD Rgbx pixel(int x, int y) const {
    const Rgb p = frame_pixel(info, frame, matrix, x, y);
    return {{static_cast<uint8_t>(p.r), static_cast<uint8_t>(p.g), static_cast<uint8_t>(p.b), 0}};
  }
};

// The frame at its own size, for the vertical pass.
struct ConvertKernel : RowGrid {
  FrameSource source;
  Rgbx* out;

  ConvertKernel(const FrameSource& from, Rgbx* pixels)
      : RowGrid{from.frame.width, from.frame.height}, source(from), out(pixels) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int x = column(at), y = row(at);
    if (x < width) out[static_cast<std::ptrdiff_t>(y) * width + x] = source.pixel(x, y);
  }
};

// Four neighbouring pixels of a picture a thread.
struct QuadGrid {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;
  int64_t pixels;

  Grid grid() const { return {blocks_for(pixels, 4 * kThreads), 1}; }
  size_t shared_bytes() const { return 0; }
  ANOMALY_HD static int64_t first(ThreadIndex at) {
    return 4 * (static_cast<int64_t>(at.block_x) * kThreads + at.thread);
  }
  ANOMALY_HD int count(int64_t first) const {
    return pixels - first < 4 ? static_cast<int>(pixels - first) : 4;
  }
};

// The frame where nothing is to be resized.
template <typename T>
struct ConvertOnlyKernel : QuadGrid {
  FrameSource source;
  PixelSink<T> sink;

  ConvertOnlyKernel(const FrameSource& from, const PixelSink<T>& to)
      : QuadGrid{static_cast<int64_t>(from.frame.width) * from.frame.height}, source(from), sink(to) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t begin = first(at);
    if (begin >= pixels) return;
    const int here = count(begin);
    int y = static_cast<int>(begin / source.frame.width),
        x = static_cast<int>(begin - static_cast<int64_t>(y) * source.frame.width);
    Rgbx p[4] = {};
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (i < here) p[i] = source.pixel(x, y);
      if (++x == source.frame.width) x = 0, ++y;
    }
    sink.write(begin, here, p);
  }
};

ANOMALY_HD inline Rgbx filtered(const FilterTables& filter, int i, const Rgbx* source, std::ptrdiff_t step) {
  const int32_t* w = filter.fixed + static_cast<std::ptrdiff_t>(i) * filter.taps;
  int32_t r = kFixedHalf, g = kFixedHalf, b = kFixedHalf;
  for (int t = 0; t < filter.count[i]; ++t) {
    const Rgbx p = source[t * step];
    r += w[t] * p.v[0];
    g += w[t] * p.v[1];
    b += w[t] * p.v[2];
  }
  return {{fixed_to_8(r), fixed_to_8(g), fixed_to_8(b), 0}};
}

// The horizontal pass of 8-bit pictures.
struct PixelRowsKernel : RowGrid {
  FilterTables filter;
  const Rgbx* in;
  Rgbx* out;

  PixelRowsKernel(const FilterTables& f, int rows, const Rgbx* source, Rgbx* target)
      : RowGrid{f.out_size, rows}, filter(f), in(source), out(target) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int x = column(at), y = row(at);
    if (x >= width) return;
    out[static_cast<std::ptrdiff_t>(y) * width + x] =
        filtered(filter, x, in + static_cast<std::ptrdiff_t>(y) * filter.in_size + filter.first[x], 1);
  }
};

// Conversion and horizontal pass in one: a block converts what lies beneath its output pixels into shared
// memory, so that the frame at its own size is never written.
struct ConvertRowsKernel : RowGrid {
  static constexpr int kPhases = 2;
  FrameSource source;
  FilterTables filter;
  Rgbx* out;

  ConvertRowsKernel(const FrameSource& from, const FilterTables& f, Rgbx* target)
      : RowGrid{f.out_size, from.frame.height}, source(from), filter(f), out(target) {}

  size_t shared_bytes() const { return sizeof(Rgbx) * static_cast<size_t>(filter.span); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    Rgbx* row_pixels = reinterpret_cast<Rgbx*>(shared);
    const int x0 = static_cast<int>(at.block_y * kThreads), y = row(at), begin = filter.first[x0];
    if constexpr (Phase == 0) {
      const int last =
          x0 + static_cast<int>(kThreads) <= width ? x0 + static_cast<int>(kThreads) - 1 : width - 1;
      const int end = filter.first[last] + filter.count[last];
      for (int x = begin + static_cast<int>(at.thread); x < end; x += static_cast<int>(kThreads))
        row_pixels[x - begin] = source.pixel(x, y);
    } else {
      const int x = column(at);
      if (x < width)
        out[static_cast<std::ptrdiff_t>(y) * width + x] =
            filtered(filter, x, row_pixels + (filter.first[x] - begin), 1);
    }
  }
};

// The vertical pass.
template <typename T>
struct PixelColumnsKernel : QuadGrid {
  FilterTables filter;
  int width;
  const Rgbx* in;
  PixelSink<T> sink;
  bool quads;  // a thread's four pixels are of one row, 16 bytes at a multiple of 16

  PixelColumnsKernel(const FilterTables& f, int columns, const Rgbx* source, const PixelSink<T>& to)
      : QuadGrid{static_cast<int64_t>(columns) * f.out_size},
        filter(f),
        width(columns),
        in(source),
        sink(to),
        quads(columns % 4 == 0 && aligned_for(source, 16)) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t begin = first(at);
    if (begin >= pixels) return;
    const int here = count(begin);
    int y = static_cast<int>(begin / width), x = static_cast<int>(begin - static_cast<int64_t>(y) * width);
    Rgbx p[4] = {};
    if (quads) {
      filter_quad(y, in + static_cast<std::ptrdiff_t>(filter.first[y]) * width + x, p);
    } else {
      ANOMALY_UNROLL
      for (int i = 0; i < 4; ++i) {
        if (i < here)
          p[i] = filtered(filter, y, in + static_cast<std::ptrdiff_t>(filter.first[y]) * width + x, width);
        if (++x == width) x = 0, ++y;
      }
    }
    sink.write(begin, here, p);
  }

 private:
  // As filtered(), a word of each row for each of the four.
  ANOMALY_HD void filter_quad(int y, const Rgbx* source, Rgbx (&p)[4]) const {
    const int32_t* w = filter.fixed + static_cast<std::ptrdiff_t>(y) * filter.taps;
    int32_t sum[4][3];
    ANOMALY_UNROLL
    for (int i = 0; i < 12; ++i) sum[i / 3][i % 3] = kFixedHalf;
    for (int t = 0; t < filter.count[y]; ++t) {
      const Words<16> four = read_words<16, false>(source + static_cast<std::ptrdiff_t>(t) * width);
      ANOMALY_UNROLL
      for (int i = 0; i < 12; ++i)
        sum[i / 3][i % 3] += w[t] * static_cast<int32_t>(four.w[i / 3] >> (8 * (i % 3)) & 255u);
    }
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i)
      p[i] = {{fixed_to_8(sum[i][0]), fixed_to_8(sum[i][1]), fixed_to_8(sum[i][2]), 0}};
  }
};

// The horizontal pass of a float plane: in double, stored as float. `finite`: what is not a number counts as
// 0.
struct FloatRowsKernel : RowGrid {
  FilterTables filter;
  const float* in;
  float* out;
  bool finite;

  FloatRowsKernel(const FilterTables& f, int rows, const float* source, float* target, bool only_finite)
      : RowGrid{f.out_size, rows}, filter(f), in(source), out(target), finite(only_finite) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int x = column(at), y = row(at);
    if (x >= width) return;
    const float* source = in + static_cast<std::ptrdiff_t>(y) * filter.in_size + filter.first[x];
    const double* w = filter.weight + static_cast<std::ptrdiff_t>(x) * filter.taps;
    double sum = 0;
    for (int t = 0; t < filter.count[x]; ++t) sum += value(source[t]) * w[t];
    out[static_cast<std::ptrdiff_t>(y) * width + x] = static_cast<float>(sum);
  }

 private:
  ANOMALY_HD float value(float v) const { return finite && !(absolute_bits(v) < 0x7f800000) ? 0.0f : v; }
  ANOMALY_HD static int32_t absolute_bits(float v) { return float_bits(v) & 0x7fffffff; }
};

ANOMALY_HD inline float resampled_column(const FilterTables& filter, const float* in, int width, int x,
                                         int y) {
  const float* source = in + static_cast<std::ptrdiff_t>(filter.first[y]) * width + x;
  const double* w = filter.weight + static_cast<std::ptrdiff_t>(y) * filter.taps;
  double sum = 0;
  for (int t = 0; t < filter.count[y]; ++t) sum += source[static_cast<std::ptrdiff_t>(t) * width] * w[t];
  return static_cast<float>(sum);
}

struct FloatColumnsKernel : RowGrid {
  FilterTables filter;
  const float* in;
  float* out;

  FloatColumnsKernel(const FilterTables& f, int columns, const float* source, float* target)
      : RowGrid{columns, f.out_size}, filter(f), in(source), out(target) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int x = column(at), y = row(at);
    if (x >= width) return;
    out[static_cast<std::ptrdiff_t>(y) * width + x] = resampled_column(filter, in, width, x, y);
  }
};

}  // namespace anomaly::cuda
