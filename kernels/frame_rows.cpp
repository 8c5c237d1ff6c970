// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/frame_rows.h"

#include <algorithm>

#include "kernels/row_kernels.h"

namespace anomaly {

FrameRows::FrameRows(const FrameView& frame)
    : frame_(frame),
      info_(pixel_format_info(frame.format)),
      across_(horizontal_weights(info_, frame.chroma_site)),
      down_(vertical_weights(info_, frame.chroma_site)) {
  if (info_.family != PixelFamily::Yuv) return;
  matrix_ = yuv_to_rgb_matrix(frame.matrix, frame.range, info_.component[0].depth);
  raw_.resize(frame.width);
  for (int i = 0; i < 3; ++i) {
    row_[i].resize(frame.width);
    for (Kept& kept : kept_[i]) kept.samples.resize(i > 0 ? frame.width : 0);
  }
}

const uint8_t* FrameRows::row_of(const PixelComponent& c, int row) const {
  return frame_.plane[c.plane] + row * frame_.stride[c.plane];
}

const int16_t* FrameRows::upsampled(int component, int row) {
  Kept& kept = kept_[component][row & 1];
  if (kept.row != row) {
    const PixelComponent& c = info_.component[component];
    if (c.h_sub == 0) {
      row::unpack(c, row_of(c, row), frame_.width, kept.samples.data());
    } else {
      row::unpack(c, row_of(c, row), subsampled(frame_.width, c.h_sub), raw_.data());
      row::upsample(raw_.data(), frame_.width, across_, kept.samples.data());
    }
    kept.row = row;
  }
  return kept.samples.data();
}

void FrameRows::read_yuv(int y, int16_t* r, int16_t* g, int16_t* b) {
  row::unpack(info_.component[0], row_of(info_.component[0], y), frame_.width, row_[0].data());
  const int16_t* chroma[3] = {};
  for (int i = 1; i < 3; ++i) {
    const ChromaRows rows = chroma_rows(info_.component[i].v_sub, frame_.height, y, down_);
    chroma[i] = upsampled(i, rows.near);
    if (rows.far == rows.near) continue;
    row::blend_rows(chroma[i], upsampled(i, rows.far), frame_.width, row_[i].data());
    chroma[i] = row_[i].data();
  }
  row::to_rgb(matrix_, row_[0].data(), chroma[1], chroma[2], frame_.width, r, g, b);
}

void FrameRows::read_rgb(int y, int16_t* out[3]) {
  const PixelComponent* c = info_.component;
  if (c[0].sample_bytes == 1) {
    // The three bytes lie side by side, forwards or backwards.
    int16_t* ordered[3];
    const int lowest = std::min(c[0].offset, c[2].offset);
    for (int i = 0; i < 3; ++i) ordered[c[i].offset - lowest] = out[i];
    row::unpack_triples(row_of(c[0], y) + lowest, c[0].pixel_stride, frame_.width, ordered[0], ordered[1],
                        ordered[2]);
    return;
  }
  for (int i = 0; i < 3; ++i) {
    row::unpack(c[i], row_of(c[i], y), frame_.width, out[i]);
    row::to_8_bits(c[i].depth, frame_.width, out[i]);
  }
}

void FrameRows::read(int y, int16_t* r, int16_t* g, int16_t* b) {
  int16_t* out[3] = {r, g, b};
  if (info_.family == PixelFamily::Yuv) {
    read_yuv(y, r, g, b);
  } else if (info_.family == PixelFamily::Rgb) {
    read_rgb(y, out);
  } else {
    row::unpack(info_.component[0], row_of(info_.component[0], y), frame_.width, r);
    if (info_.component[0].depth > 8) row::to_8_bits(info_.component[0].depth, frame_.width, r);
    std::copy_n(r, frame_.width, g);
    std::copy_n(r, frame_.width, b);
  }
}

}  // namespace anomaly
