// SPDX-License-Identifier: LGPL-2.1-or-later
// Uncertainty maps: a block makes 32 x 8 pixels, one a thread. It first copies the logits that lie under them
// into shared memory, a row of pixels being contiguous (channels-last), so that global memory is read once
// and whole.
#pragma once

#include "kernels/bilinear_math.h"
#include "kernels/cuda/grid.h"
#include "kernels/uncertainty_math.h"

namespace anomaly::cuda {

inline constexpr size_t kSharedLimit = 48 * 1024;  // what every GPU grants without asking

// Staged = false where the logits under a block do not fit into shared memory (the maps are much smaller than
// the logits): each thread then reads its four neighbours itself.
template <bool Staged>
struct UncertaintyKernel {
  static constexpr int kTileWidth = 32, kTileHeight = 8;
  static constexpr unsigned kThreads = kTileWidth * kTileHeight;
  static constexpr int kPhases = 4;
  static constexpr bool kWarpPhases = false;

  const float* logits;
  int classes, in_width, in_height, out_width, out_height;
  float x_scale, y_scale;
  uint8_t* labels;
  float *entropy, *distance;
  uint32_t* bound_keys;  // ~min entropy, max entropy, ~min distance, max distance as order keys; may be null
  int stage_columns, stage_rows, pitch;

  UncertaintyKernel(const float* in, int class_count, int iw, int ih, int ow, int oh, uint8_t* label_out,
                    float* entropy_out, float* distance_out, uint32_t* keys)
      : logits(in),
        classes(class_count),
        in_width(iw),
        in_height(ih),
        out_width(ow),
        out_height(oh),
        x_scale(aligned_scale(iw, ow)),
        y_scale(aligned_scale(ih, oh)),
        labels(label_out),
        entropy(entropy_out),
        distance(distance_out),
        bound_keys(keys),
        stage_columns(widest(iw, ow, x_scale, kTileWidth)),
        stage_rows(widest(ih, oh, y_scale, kTileHeight)),
        pitch(class_count | 1) {}  // odd: neighbouring pixels lie in different banks

  Grid grid() const { return {blocks_for(out_width, kTileWidth), blocks_for(out_height, kTileHeight)}; }
  size_t stage_floats() const {
    return Staged ? static_cast<size_t>(stage_columns) * static_cast<size_t>(stage_rows) *
                        static_cast<size_t>(pitch)
                  : 0;
  }
  size_t shared_bytes() const { return (stage_floats() + 4 * kThreads) * sizeof(float); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    if constexpr (Phase == 0 && Staged) stage(at, shared);
    if constexpr (Phase == 1) pixel(at, shared);
    if constexpr (Phase == 2) fold(at.thread, shared_bounds(shared));
    if constexpr (Phase == 3) publish(at.thread, shared_bounds(shared));
  }

 private:
  // Input samples that a tile may need along one dimension.
  static int widest(int in, int out, float scale, int tile) {
    int most = 0;
    for (int begin = 0; begin < out; begin += tile) {
      const int last = begin + tile < out ? begin + tile - 1 : out - 1;
      const int span =
          aligned_source(last, scale, in, out).second - aligned_source(begin, scale, in, out).first + 1;
      if (span > most) most = span;
    }
    return most;
  }

  ANOMALY_HD LinearSource column(int x) const { return aligned_source(x, x_scale, in_width, out_width); }
  ANOMALY_HD LinearSource row(int y) const { return aligned_source(y, y_scale, in_height, out_height); }
  ANOMALY_HD static int lesser(int a, int b) { return a < b ? a : b; }

  ANOMALY_HD float* shared_bounds(float* shared) const {
    if constexpr (Staged) return shared + static_cast<std::ptrdiff_t>(stage_columns) * stage_rows * pitch;
    return shared;
  }

  ANOMALY_HD void stage(ThreadIndex at, float* shared) const {
    const int x0 = static_cast<int>(at.block_x) * kTileWidth, y0 = static_cast<int>(at.block_y) * kTileHeight;
    const int first_column = column(x0).first, first_row = row(y0).first;
    const int columns = column(lesser(x0 + kTileWidth, out_width) - 1).second - first_column + 1;
    const int rows = row(lesser(y0 + kTileHeight, out_height) - 1).second - first_row + 1;
    for (int r = 0; r < rows; ++r) {
      const float* source =
          logits + (static_cast<std::ptrdiff_t>(first_row + r) * in_width + first_column) * classes;
      float* target = shared + static_cast<std::ptrdiff_t>(r) * stage_columns * pitch;
      for (int i = static_cast<int>(at.thread); i < columns * classes; i += static_cast<int>(kThreads)) {
        const int pixel_of = i / classes;
        target[pixel_of * pitch + (i - pixel_of * classes)] = finite_logit(source[i]);
      }
    }
  }

