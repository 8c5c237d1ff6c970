// SPDX-License-Identifier: LGPL-2.1-or-later
// From the samples of a frame to one R'G'B' pixel. The arithmetic of every ingest, on the CPU and on a GPU.
#pragma once

#include <cstdint>

#include "kernels/frame_view.h"
#include "kernels/pixel_format.h"
#include "kernels/portable.h"

namespace anomaly {

ANOMALY_HD inline int clamp_int(int v, int low, int high) {
  return v < low ? low : v > high ? high : v;
}

// Luma weights of red and blue: ITU-R BT.601, BT.709, BT.2020 (non-constant luminance).
struct LumaWeights {
  double red, blue;
};
ANOMALY_HD inline LumaWeights luma_weights(ColorMatrix matrix) {
  if (matrix == ColorMatrix::BT709) return {0.2126, 0.0722};
  if (matrix == ColorMatrix::BT2020) return {0.2627, 0.0593};
  return {0.299, 0.114};
}

// Y'CbCr samples of `depth` bits -> R'G'B' of 8 bits, in fixed point with kYuvBits bits.
inline constexpr int kYuvBits = 16;
struct YuvToRgb {
  int32_t y_offset, c_offset;  // in samples
  int32_t y, r_cr, g_cb, g_cr, b_cb;
};

ANOMALY_HD inline YuvToRgb yuv_to_rgb_matrix(ColorMatrix matrix, ColorRange range, int depth) {
  const LumaWeights w = luma_weights(matrix);
  const double green = 1 - w.red - w.blue;
  const int scale = 1 << (depth - 8);
  const bool full = range == ColorRange::Full;
  const double y_range = full ? (1 << depth) - 1 : 219 * scale;
  const double c_range = full ? (1 << depth) - 1 : 224 * scale;
  const double y = 255 / y_range * (1 << kYuvBits), c = 255 / c_range * (1 << kYuvBits);
  YuvToRgb m;
  m.y_offset = full ? 0 : 16 * scale;
  m.c_offset = 128 * scale;
  m.y = static_cast<int32_t>(y + 0.5);
  m.r_cr = static_cast<int32_t>(2 * (1 - w.red) * c + 0.5);
  m.b_cb = static_cast<int32_t>(2 * (1 - w.blue) * c + 0.5);
  m.g_cb = static_cast<int32_t>(2 * (1 - w.blue) * w.blue / green * c + 0.5);
  m.g_cr = static_cast<int32_t>(2 * (1 - w.red) * w.red / green * c + 0.5);
  return m;
}

struct Rgb {
  int r, g, b;  // 0..255
};

ANOMALY_HD inline Rgb yuv_to_rgb8(const YuvToRgb& m, int y, int cb, int cr) {
  const int luma = (y - m.y_offset) * m.y + (1 << (kYuvBits - 1));
  const int b = cb - m.c_offset, r = cr - m.c_offset;
  return {clamp_int((luma + r * m.r_cr) >> kYuvBits, 0, 255),
          clamp_int((luma - b * m.g_cb - r * m.g_cr) >> kYuvBits, 0, 255),
          clamp_int((luma + b * m.b_cb) >> kYuvBits, 0, 255)};
}

// A sample of `depth` bits (5..16) as 8 bits: short ones by repeating their high bits, so that full stays
// full.
ANOMALY_HD inline int sample_to_8(int v, int depth) {
  return depth >= 8 ? v >> (depth - 8) : (v << (8 - depth)) | (v >> (2 * depth - 8));
}

// Sample i of a component in a row of its plane.
ANOMALY_HD inline int load_sample(const PixelComponent& c, const uint8_t* row, int i) {
  const uint8_t* p = row + c.offset + static_cast<std::ptrdiff_t>(i) * c.pixel_stride;
  if (c.sample_bytes == 1) return p[0];  // every one-byte sample fills its byte
  return ((p[0] | (p[1] << 8)) >> c.shift) & ((1 << c.depth) - 1);
}

// Linear chroma upsampling by two between samples `near` (the one that the pixel lies in) and `far` (the next
// one on the pixel's side, or `near` at the border). Rounded to a whole sample after each dimension,
// horizontal first.
ANOMALY_HD inline int chroma_centred(int near, int far) {
  return (3 * near + far + 2) >> 2;
}
ANOMALY_HD inline int chroma_between(int left, int right) {
  return (left + right + 1) >> 1;
}

// The horizontally upsampled sample for pixel column x; `samples` = samples in the row.
ANOMALY_HD inline int chroma_at(const PixelComponent& c, const uint8_t* row, int samples, int x,
                                bool cosited) {
  if (c.h_sub == 0) return load_sample(c, row, x);
  const int i = x >> 1;
  if (cosited) {
    const int left = load_sample(c, row, i);
    return (x & 1) && i + 1 < samples ? chroma_between(left, load_sample(c, row, i + 1)) : left;
  }
  const int other = clamp_int((x & 1) ? i + 1 : i - 1, 0, samples - 1);
  return chroma_centred(load_sample(c, row, i), load_sample(c, row, other));
}

// The chroma rows that pixel row y is made of: `near` and `far` (equal where nothing is to be interpolated).
struct ChromaRows {
  int near, far;
};
ANOMALY_HD inline ChromaRows chroma_rows(int v_sub, int height, int y, bool cosited) {
  if (v_sub == 0) return {y, y};
  const int i = y >> 1;
  if (cosited) return {i, i};
  return {i, clamp_int((y & 1) ? i + 1 : i - 1, 0, subsampled(height, v_sub) - 1)};
}

ANOMALY_HD inline bool chroma_h_cosited(ChromaSite site) {
  return site != ChromaSite::Centre;
}
ANOMALY_HD inline bool chroma_v_cosited(ChromaSite site) {
  return site == ChromaSite::TopLeft;
}

// Pixel (x, y) of a checked frame; the row readers must give the same. `m` comes from yuv_to_rgb_matrix with
// the frame's matrix, range and depth, and is not looked at unless the family is Yuv.
ANOMALY_HD inline Rgb frame_pixel(const PixelFormatInfo& info, const FrameView& frame, const YuvToRgb& m,
                                  int x, int y) {
  int v[3] = {};
  for (int i = 0; i < info.components; ++i) {
    const PixelComponent& c = info.component[i];
    const uint8_t* plane = frame.plane[c.plane];
    const std::ptrdiff_t stride = frame.stride[c.plane];
    const ChromaRows rows = chroma_rows(c.v_sub, frame.height, y, chroma_v_cosited(frame.chroma_site));
    const int samples = subsampled(frame.width, c.h_sub);
    const bool cosited = chroma_h_cosited(frame.chroma_site);
    const int near = chroma_at(c, plane + rows.near * stride, samples, x, cosited);
    v[i] = rows.near == rows.far
               ? near
               : chroma_centred(near, chroma_at(c, plane + rows.far * stride, samples, x, cosited));
  }
  if (info.family == PixelFamily::Yuv) return yuv_to_rgb8(m, v[0], v[1], v[2]);
  const int r = sample_to_8(v[0], info.component[0].depth);
  if (info.family == PixelFamily::Gray) return {r, r, r};
  return {r, sample_to_8(v[1], info.component[1].depth), sample_to_8(v[2], info.component[2].depth)};
}

}  // namespace anomaly
