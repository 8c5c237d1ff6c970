// SPDX-License-Identifier: LGPL-2.1-or-later
// One video frame in memory, as the kernels read and write it: what the pixel bytes mean and where the planes
// lie.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anomaly {

// Names follow GStreamer's video formats; multi-byte samples are little endian.
enum class PixelFormat : int {
  RGB,
  BGR,
  RGBx,
  BGRx,
  xRGB,
  xBGR,
  RGBA,
  BGRA,
  ARGB,
  ABGR,
  RGB16,
  NV12,
  NV21,
  NV16,
  I420,
  YV12,
  YUY2,
  UYVY,
  Y42B,
  Y444,
  GRAY8,
  GRAY16_LE,
  P010_10LE,
  I420_10LE,
  Y444_10LE,
};

// Matrix of Y'CbCr formats; ignored for RGB and grey.
enum class ColorMatrix : int { BT601, BT709, BT2020 };

// Full: 0..255 (0..1023). Limited: luma 16..235, chroma 16..240 of 8 bits, scaled by 4 for 10 bits.
enum class ColorRange : int { Full, Limited };

// Where a subsampled chroma sample lies among its pixels, across and down. GStreamer's names: "jpeg", "mpeg2"
// (H.264's usual one), "v-cosited", "cosited".
enum class ChromaSite : int { Centre, Left, Top, TopLeft };

inline constexpr int kMaxPlanes = 3;

// Does not own its memory. `Byte` is `const uint8_t` (read) or `uint8_t` (draw in place).
// Plane order is the order in which GStreamer numbers the format's planes (YV12: Y, V, U).
template <typename Byte>
struct BasicFrameView {
  PixelFormat format = PixelFormat::RGB;
  ColorMatrix matrix = ColorMatrix::BT601;
  ColorRange range = ColorRange::Limited;
  ChromaSite chroma_site = ChromaSite::Left;
  int width = 0;   // pixels, 1..32768
  int height = 0;  // pixels, 1..32768
  Byte* plane[kMaxPlanes] = {};
  // Bytes from one row to the next; may exceed the row, may be negative.
  std::ptrdiff_t stride[kMaxPlanes] = {};

  // A view that can be drawn on can be read.
  operator BasicFrameView<const uint8_t>() const {
    BasicFrameView<const uint8_t> v;
    v.format = format;
    v.matrix = matrix;
    v.range = range;
    v.chroma_site = chroma_site;
    v.width = width;
    v.height = height;
    for (int i = 0; i < kMaxPlanes; ++i) v.plane[i] = plane[i], v.stride[i] = stride[i];
    return v;
  }
};

using FrameView = BasicFrameView<const uint8_t>;
using MutableFrameView = BasicFrameView<uint8_t>;

}  // namespace anomaly
