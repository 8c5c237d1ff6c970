// SPDX-License-Identifier: LGPL-2.1-or-later
// The one table of pixel formats, from which caps, ingest and drawing follow.
#pragma once

#include <cstdint>

#include "kernels/frame_view.h"
#include "kernels/portable.h"

namespace anomaly {

enum class PixelFamily : int { Rgb, Yuv, Gray };

// Where one component lies. Its sample i of a row is the `depth` bits from bit `shift` up of the
// little-endian word of `sample_bytes` bytes at row + offset + i * pixel_stride.
struct PixelComponent {
  uint8_t plane;
  uint8_t offset;        // bytes
  uint8_t pixel_stride;  // bytes
  uint8_t sample_bytes;  // 1 or 2
  uint8_t shift;         // bits
  uint8_t depth;         // bits
  uint8_t h_sub;         // log2 of the horizontal subsampling
  uint8_t v_sub;         // log2 of the vertical subsampling
};

struct PixelFormatInfo {
  PixelFormat format;
  const char* name;  // GStreamer's
  PixelFamily family;
  int planes;
  int components;  // 3: R' G' B' or Y' Cb Cr, 1: grey. Alpha and padding are not listed: nothing uses them.
  PixelComponent component[3];
  bool repeats_chroma = false;  // as GStreamer's converter does with these instead of interpolating
};

inline constexpr int kPixelFormats = static_cast<int>(PixelFormat::Y444_10LE) + 1;

// Throws std::invalid_argument for a value outside the enumeration.
const PixelFormatInfo& pixel_format_info(PixelFormat format);

// All formats in the order of the enumeration; kPixelFormats entries.
const PixelFormatInfo* pixel_format_table();

// By GStreamer's name; null where there is none such.
const PixelFormatInfo* find_pixel_format(const char* name);

// Samples of a subsampled dimension: rounded up, as GStreamer does.
ANOMALY_HD inline int subsampled(int size, int log2) {
  return (size + (1 << log2) - 1) >> log2;
}

// Rows of a plane of a frame `height` pixels high, and bytes of its row that pixels use in a frame `width`
// pixels wide.
int plane_rows(const PixelFormatInfo& info, int plane, int height);
int plane_row_bytes(const PixelFormatInfo& info, int plane, int width);

inline constexpr int kMaxFrameSize = 32768;

// Throws std::invalid_argument that names what is wrong with the view: format, size out of 1..32768, a plane
// that is null, a stride that lets rows overlap.
void check_frame(const FrameView& frame);

}  // namespace anomaly
