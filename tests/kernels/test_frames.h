// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames of every pixel format for the tests, and a second, slow and plain reading of what their bytes mean.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/frame_view.h"
#include "kernels/pixel_format.h"

namespace test_frames {

using anomaly::ColorMatrix;
using anomaly::ColorRange;
using anomaly::FrameView;
using anomaly::MutableFrameView;
using anomaly::PixelFormat;

class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed * 2654435761U + 12345U) {}
  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  int below(int n) { return static_cast<int>(next() % static_cast<uint32_t>(n)); }
  float unit() { return static_cast<float>(next() >> 8) / static_cast<float>(1 << 24); }

 private:
  uint32_t state_;
};

struct Facts {
  const char* name;
  PixelFormat format;
  char family;  // 'r' R'G'B', 'y' Y'CbCr, 'g' grey
  int planes;
  int h, v;   // chroma samples are h x v pixels large
  int depth;  // bits of a sample; RGB16: of green
};

inline const std::vector<Facts>& all_facts() {
  using F = PixelFormat;
  static const std::vector<Facts> facts = {
      {"RGB", F::RGB, 'r', 1, 1, 1, 8},
      {"BGR", F::BGR, 'r', 1, 1, 1, 8},
      {"RGBx", F::RGBx, 'r', 1, 1, 1, 8},
      {"BGRx", F::BGRx, 'r', 1, 1, 1, 8},
      {"xRGB", F::xRGB, 'r', 1, 1, 1, 8},
      {"xBGR", F::xBGR, 'r', 1, 1, 1, 8},
      {"RGBA", F::RGBA, 'r', 1, 1, 1, 8},
      {"BGRA", F::BGRA, 'r', 1, 1, 1, 8},
      {"ARGB", F::ARGB, 'r', 1, 1, 1, 8},
      {"ABGR", F::ABGR, 'r', 1, 1, 1, 8},
      {"RGB16", F::RGB16, 'r', 1, 1, 1, 6},
      {"NV12", F::NV12, 'y', 2, 2, 2, 8},
      {"NV21", F::NV21, 'y', 2, 2, 2, 8},
      {"NV16", F::NV16, 'y', 2, 2, 1, 8},
      {"I420", F::I420, 'y', 3, 2, 2, 8},
      {"YV12", F::YV12, 'y', 3, 2, 2, 8},
      {"YUY2", F::YUY2, 'y', 1, 2, 1, 8},
      {"UYVY", F::UYVY, 'y', 1, 2, 1, 8},
      {"Y42B", F::Y42B, 'y', 3, 2, 1, 8},
      {"Y444", F::Y444, 'y', 3, 1, 1, 8},
      {"GRAY8", F::GRAY8, 'g', 1, 1, 1, 8},
      {"GRAY16_LE", F::GRAY16_LE, 'g', 1, 1, 1, 16},
      {"P010_10LE", F::P010_10LE, 'y', 2, 2, 2, 10},
      {"I420_10LE", F::I420_10LE, 'y', 3, 2, 2, 10},
      {"Y444_10LE", F::Y444_10LE, 'y', 3, 1, 1, 10},
  };
  return facts;
}

inline int half_up(int n, int by) {
  return (n + by - 1) / by;
}

// Bytes of a plane's row and its rows, from the formats' definitions.
inline int row_bytes(const Facts& f, int plane, int width) {
  switch (f.format) {
    case PixelFormat::RGB:
    case PixelFormat::BGR:
      return 3 * width;
    case PixelFormat::RGB16:
    case PixelFormat::GRAY16_LE:
      return 2 * width;
    case PixelFormat::YUY2:
    case PixelFormat::UYVY:
      return 4 * half_up(width, 2);
    case PixelFormat::NV12:
    case PixelFormat::NV21:
    case PixelFormat::NV16:
      return plane == 0 ? width : 2 * half_up(width, 2);
    case PixelFormat::P010_10LE:
      return plane == 0 ? 2 * width : 4 * half_up(width, 2);
    default:
      break;
  }
  if (f.family == 'r') return 4 * width;
  return (plane == 0 ? width : half_up(width, f.h)) * (f.depth > 8 ? 2 : 1);
}
inline int rows(const Facts& f, int plane, int height) {
  return plane == 0 ? height : half_up(height, f.v);
}

