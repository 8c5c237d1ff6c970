// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/frame_rows.h"

namespace anomaly {

FrameRows::FrameRows(const FrameView& frame) : frame_(frame), info_(pixel_format_info(frame.format)) {
  matrix_ = yuv_to_rgb_matrix(frame.matrix, frame.range,
                              info_.family == PixelFamily::Yuv ? info_.component[0].depth : 8);
}

void FrameRows::read(int y, int16_t* r, int16_t* g, int16_t* b) {
  for (int x = 0; x < frame_.width; ++x) {
    const Rgb p = frame_pixel(info_, frame_, matrix_, x, y);
    r[x] = static_cast<int16_t>(p.r);
    g[x] = static_cast<int16_t>(p.g);
    b[x] = static_cast<int16_t>(p.b);
  }
}

}  // namespace anomaly
