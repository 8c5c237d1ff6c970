// SPDX-License-Identifier: LGPL-2.1-or-later
// The per-pixel depthwise convolution of one pixel and one channel; the order of additions is the taps'
// order.
#pragma once

#include <cstddef>

#include "kernels/portable.h"

namespace anomaly {

inline constexpr int kTaps = 9;
ANOMALY_HD inline int tap_dy(int tap) {
  return tap / 3 - 1;
}
ANOMALY_HD inline int tap_dx(int tap) {
  return tap % 3 - 1;
}

// One tap of one channel; taps are added in their order, 0 to 8.
ANOMALY_HD inline void add_tap(float& sum, float weight, float value) {
  sum += weight * value;
}

// One image's sizes, and where things of a pixel begin (N, H, W, C; weights N, H, W, 9, C).
struct DepthwiseShape {
  int batch, height, width, channels;

  ANOMALY_HD bool inside(int y, int x) const { return y >= 0 && y < height && x >= 0 && x < width; }
  ANOMALY_HD std::ptrdiff_t pixel(int n, int y, int x) const {
    return (static_cast<std::ptrdiff_t>(n) * height + y) * width + x;
  }
};

}  // namespace anomaly
