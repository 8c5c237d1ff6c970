// SPDX-License-Identifier: LGPL-2.1-or-later
// Uncertainty maps: a block makes 32 x 8 pixels, one a thread. It first copies the logits that lie under them
// into shared memory, a row of pixels being contiguous (channels-last), so that global memory is read once
// and whole.
#pragma once

#include "kernels/bilinear_math.h"
#include "kernels/cuda/grid.h"
#include "kernels/cuda/module_types.h"
#include "kernels/uncertainty_math.h"

namespace anomaly::cuda {

// Staged = false where the logits under a block do not fit into shared memory (the maps are much smaller than
// the logits): each thread then reads its four neighbours itself.
template <typename T, bool Staged>
struct UncertaintyKernel {
  static constexpr int kTileWidth = 32, kTileHeight = 8;
  static constexpr unsigned kThreads = kTileWidth * kTileHeight;
  static constexpr int kPhases = 4;
  static constexpr bool kWarpPhases = false;

  const T* logits;
  int classes;
  LinearAxis across, down;
  uint8_t* labels;
  float *entropy, *distance;
  uint32_t* bound_keys;  // ~min entropy, max entropy, ~min distance, max distance as order keys; may be null
  int batch, stage_columns, stage_rows, pitch;

  explicit UncertaintyKernel(const AnomalyCudaUncertainty& a)
      : logits(static_cast<const T*>(a.logits)),
        classes(a.classes),
        across(linear_axis(a.in_width, a.out_width, a.align_corners != 0)),
        down(linear_axis(a.in_height, a.out_height, a.align_corners != 0)),
        labels(a.labels),
        entropy(a.entropy),
        distance(a.distance),
        bound_keys(reinterpret_cast<uint32_t*>(a.bounds)),
        batch(a.batch),
        stage_columns(widest(across, kTileWidth)),
        stage_rows(widest(down, kTileHeight)),
        pitch(a.classes | 1) {}  // odd: neighbouring pixels lie in different banks

  // x: tiles of a picture, y: pictures.
  Grid grid() const {
    return {blocks_for(across.out_size, kTileWidth) * blocks_for(down.out_size, kTileHeight),
            static_cast<unsigned>(batch)};
  }
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
    if constexpr (Phase == 3) publish(at.thread, at.block_y, shared_bounds(shared));
  }

 private:
  // Input samples that a tile may need along one dimension.
  static int widest(const LinearAxis& axis, int tile) {
    int most = 0;
    for (int begin = 0; begin < axis.out_size; begin += tile) {
      const int last = begin + tile < axis.out_size ? begin + tile - 1 : axis.out_size - 1;
      const int span = linear_source(last, axis).second - linear_source(begin, axis).first + 1;
      if (span > most) most = span;
    }
    return most;
  }

  ANOMALY_HD LinearSource column(int x) const { return linear_source(x, across); }
  ANOMALY_HD LinearSource row(int y) const { return linear_source(y, down); }
  ANOMALY_HD static int lesser(int a, int b) { return a < b ? a : b; }

  struct Corner {
    int x, y;
  };
  ANOMALY_HD Corner tile(ThreadIndex at) const {
    const unsigned columns = static_cast<unsigned>(across.out_size + kTileWidth - 1) / kTileWidth;
    return {static_cast<int>(at.block_x % columns) * kTileWidth,
            static_cast<int>(at.block_x / columns) * kTileHeight};
  }
  ANOMALY_HD std::ptrdiff_t picture_logits(ThreadIndex at) const {
    return static_cast<std::ptrdiff_t>(at.block_y) * down.in_size * across.in_size * classes;
  }

  ANOMALY_HD float* shared_bounds(float* shared) const {
    if constexpr (Staged) return shared + static_cast<std::ptrdiff_t>(stage_columns) * stage_rows * pitch;
    return shared;
  }

