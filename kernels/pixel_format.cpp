// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/pixel_format.h"

#include <cstring>
#include <stdexcept>
#include <string>

namespace anomaly {
namespace {

constexpr PixelFormatInfo rgb(PixelFormat format, const char* name, uint8_t pixel, uint8_t r, uint8_t g,
                              uint8_t b) {
  return {format,
          name,
          PixelFamily::Rgb,
          1,
          3,
          {{0, r, pixel, 1, 0, 8, 0, 0}, {0, g, pixel, 1, 0, 8, 0, 0}, {0, b, pixel, 1, 0, 8, 0, 0}}};
}

// Three planes in the order Y, then `u` and `v` by number. GStreamer converts I420 and YV12 by a short cut.
constexpr PixelFormatInfo planar(PixelFormat format, const char* name, uint8_t bytes, uint8_t depth,
                                 uint8_t u, uint8_t v, uint8_t h, uint8_t vert) {
  return {format,
          name,
          PixelFamily::Yuv,
          3,
          3,
          {{0, 0, bytes, bytes, 0, depth, 0, 0},
           {u, 0, bytes, bytes, 0, depth, h, vert},
           {v, 0, bytes, bytes, 0, depth, h, vert}},
          bytes == 1 && vert == 1};
}

// A plane of Y and one of interleaved chroma.
constexpr PixelFormatInfo semiplanar(PixelFormat format, const char* name, uint8_t bytes, uint8_t shift,
                                     uint8_t depth, uint8_t u, uint8_t v, uint8_t vert) {
  return {format,
          name,
          PixelFamily::Yuv,
          2,
          3,
          {{0, 0, bytes, bytes, shift, depth, 0, 0},
           {1, u, static_cast<uint8_t>(2 * bytes), bytes, shift, depth, 1, vert},
           {1, v, static_cast<uint8_t>(2 * bytes), bytes, shift, depth, 1, vert}}};
}

constexpr PixelFormatInfo packed422(PixelFormat format, const char* name, uint8_t y, uint8_t u, uint8_t v) {
  return {format, name, PixelFamily::Yuv,
          1,      3,    {{0, y, 2, 1, 0, 8, 0, 0}, {0, u, 4, 1, 0, 8, 1, 0}, {0, v, 4, 1, 0, 8, 1, 0}}};
}

constexpr PixelFormatInfo gray(PixelFormat format, const char* name, uint8_t bytes) {
  return {format, name, PixelFamily::Gray,
          1,      1,    {{0, 0, bytes, bytes, 0, static_cast<uint8_t>(8 * bytes), 0, 0}, {}, {}}};
}

using F = PixelFormat;
constexpr PixelFormatInfo kTable[kPixelFormats] = {
    rgb(F::RGB, "RGB", 3, 0, 1, 2),
    rgb(F::BGR, "BGR", 3, 2, 1, 0),
    rgb(F::RGBx, "RGBx", 4, 0, 1, 2),
    rgb(F::BGRx, "BGRx", 4, 2, 1, 0),
    rgb(F::xRGB, "xRGB", 4, 1, 2, 3),
    rgb(F::xBGR, "xBGR", 4, 3, 2, 1),
    rgb(F::RGBA, "RGBA", 4, 0, 1, 2),
    rgb(F::BGRA, "BGRA", 4, 2, 1, 0),
    rgb(F::ARGB, "ARGB", 4, 1, 2, 3),
    rgb(F::ABGR, "ABGR", 4, 3, 2, 1),
    {F::RGB16,
     "RGB16",
     PixelFamily::Rgb,
     1,
     3,
     {{0, 0, 2, 2, 11, 5, 0, 0}, {0, 0, 2, 2, 5, 6, 0, 0}, {0, 0, 2, 2, 0, 5, 0, 0}}},
    semiplanar(F::NV12, "NV12", 1, 0, 8, 0, 1, 1),
    semiplanar(F::NV21, "NV21", 1, 0, 8, 1, 0, 1),
    semiplanar(F::NV16, "NV16", 1, 0, 8, 0, 1, 0),
    planar(F::I420, "I420", 1, 8, 1, 2, 1, 1),
    planar(F::YV12, "YV12", 1, 8, 2, 1, 1, 1),
    packed422(F::YUY2, "YUY2", 0, 1, 3),
    packed422(F::UYVY, "UYVY", 1, 0, 2),
    planar(F::Y42B, "Y42B", 1, 8, 1, 2, 1, 0),
    planar(F::Y444, "Y444", 1, 8, 1, 2, 0, 0),
    gray(F::GRAY8, "GRAY8", 1),
    gray(F::GRAY16_LE, "GRAY16_LE", 2),
    semiplanar(F::P010_10LE, "P010_10LE", 2, 6, 10, 0, 2, 1),
    planar(F::I420_10LE, "I420_10LE", 2, 10, 1, 2, 1, 1),
    planar(F::Y444_10LE, "Y444_10LE", 2, 10, 1, 2, 0, 0),
};

constexpr bool in_order() {
  for (int i = 0; i < kPixelFormats; ++i)
    if (static_cast<int>(kTable[i].format) != i) return false;
  return true;
}
static_assert(in_order(), "the table is indexed by the enumeration");

// The component that lies in `plane`, the one with the most rows and bytes where several do.
const PixelComponent& widest(const PixelFormatInfo& info, int plane) {
  const PixelComponent* found = nullptr;
  for (int i = 0; i < info.components; ++i)
    if (info.component[i].plane == plane && (!found || info.component[i].h_sub > found->h_sub))
      found = &info.component[i];
  if (!found)
    throw std::invalid_argument(std::string("format ") + info.name + " has no plane " +
                                std::to_string(plane));
  return *found;
}

}  // namespace

const PixelFormatInfo* pixel_format_table() {
  return kTable;
}

const PixelFormatInfo& pixel_format_info(PixelFormat format) {
  const int index = static_cast<int>(format);
  if (index < 0 || index >= kPixelFormats)
    throw std::invalid_argument("pixel format " + std::to_string(index) + " is not one of the " +
                                std::to_string(kPixelFormats) + " known ones");
  return kTable[index];
}

const PixelFormatInfo* find_pixel_format(const char* name) {
  for (const PixelFormatInfo& info : kTable)
    if (std::strcmp(info.name, name) == 0) return &info;
  return nullptr;
}

int plane_rows(const PixelFormatInfo& info, int plane, int height) {
  return subsampled(height, widest(info, plane).v_sub);
}

int plane_row_bytes(const PixelFormatInfo& info, int plane, int width) {
  const PixelComponent& c = widest(info, plane);
  return subsampled(width, c.h_sub) * c.pixel_stride;
}

void check_frame(const FrameView& frame) {
  const PixelFormatInfo& info = pixel_format_info(frame.format);
  const std::string what = std::string(info.name) + " frame of " + std::to_string(frame.width) + "x" +
                           std::to_string(frame.height);
  if (frame.width < 1 || frame.height < 1 || frame.width > kMaxFrameSize || frame.height > kMaxFrameSize)
    throw std::invalid_argument(what + ": width and height must lie in 1.." + std::to_string(kMaxFrameSize));
  for (int i = 0; i < info.planes; ++i) {
    if (!frame.plane[i]) throw std::invalid_argument(what + ": plane " + std::to_string(i) + " is null");
    const std::ptrdiff_t stride = frame.stride[i] < 0 ? -frame.stride[i] : frame.stride[i];
    const int bytes = plane_row_bytes(info, i, frame.width);
    if (plane_rows(info, i, frame.height) > 1 && stride < bytes)
      throw std::invalid_argument(what + ": the stride of plane " + std::to_string(i) + ", " +
                                  std::to_string(frame.stride[i]) + " bytes, is less than a row of " +
                                  std::to_string(bytes));
  }
}

}  // namespace anomaly
