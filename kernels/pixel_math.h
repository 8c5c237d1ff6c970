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

// Y'CbCr -> R'G'B' of 8 bits.
//
// From 10 bits: the matrix in fixed point with 16 bits behind the point, rounded.
// From 8 bits: in the 16-bit arithmetic of GStreamer's converter, so that the two agree. Its three
// truncations and its missing black offset make limited range 2 to 4 levels too dark and full range 1 level
// too little green. Where the exact formula is further away than that, `add` brings the result 1 or 2 levels
// back: within 2 of GStreamer's, within 4 of the exact formula's, and on average 1 away from it.
struct YuvToRgb {
  int depth;                   // 8 or 10
  int32_t y_offset, c_offset;  // in samples
  int32_t y, r_cr, g_cb, g_cr, b_cb;
  int32_t add_r, add_g, add_b;
};

// v + 1/2 without its fraction: the nearest whole number of v >= 0.
template <typename Float>
ANOMALY_HD inline int add_half(Float v) {
  const Float half = 1 / Float{2};
  return static_cast<int>(v + half);
}
ANOMALY_HD inline int32_t round_to_int(double v) {
  return v < 0 ? -add_half(-v) : add_half(v);
}

ANOMALY_HD inline YuvToRgb yuv_to_rgb_matrix(ColorMatrix matrix, ColorRange range, int depth) {
  const LumaWeights w = luma_weights(matrix);
  const double green = 1 - w.red - w.blue;
  const int scale = 1 << (depth - 8);
  const bool full = range == ColorRange::Full;
  const double y_range = full ? (1 << depth) - 1 : 219 * scale;
  const double c_range = full ? (1 << depth) - 1 : 224 * scale;
  const double one = depth == 8 ? 1 << 8 : 1 << 16;
  const double y = 255 / y_range * one, c = 255 / c_range * one;
  YuvToRgb m;
  m.depth = depth;
  m.y_offset = depth == 8 ? 128 : full ? 0 : 16 * scale;
  m.c_offset = 128 * scale;
  m.y = round_to_int(y);
  m.r_cr = round_to_int(2 * (1 - w.red) * c);
  m.b_cb = round_to_int(2 * (1 - w.blue) * c);
  m.g_cb = round_to_int(-2 * (1 - w.blue) * w.blue / green * c);
  m.g_cr = round_to_int(-2 * (1 - w.red) * w.red / green * c);
  m.add_r = m.add_b = full ? 0 : 2;
  m.add_g = full ? 1 : 2;
  return m;
}

struct Rgb {
  int r, g, b;  // 0..255
};

// v (-128..127) with its byte repeated below it, times k, the upper 16 bits of 32.
ANOMALY_HD inline int upper_product(int v, int32_t k) {
  return ((v * 256 + (v & 255)) * k) >> 16;
}

ANOMALY_HD inline Rgb yuv_to_rgb8(const YuvToRgb& m, int y, int cb, int cr) {
  y -= m.y_offset;
  cb -= m.c_offset;
  cr -= m.c_offset;
  if (m.depth == 8) {
    const int luma = upper_product(y, m.y) + 128;
    return {clamp_int(luma + upper_product(cr, m.r_cr) + m.add_r, 0, 255),
            clamp_int(luma + upper_product(cb, m.g_cb) + upper_product(cr, m.g_cr) + m.add_g, 0, 255),
            clamp_int(luma + upper_product(cb, m.b_cb) + m.add_b, 0, 255)};
  }
  const int luma = y * m.y + (1 << 15);
  return {clamp_int((luma + cr * m.r_cr) >> 16, 0, 255),
          clamp_int((luma + cb * m.g_cb + cr * m.g_cr) >> 16, 0, 255),
          clamp_int((luma + cb * m.b_cb) >> 16, 0, 255)};
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

// How samples are weighted along one dimension. Cosited rows are not interpolated vertically: nor does
// GStreamer.
enum class ChromaWeights : int { Repeat, Centred, Cosited };
ANOMALY_HD inline ChromaWeights horizontal_weights(const PixelFormatInfo& info, ChromaSite site) {
  if (info.repeats_chroma) return ChromaWeights::Repeat;
  const bool centred = site == ChromaSite::Centre || site == ChromaSite::Top;
  return centred ? ChromaWeights::Centred : ChromaWeights::Cosited;
}
ANOMALY_HD inline ChromaWeights vertical_weights(const PixelFormatInfo& info, ChromaSite site) {
  if (info.repeats_chroma) return ChromaWeights::Repeat;
  const bool centred = site == ChromaSite::Centre || site == ChromaSite::Left;
  return centred ? ChromaWeights::Centred : ChromaWeights::Cosited;
}

// The horizontally upsampled sample for pixel column x; `samples` = samples in the row.
ANOMALY_HD inline int chroma_at(const PixelComponent& c, const uint8_t* row, int samples, int x,
                                ChromaWeights weights) {
  if (c.h_sub == 0) return load_sample(c, row, x);
  const int i = x >> 1;
  if (weights == ChromaWeights::Repeat) return load_sample(c, row, i);
  if (weights == ChromaWeights::Cosited) {
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
ANOMALY_HD inline ChromaRows chroma_rows(int v_sub, int height, int y, ChromaWeights weights) {
  if (v_sub == 0) return {y, y};
  const int i = y >> 1;
  if (weights != ChromaWeights::Centred) return {i, i};
  return {i, clamp_int((y & 1) ? i + 1 : i - 1, 0, subsampled(height, v_sub) - 1)};
}

// Pixel (x, y) of a checked frame; the row readers must give the same. `m` comes from yuv_to_rgb_matrix with
// the frame's matrix, range and depth, and is not looked at unless the family is Yuv.
ANOMALY_HD inline Rgb frame_pixel(const PixelFormatInfo& info, const FrameView& frame, const YuvToRgb& m,
                                  int x, int y) {
  const ChromaWeights across = horizontal_weights(info, frame.chroma_site);
  const ChromaWeights down = vertical_weights(info, frame.chroma_site);
  int v[3] = {};
  for (int i = 0; i < 3; ++i) {  // a known number of turns: the samples stay in registers
    if (i >= info.components) break;
    const PixelComponent& c = info.component[i];
    const uint8_t* plane = frame.plane[c.plane];
    const std::ptrdiff_t stride = frame.stride[c.plane];
    const ChromaRows rows = chroma_rows(c.v_sub, frame.height, y, down);
    const int samples = subsampled(frame.width, c.h_sub);
    const int near = chroma_at(c, plane + rows.near * stride, samples, x, across);
    v[i] = rows.near == rows.far
               ? near
               : chroma_centred(near, chroma_at(c, plane + rows.far * stride, samples, x, across));
  }
  if (info.family == PixelFamily::Yuv) return yuv_to_rgb8(m, v[0], v[1], v[2]);
  const int r = sample_to_8(v[0], info.component[0].depth);
  if (info.family == PixelFamily::Gray) return {r, r, r};
  return {r, sample_to_8(v[1], info.component[1].depth), sample_to_8(v[2], info.component[2].depth)};
}

}  // namespace anomaly