  ANOMALY_HD void stage(ThreadIndex at, float* shared) const {
    const auto [x0, y0] = tile(at);
    const T* picture = logits + picture_logits(at);
    const int first_column = column(x0).first, first_row = row(y0).first;
    const int columns = column(lesser(x0 + kTileWidth, across.out_size) - 1).second - first_column + 1;
    const int rows = row(lesser(y0 + kTileHeight, down.out_size) - 1).second - first_row + 1;
    for (int r = 0; r < rows; ++r) {
      const T* source =
          picture + (static_cast<std::ptrdiff_t>(first_row + r) * across.in_size + first_column) * classes;
      float* target = shared + static_cast<std::ptrdiff_t>(r) * stage_columns * pitch;
      for (int i = static_cast<int>(at.thread); i < columns * classes; i += static_cast<int>(kThreads)) {
        const int pixel_of = i / classes;
        target[pixel_of * pitch + (i - pixel_of * classes)] = finite_logit(anomaly::widened(source[i]));
      }
    }
  }

  ANOMALY_HD void pixel(ThreadIndex at, float* shared) const {
    const auto [x0, y0] = tile(at);
    const T* picture = logits + picture_logits(at);
    const int x = x0 + static_cast<int>(at.thread % kTileWidth),
              y = y0 + static_cast<int>(at.thread / kTileWidth);
    const bool inside = x < across.out_size && y < down.out_size;
    PixelUncertainty p{};
    if (inside) {
      const LinearSource columns = column(x), rows = row(y);
      if constexpr (Staged) {
        const int c0 = column(x0).first, r0 = row(y0).first;
        const float* top = shared + static_cast<std::ptrdiff_t>(rows.first - r0) * stage_columns * pitch;
        const float* bottom = shared + static_cast<std::ptrdiff_t>(rows.second - r0) * stage_columns * pitch;
        p = between(top + (columns.first - c0) * pitch, top + (columns.second - c0) * pitch,
                    bottom + (columns.first - c0) * pitch, bottom + (columns.second - c0) * pitch, columns,
                    rows, [](float v) { return v; });
      } else {
        const std::ptrdiff_t line = static_cast<std::ptrdiff_t>(across.in_size) * classes;
        const T *top = picture + rows.first * line, *bottom = picture + rows.second * line;
        const std::ptrdiff_t left = static_cast<std::ptrdiff_t>(columns.first) * classes,
                             right = static_cast<std::ptrdiff_t>(columns.second) * classes;
        p = between(top + left, top + right, bottom + left, bottom + right, columns, rows,
                    [](T v) { return finite_logit(anomaly::widened(v)); });
      }
      const std::ptrdiff_t i =
          (static_cast<std::ptrdiff_t>(at.block_y) * down.out_size + y) * across.out_size + x;
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

  template <typename V, typename Value>
  ANOMALY_HD PixelUncertainty between(const V* left_top, const V* right_top, const V* left_bottom,
                                      const V* right_bottom, const LinearSource& columns,
                                      const LinearSource& rows, const Value& value) const {
    return pixel_uncertainty(classes, [&](int c) {
      const float upper =
          mix(value(left_top[c]), value(right_top[c]), columns.first_weight, columns.second_weight);
      const float lower =
          mix(value(left_bottom[c]), value(right_bottom[c]), columns.first_weight, columns.second_weight);
      return mix(upper, lower, rows.first_weight, rows.second_weight);
    });
  }

  // 256 keys of each of the four bounds to 32, then to 1.
  ANOMALY_HD void fold(unsigned thread, float* shared) const {
    if (!bound_keys || thread >= 128) return;
    uint32_t* keys = reinterpret_cast<uint32_t*>(shared) + (thread / 32) * kThreads + thread % 32;
    for (unsigned i = 32; i < kThreads; i += 32) keys[0] = keys[i] > keys[0] ? keys[i] : keys[0];
  }
  ANOMALY_HD void publish(unsigned thread, unsigned picture, float* shared) const {
    if (!bound_keys || thread >= 4) return;
    const uint32_t* keys = reinterpret_cast<const uint32_t*>(shared) + thread * kThreads;
    uint32_t most = 0;
    for (unsigned i = 0; i < 32; ++i) most = keys[i] > most ? keys[i] : most;
    atomic_max(bound_keys + 4 * static_cast<std::ptrdiff_t>(picture) + thread, most);
  }
};

}  // namespace anomaly::cuda
