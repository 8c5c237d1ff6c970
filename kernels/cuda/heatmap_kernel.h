// SPDX-License-Identifier: LGPL-2.1-or-later
// Heatmap blend: one thread a group of pixels that share chroma samples, so that no two threads write one
// sample.
#pragma once

#include "kernels/cuda/grid.h"
#include "kernels/frame_view.h"
#include "kernels/paint_math.h"

namespace anomaly::cuda {

inline constexpr int kHeatLevels = 256;

struct HeatLevels {
  int16_t alpha[kHeatLevels];
  uint16_t colour[3][kHeatLevels];
};

struct HeatmapArguments {
  MutableFrameView frame;
  PixelFormatInfo info;
  const float* map;
  int map_width, map_height;
  int x, y, width, height;  // what the map covers, frame pixels; may reach beyond the frame
  float threshold;
};

struct HeatmapKernel {
  static constexpr int kTileWidth = 32, kTileHeight = 8;
  static constexpr unsigned kThreads = kTileWidth * kTileHeight;
  static constexpr int kPhases = 2;
  static constexpr bool kWarpPhases = false;

  HeatmapArguments a;
  HeatLevels levels;
  int x0, y0, x1, y1;  // the area inside the frame
  int h_sub, v_sub;    // of the most subsampled component
  int left, top;       // of the first group
  int columns, rows;   // groups

  HeatmapKernel(const HeatmapArguments& arguments, const HeatLevels& heat)
      : a(arguments),
        levels(heat),
        x0(inside(a.x, a.frame.width)),
        y0(inside(a.y, a.frame.height)),
        x1(inside(static_cast<int64_t>(a.x) + a.width, a.frame.width)),
        y1(inside(static_cast<int64_t>(a.y) + a.height, a.frame.height)) {
    h_sub = v_sub = 0;
    for (int i = 0; i < a.info.components; ++i) {
      h_sub = a.info.component[i].h_sub > h_sub ? a.info.component[i].h_sub : h_sub;
      v_sub = a.info.component[i].v_sub > v_sub ? a.info.component[i].v_sub : v_sub;
    }
    left = x0 >> h_sub << h_sub;
    top = y0 >> v_sub << v_sub;
    const bool empty = x0 >= x1 || y0 >= y1;
    columns = empty ? 0 : subsampled(x1 - left, h_sub);
    rows = empty ? 0 : subsampled(y1 - top, v_sub);
  }

  Grid grid() const { return {blocks_for(columns, kTileWidth), blocks_for(rows, kTileHeight)}; }
  size_t shared_bytes() const { return sizeof(HeatLevels); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    HeatLevels& shared_levels = *reinterpret_cast<HeatLevels*>(shared);
    if constexpr (Phase == 0) {
      for (unsigned i = at.thread; i < kHeatLevels; i += kThreads) {
        shared_levels.alpha[i] = levels.alpha[i];
        for (int c = 0; c < 3; ++c) shared_levels.colour[c][i] = levels.colour[c][i];
      }
    } else {
      const int column = static_cast<int>(at.block_x) * kTileWidth + static_cast<int>(at.thread % kTileWidth);
      const int row = static_cast<int>(at.block_y) * kTileHeight + static_cast<int>(at.thread / kTileWidth);
      if (column < columns && row < rows)
        group(left + (column << h_sub), top + (row << v_sub), shared_levels);
    }
  }

 private:
  static int inside(int64_t v, int size) { return static_cast<int>(v < 0 ? 0 : v > size ? size : v); }
  ANOMALY_HD static int lesser(int p, int q) { return p < q ? p : q; }

  ANOMALY_HD float score(int px, int py) const {
    if (px < x0 || px >= x1 || py < y0 || py >= y1) return 0;
    const Between across = sample_between(px - a.x, a.width, a.map_width);
    const Between down = sample_between(py - a.y, a.height, a.map_height);
    const float* upper = a.map + static_cast<std::ptrdiff_t>(down.first) * a.map_width;
    const float* lower = a.map + static_cast<std::ptrdiff_t>(down.second) * a.map_width;
    return interpolate(interpolate(upper[across.first], lower[across.first], down.weight),
                       interpolate(upper[across.second], lower[across.second], down.weight), across.weight);
  }

  ANOMALY_HD void group(int gx, int gy, const HeatLevels& heat) const {
    // What the frame has of the group; a component is subsampled in both, in one or in no dimension.
    const int wide = lesser(1 << h_sub, a.frame.width - gx), high = lesser(1 << v_sub, a.frame.height - gy);
    float v[2][2] = {};
    float sum = 0;
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i)
      if (i / 2 < high && i % 2 < wide) sum += v[i / 2][i % 2] = score(gx + i % 2, gy + i / 2);
    const int shared_level = heat_level(sum / static_cast<float>(wide * high), a.threshold);
    for (int i = 0; i < a.info.components; ++i) {
      const PixelComponent& c = a.info.component[i];
      uint8_t* plane = a.frame.plane[c.plane];
      const std::ptrdiff_t stride = a.frame.stride[c.plane];
      if (c.h_sub || c.v_sub) {
        if (shared_level >= 0)
          paint_sample(c, plane + (gy >> c.v_sub) * stride, gx >> c.h_sub, heat.colour[i][shared_level],
                       heat.alpha[shared_level]);
        continue;
      }
      ANOMALY_UNROLL
      for (int p = 0; p < 4; ++p) {
        const int x = gx + p % 2, y = gy + p / 2;
        if (p / 2 >= high || p % 2 >= wide || x < x0 || x >= x1 || y < y0 || y >= y1) continue;
        const int l = heat_level(v[p / 2][p % 2], a.threshold);
        if (l >= 0) paint_sample(c, plane + y * stride, x, heat.colour[i][l], heat.alpha[l]);
      }
    }
  }
};

}  // namespace anomaly::cuda