  ANOMALY_HD void pixel(ThreadIndex at, float* shared) const {
    const int x0 = static_cast<int>(at.block_x) * kTileWidth, y0 = static_cast<int>(at.block_y) * kTileHeight;
    const int x = x0 + static_cast<int>(at.thread % kTileWidth),
              y = y0 + static_cast<int>(at.thread / kTileWidth);
    const bool inside = x < out_width && y < out_height;
    PixelUncertainty p{};
    if (inside) {
      const LinearSource across = column(x), down = row(y);
      const float *left_top, *right_top, *left_bottom, *right_bottom;
      if constexpr (Staged) {
        const int c0 = column(x0).first, r0 = row(y0).first;
        const float* top = shared + static_cast<std::ptrdiff_t>(down.first - r0) * stage_columns * pitch;
        const float* bottom = shared + static_cast<std::ptrdiff_t>(down.second - r0) * stage_columns * pitch;
        left_top = top + (across.first - c0) * pitch;
        right_top = top + (across.second - c0) * pitch;
        left_bottom = bottom + (across.first - c0) * pitch;
        right_bottom = bottom + (across.second - c0) * pitch;
      } else {
        const float* top = logits + static_cast<std::ptrdiff_t>(down.first) * in_width * classes;
        const float* bottom = logits + static_cast<std::ptrdiff_t>(down.second) * in_width * classes;
        left_top = top + static_cast<std::ptrdiff_t>(across.first) * classes;
        right_top = top + static_cast<std::ptrdiff_t>(across.second) * classes;
        left_bottom = bottom + static_cast<std::ptrdiff_t>(across.first) * classes;
        right_bottom = bottom + static_cast<std::ptrdiff_t>(across.second) * classes;
      }
      const auto value = [](float v) { return Staged ? v : finite_logit(v); };
      p = pixel_uncertainty(classes, [&](int c) {
        const float upper =
            mix(value(left_top[c]), value(right_top[c]), across.first_weight, across.second_weight);
        const float lower =
            mix(value(left_bottom[c]), value(right_bottom[c]), across.first_weight, across.second_weight);
        return mix(upper, lower, down.first_weight, down.second_weight);
      });
      const std::ptrdiff_t i = static_cast<std::ptrdiff_t>(y) * out_width + x;
      if (labels) labels[i] = static_cast<uint8_t>(p.label);
      if (entropy) entropy[i] = p.entropy;
      if (distance) distance[i] = p.distance;
    }
    if (!bound_keys) return;
    uint32_t* keys = reinterpret_cast<uint32_t*>(shared_bounds(shared)) + at.thread;
    keys[0 * kThreads] = inside ? ~order_key(p.entropy) : 0;
    keys[1 * kThreads] = inside ? order_key(p.entropy) : 0;
    keys[2 * kThreads] = inside ? ~order_key(p.distance) : 0;
    keys[3 * kThreads] = inside ? order_key(p.distance) : 0;
  }

  // 256 keys of each of the four bounds to 32, then to 1.
  ANOMALY_HD void fold(unsigned thread, float* shared) const {
    if (!bound_keys || thread >= 128) return;
    uint32_t* keys = reinterpret_cast<uint32_t*>(shared) + (thread / 32) * kThreads + thread % 32;
    for (unsigned i = 32; i < kThreads; i += 32) keys[0] = keys[i] > keys[0] ? keys[i] : keys[0];
  }
  ANOMALY_HD void publish(unsigned thread, float* shared) const {
    if (!bound_keys || thread >= 4) return;
    const uint32_t* keys = reinterpret_cast<const uint32_t*>(shared) + thread * kThreads;
    uint32_t most = 0;
    for (unsigned i = 0; i < 32; ++i) most = keys[i] > most ? keys[i] : most;
    atomic_max(bound_keys + thread, most);
  }
};

}  // namespace anomaly::cuda
