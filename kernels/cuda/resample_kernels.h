// SPDX-License-Identifier: LGPL-2.1-or-later
// Ingest and resizing: conversion to R'G'B' and Pillow's two passes.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/frame_view.h"
#include "kernels/pixel_math.h"
#include "kernels/resample_filter.h"

namespace anomaly::cuda {

// One pixel in one word: loads and stores of a warp are whole.
struct alignas(4) Rgbx {
  uint8_t v[4];
};

// A filter (resample_filter.h) in device memory.
struct FilterTables {
  int in_size, out_size, taps;
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

// The frame as R'G'B' at its own size.
struct ConvertKernel : RowGrid {
  FrameView frame;
  PixelFormatInfo info;
  YuvToRgb matrix;
  Rgbx* out;

  ConvertKernel(const FrameView& f, const PixelFormatInfo& i, Rgbx* pixels)
      : RowGrid{f.width, f.height},
        frame(f),
        info(i),
        matrix(yuv_to_rgb_matrix(f.matrix, f.range, i.family == PixelFamily::Yuv ? i.component[0].depth : 8)),
        out(pixels) {}

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int x = column(at), y = row(at);
    if (x >= width) return;
    const Rgb p = frame_pixel(info, frame, matrix, x, y);
    out[static_cast<std::ptrdiff_t>(y) * width + x] = {
        {static_cast<uint8_t>(p.r), static_cast<uint8_t>(p.g), static_cast<uint8_t>(p.b), 0}};
  }
};

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
    const Rgbx* source = in + static_cast<std::ptrdiff_t>(y) * filter.in_size + filter.first[x];
    const int32_t* w = filter.fixed + static_cast<std::ptrdiff_t>(x) * filter.taps;
    int32_t r = kFixedHalf, g = kFixedHalf, b = kFixedHalf;
    for (int t = 0; t < filter.count[x]; ++t) {
      const Rgbx p = source[t];
      r += w[t] * p.v[0];
      g += w[t] * p.v[1];
      b += w[t] * p.v[2];
    }
    out[static_cast<std::ptrdiff_t>(y) * width + x] = {{fixed_to_8(r), fixed_to_8(g), fixed_to_8(b), 0}};
  }
};

// The vertical pass, to R G B without gaps: four pixels a thread are three words.
struct PixelColumnsKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  FilterTables filter;
  int width;
  const Rgbx* in;
  uint8_t* out;

  int64_t pixels() const { return static_cast<int64_t>(width) * filter.out_size; }
  Grid grid() const { return {blocks_for(pixels(), 4 * kThreads), 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t all = static_cast<int64_t>(width) * filter.out_size;
    const int64_t first = 4 * (static_cast<int64_t>(at.block_x) * kThreads + at.thread);
    if (first >= all) return;
    const int count = all - first < 4 ? static_cast<int>(all - first) : 4;
    Rgbx words[3] = {};
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (i < count) {
        const Rgbx p = column_sum(first + i);
        words[(3 * i) / 4].v[(3 * i) % 4] = p.v[0];
        words[(3 * i + 1) / 4].v[(3 * i + 1) % 4] = p.v[1];
        words[(3 * i + 2) / 4].v[(3 * i + 2) % 4] = p.v[2];
      }
    }
    if (count == 4) {
      Rgbx* target = reinterpret_cast<Rgbx*>(out + 3 * first);
      ANOMALY_UNROLL
      for (int i = 0; i < 3; ++i) target[i] = words[i];
    } else {
      ANOMALY_UNROLL
      for (int i = 0; i < 9; ++i)
        if (i < 3 * count) out[3 * first + i] = words[i / 4].v[i % 4];
    }
  }

 private:
  ANOMALY_HD Rgbx column_sum(int64_t pixel) const {
    const int y = static_cast<int>(pixel / width),
              x = static_cast<int>(pixel - static_cast<int64_t>(y) * width);
    const Rgbx* source = in + static_cast<std::ptrdiff_t>(filter.first[y]) * width + x;
    const int32_t* w = filter.fixed + static_cast<std::ptrdiff_t>(y) * filter.taps;
    int32_t r = kFixedHalf, g = kFixedHalf, b = kFixedHalf;
    for (int t = 0; t < filter.count[y]; ++t) {
      const Rgbx p = source[static_cast<std::ptrdiff_t>(t) * width];
      r += w[t] * p.v[0];
      g += w[t] * p.v[1];
      b += w[t] * p.v[2];
    }
    return {{fixed_to_8(r), fixed_to_8(g), fixed_to_8(b), 0}};
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

// How many values of a rectangle of the resized plane are at or over the threshold.
struct CountOverKernel : RowGrid {
  FilterTables filter;
  const float* in;
  int in_width, left, top;
  float threshold;
  unsigned long long* over;  // zero before

  CountOverKernel(const FilterTables& f, int columns, const float* source, int x, int y, int w, int h,
                  float limit, unsigned long long* count)
      : RowGrid{w, h},
        filter(f),
        in(source),
        in_width(columns),
        left(x),
        top(y),
        threshold(limit),
        over(count) {}

  static constexpr int kPhases = 3;
  size_t shared_bytes() const { return kThreads * sizeof(uint32_t); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    uint32_t* counts = reinterpret_cast<uint32_t*>(shared);
    if constexpr (Phase == 0) {
      const int x = column(at);
      counts[at.thread] =
          x < width && resampled_column(filter, in, in_width, left + x, top + row(at)) >= threshold;
    }
    if constexpr (Phase == 1) {
      if (at.thread >= 32) return;
      for (unsigned i = at.thread + 32; i < kThreads; i += 32) counts[at.thread] += counts[i];
    }
    if constexpr (Phase == 2) {
      if (at.thread > 0) return;
      uint32_t sum = 0;
      for (unsigned i = 0; i < 32; ++i) sum += counts[i];
      if (sum) atomic_add(over, sum);
    }
  }
};

}  // namespace anomaly::cuda
