// SPDX-License-Identifier: LGPL-2.1-or-later
// Reads a frame row by row as planar R'G'B'.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/frame_view.h"
#include "kernels/pixel_format.h"
#include "kernels/pixel_math.h"

namespace anomaly {

// Not for several threads at once: each makes its own. Fastest when rows are read in order, because upsampled
// chroma rows are kept.
class FrameRows {
 public:
  // `frame` was checked (check_frame); its pixels outlive this.
  explicit FrameRows(const FrameView& frame);

  // Pixels 0..width-1 of row y, 0..255 each, to r, g and b. Equal to frame_pixel() on each pixel.
  void read(int y, int16_t* r, int16_t* g, int16_t* b);

 private:
  const uint8_t* row_of(const PixelComponent& c, int row) const;
  const int16_t* upsampled(int component, int row);
  void read_rgb(int y, int16_t* out[3]);
  void read_yuv(int y, int16_t* r, int16_t* g, int16_t* b);

  FrameView frame_;
  const PixelFormatInfo& info_;
  YuvToRgb matrix_{};
  ChromaWeights across_, down_;
  struct Kept {
    int row = -1;
    std::vector<int16_t> samples;
  };
  Kept kept_[3][2];              // by component: the last upsampled rows, by row number modulo 2
  std::vector<int16_t> raw_;     // a chroma row before it is upsampled
  std::vector<int16_t> row_[3];  // Y', Cb, Cr of the row at hand
};

}  // namespace anomaly
