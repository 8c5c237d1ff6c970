// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/ingest.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/cpu_threads.h"
#include "kernels/frame_rows.h"
#include "kernels/pixel_format.h"
#include "kernels/resample_rows.h"
#include "kernels/row_kernels.h"

namespace anomaly {
namespace {

// What a band of output rows needs of its own. Holds only as many input rows as one output row is made of.
class Band {
 public:
  Band(const FrameView& frame, const HorizontalPass* horizontal, int taps, size_t row_bytes)
      : rows_(frame),
        horizontal_(horizontal),
        width_(frame.width),
        row_bytes_(row_bytes),
        ring_(row_bytes * taps),
        held_(taps, -1),
        window_(taps) {
    for (auto& plane : plane_) plane.resize(static_cast<size_t>(frame.width) + HorizontalPass::kPadding);
  }

  // Frame row y at the output's width.
  void read(int y, uint8_t* out) {
    rows_.read(y, plane_[0].data(), plane_[1].data(), plane_[2].data());
    const int16_t* const planes[3] = {plane_[0].data(), plane_[1].data(), plane_[2].data()};
    if (horizontal_)
      horizontal_->row(planes, out);
    else
      row::interleave(planes[0], planes[1], planes[2], width_, out);
  }

  // Output row: `count` frame rows from `first` on. Rows read for the output row before are still there.
  void combine(int first, int count, const int32_t* weights, uint8_t* out) {
    const int taps = static_cast<int>(held_.size());
    for (int t = 0; t < count; ++t) {
      const int y = first + t, slot = y % taps;
      uint8_t* row = &ring_[slot * row_bytes_];
      if (held_[slot] != y) {
        read(y, row);
        held_[slot] = y;
      }
      window_[t] = row;
    }
    vertical_pass(window_.data(), weights, count, static_cast<int64_t>(row_bytes_), out);
  }

 private:
  FrameRows rows_;
  const HorizontalPass* horizontal_;
  int width_;
  size_t row_bytes_;
  std::vector<uint8_t> ring_;
  std::vector<int> held_;  // the frame row in each slot of the ring
  std::vector<const uint8_t*> window_;
  std::vector<int16_t> plane_[3];
};

}  // namespace

void ingest_rgb8(const FrameView& frame, uint8_t* out, int out_width, int out_height) {
  check_frame(frame);
  if (out_width < 1 || out_height < 1 || out_width > kMaxFrameSize || out_height > kMaxFrameSize)
    throw std::invalid_argument("resize to " + std::to_string(out_width) + "x" + std::to_string(out_height) +
                                ": width and height must lie in 1.." + std::to_string(kMaxFrameSize));
  if (!out) throw std::invalid_argument("resize: the output is null");
  const size_t row_bytes = static_cast<size_t>(out_width) * 3;
  std::optional<HorizontalPass> horizontal;
  if (out_width != frame.width) horizontal.emplace(bicubic_filter(frame.width, out_width));
  const bool down = out_height != frame.height;
  ResampleFilter vertical;
  std::vector<int32_t> weights;
  if (down) {
    vertical = bicubic_filter(frame.height, out_height);
    weights = fixed_weights(vertical);
  }

  const int threads = cpu_threads(
      static_cast<int64_t>(frame.width) * frame.height + static_cast<int64_t>(out_width) * out_height,
      out_height);
  std::vector<Band> bands;
  bands.reserve(threads);
  for (int i = 0; i < threads; ++i)
    bands.emplace_back(frame, horizontal ? &*horizontal : nullptr, down ? vertical.taps : 1, row_bytes);
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (threads > 1)
  for (int i = 0; i < threads; ++i) {
    const int end = static_cast<int>(static_cast<int64_t>(out_height) * (i + 1) / threads);
    for (int y = static_cast<int>(static_cast<int64_t>(out_height) * i / threads); y < end; ++y) {
      uint8_t* row = out + static_cast<size_t>(y) * row_bytes;
      if (down)
        bands[i].combine(vertical.first[y], vertical.count[y],
                         &weights[static_cast<size_t>(y) * vertical.taps], row);
      else
        bands[i].read(y, row);
    }
  }
}

void frame_to_rgb8(const FrameView& frame, uint8_t* out) {
  ingest_rgb8(frame, out, frame.width, frame.height);
}

}  // namespace anomaly