// The bytes of sample i of component c (R G B, Y Cb Cr) in row j of that component: plane, first byte, bits.
struct Place {
  int plane, byte, bytes, shift, bits;
};
inline Place place(PixelFormat format, int c, int i) {
  switch (format) {
    case PixelFormat::RGB:
      return {0, 3 * i + c, 1, 0, 8};
    case PixelFormat::BGR:
      return {0, 3 * i + 2 - c, 1, 0, 8};
    case PixelFormat::RGBx:
    case PixelFormat::RGBA:
      return {0, 4 * i + c, 1, 0, 8};
    case PixelFormat::BGRx:
    case PixelFormat::BGRA:
      return {0, 4 * i + 2 - c, 1, 0, 8};
    case PixelFormat::xRGB:
    case PixelFormat::ARGB:
      return {0, 4 * i + 1 + c, 1, 0, 8};
    case PixelFormat::xBGR:
    case PixelFormat::ABGR:
      return {0, 4 * i + 3 - c, 1, 0, 8};
    case PixelFormat::RGB16:
      return c == 0   ? Place{0, 2 * i, 2, 11, 5}
             : c == 1 ? Place{0, 2 * i, 2, 5, 6}
                      : Place{0, 2 * i, 2, 0, 5};
    case PixelFormat::NV12:
    case PixelFormat::NV16:
      return c == 0 ? Place{0, i, 1, 0, 8} : Place{1, 2 * i + c - 1, 1, 0, 8};
    case PixelFormat::NV21:
      return c == 0 ? Place{0, i, 1, 0, 8} : Place{1, 2 * i + 2 - c, 1, 0, 8};
    case PixelFormat::YV12:
      return {c == 0 ? 0 : 3 - c, i, 1, 0, 8};
    case PixelFormat::YUY2:
      return {0, c == 0 ? 2 * i : 4 * i + 2 * c - 1, 1, 0, 8};
    case PixelFormat::UYVY:
      return {0, c == 0 ? 2 * i + 1 : 4 * i + 2 * c - 2, 1, 0, 8};
    case PixelFormat::GRAY16_LE:
      return {0, 2 * i, 2, 0, 16};
    case PixelFormat::P010_10LE:
      return c == 0 ? Place{0, 2 * i, 2, 6, 10} : Place{1, 4 * i + 2 * (c - 1), 2, 6, 10};
    case PixelFormat::I420_10LE:
    case PixelFormat::Y444_10LE:
      return {c, 2 * i, 2, 0, 10};
    default:
      return {c, i, 1, 0, 8};  // I420, Y42B, Y444, GRAY8
  }
}

enum class Layout { Tight, Padded, Negative };

// Owns its bytes; `fill` bytes around and between the rows are part of `bytes`, so that a stray write shows.
struct Frame {
  const Facts* facts = nullptr;
  MutableFrameView view;
  std::vector<uint8_t> bytes[anomaly::kMaxPlanes];

  int get(int c, int i, int j) const {
    const Place p = place(view.format, c, i);
    const uint8_t* at = view.plane[p.plane] + j * view.stride[p.plane] + p.byte;
    const int word = p.bytes == 2 ? at[0] | (at[1] << 8) : at[0];
    return (word >> p.shift) & ((1 << p.bits) - 1);
  }
  void set(int c, int i, int j, int value) {
    const Place p = place(view.format, c, i);
    uint8_t* at = view.plane[p.plane] + j * view.stride[p.plane] + p.byte;
    int word = p.bytes == 2 ? at[0] | (at[1] << 8) : at[0];
    word = (word & ~(((1 << p.bits) - 1) << p.shift)) | (value << p.shift);
    at[0] = static_cast<uint8_t>(word);
    if (p.bytes == 2) at[1] = static_cast<uint8_t>(word >> 8);
  }
  int components() const { return facts->family == 'g' ? 1 : 3; }
  int h(int c) const { return c == 0 ? 1 : facts->h; }
  int v(int c) const { return c == 0 ? 1 : facts->v; }
};

// All bytes random. Unused bits above 10-bit samples are 0, as GStreamer's elements leave them.
inline void make(Frame& frame, const Facts& facts, int width, int height, Layout layout, uint32_t seed) {
  Random random(seed);
  frame.facts = &facts;
  frame.view.format = facts.format;
  frame.view.width = width;
  frame.view.height = height;
  for (int p = 0; p < facts.planes; ++p) {
    const int used = row_bytes(facts, p, width), count = rows(facts, p, height);
    const int stride = layout == Layout::Tight ? used : used + 13 + 2 * p;
    frame.bytes[p].resize(static_cast<size_t>(stride) * count + 64);
    for (uint8_t& b : frame.bytes[p]) b = static_cast<uint8_t>(random.next() >> 11);
    uint8_t* first = frame.bytes[p].data() + 32;
    frame.view.stride[p] = layout == Layout::Negative ? -stride : stride;
    frame.view.plane[p] =
        layout == Layout::Negative ? first + static_cast<ptrdiff_t>(stride) * (count - 1) : first;
    if (facts.depth == 10 && facts.format != PixelFormat::P010_10LE)
      for (int j = 0; j < count; ++j)
        for (int b = 1; b < used; b += 2) frame.view.plane[p][j * frame.view.stride[p] + b] &= 3;
  }
}

inline std::string describe(const Frame& f) {
  return std::string(f.facts->name) + " " + std::to_string(f.view.width) + "x" +
         std::to_string(f.view.height);
}

struct Luma {
  double red, green, blue;
};
inline Luma luma_of(ColorMatrix m) {
  if (m == ColorMatrix::BT709) return {0.2126, 0.7152, 0.0722};
  if (m == ColorMatrix::BT2020) return {0.2627, 0.6780, 0.0593};
  return {0.299, 0.587, 0.114};
}

}  // namespace test_frames
