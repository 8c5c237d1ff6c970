// SPDX-License-Identifier: LGPL-2.1-or-later
// A convolution's input as rows of a matrix: which pixels an output pixel sees.
#pragma once

#include <cstdint>

#include "kernels/portable.h"

namespace anomaly {

// A convolution's input and where its kernel lies on it. Patch `row` = (picture * out_height + y) * out_width
// + x is what the output's pixel sees: kernel * kernel taps of `channels` values, ky outermost.
struct PatchGeometry {
  int batch, height, width, channels;
  int kernel, stride, padding, dilation;

  ANOMALY_HD int out_height() const {
    return (height + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  }
  ANOMALY_HD int out_width() const {
    return (width + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  }
  ANOMALY_HD int64_t rows() const { return static_cast<int64_t>(batch) * out_height() * out_width(); }
  ANOMALY_HD int64_t row_length() const { return static_cast<int64_t>(kernel) * kernel * channels; }
};

// The output's pixel of a patch.
struct PatchPlace {
  int n, y, x;

  ANOMALY_HD PatchPlace(unsigned row, unsigned out_height, unsigned out_width) {
    const unsigned line = row / out_width, picture = line / out_height;
    n = static_cast<int>(picture);
    y = static_cast<int>(line - picture * out_height);
    x = static_cast<int>(row - line * out_width);
  }
  // The input's pixel under a tap, counted through all pictures; below 0 outside of the picture.
  ANOMALY_HD int64_t pixel(const PatchGeometry& g, int ky, int kx) const {
    const int iy = y * g.stride - g.padding + ky * g.dilation,
              ix = x * g.stride - g.padding + kx * g.dilation;
    if (iy < 0 || iy >= g.height || ix < 0 || ix >= g.width) return -1;
    return (static_cast<int64_t>(n) * g.height + iy) * g.width + ix;
  }
};

}  // namespace anomaly
