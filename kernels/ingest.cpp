// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/ingest.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/frame_rows.h"
#include "kernels/pixel_format.h"
#include "kernels/resample_filter.h"

namespace anomaly {
namespace {

// Frame row -> interleaved R G B at the output's width.
class RowResizer {
 public:
  RowResizer(const FrameView& frame, const ResampleFilter* filter, const std::vector<int32_t>* weights)
      : rows_(frame), filter_(filter), weights_(weights), width_(frame.width) {
    for (auto& plane : plane_) plane.resize(frame.width);
  }

  void read(int y, uint8_t* out) {
    rows_.read(y, plane_[0].data(), plane_[1].data(), plane_[2].data());
    if (!filter_) {
      for (int x = 0; x < width_; ++x)
        for (int c = 0; c < 3; ++c) out[3 * x + c] = static_cast<uint8_t>(plane_[c][x]);
      return;
    }
    for (int x = 0; x < filter_->out_size; ++x) {
      const int32_t* w = weights_->data() + static_cast<size_t>(x) * filter_->taps;
      for (int c = 0; c < 3; ++c) {
        const int16_t* in = plane_[c].data() + filter_->first[x];
        int32_t sum = kFixedHalf;
        for (int t = 0; t < filter_->count[x]; ++t) sum += w[t] * in[t];
        out[3 * x + c] = fixed_to_8(sum);
      }
    }
  }

 private:
  FrameRows rows_;
  const ResampleFilter* filter_;
  const std::vector<int32_t>* weights_;
  int width_;
  std::vector<int16_t> plane_[3];
};

}  // namespace

void ingest_rgb8(const FrameView& frame, uint8_t* out, int out_width, int out_height) {
  check_frame(frame);
  if (out_width < 1 || out_height < 1 || out_width > kMaxFrameSize || out_height > kMaxFrameSize)
    throw std::invalid_argument("resize to " + std::to_string(out_width) + "x" + std::to_string(out_height) +
                                ": width and height must lie in 1.." + std::to_string(kMaxFrameSize));
  const bool across = out_width != frame.width, down = out_height != frame.height;
  const ResampleFilter horizontal = bicubic_filter(frame.width, out_width);
  const ResampleFilter vertical = bicubic_filter(frame.height, out_height);
  const std::vector<int32_t> horizontal_weights = fixed_weights(horizontal),
                             vertical_weights = fixed_weights(vertical);
  const size_t row_bytes = static_cast<size_t>(out_width) * 3;
  RowResizer rows(frame, across ? &horizontal : nullptr, &horizontal_weights);
  if (!down) {
    for (int y = 0; y < out_height; ++y) rows.read(y, out + y * row_bytes);
    return;
  }
  std::vector<uint8_t> ring(row_bytes * vertical.taps);
  int next = 0;
  for (int y = 0; y < out_height; ++y) {
    const int first = vertical.first[y], end = first + vertical.count[y];
    for (; next < end; ++next) rows.read(next, &ring[next % vertical.taps * row_bytes]);
    const int32_t* w = &vertical_weights[static_cast<size_t>(y) * vertical.taps];
    for (size_t i = 0; i < row_bytes; ++i) {
      int32_t sum = kFixedHalf;
      for (int t = first; t < end; ++t) sum += w[t - first] * ring[t % vertical.taps * row_bytes + i];
      out[y * row_bytes + i] = fixed_to_8(sum);
    }
  }
}

void frame_to_rgb8(const FrameView& frame, uint8_t* out) {
  ingest_rgb8(frame, out, frame.width, frame.height);
}

}  // namespace anomaly
