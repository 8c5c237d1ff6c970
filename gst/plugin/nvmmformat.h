// SPDX-License-Identifier: LGPL-2.1-or-later
// Colour formats of NVMM surfaces in the kernels' words.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/frame_view.h"

namespace anomaly::nvmm {

struct ColorFormat {
  uint32_t number;  // as SurfaceParams::color_format has it
  PixelFormat format;
  // Where the number says so itself; else the caps do.
  std::optional<ColorMatrix> matrix = {};
  std::optional<ColorRange> range = {};
};

// Null where the kernels have no such format.
const ColorFormat* find_color_format(uint32_t number);

// Whether any surface can be of this format.
bool has_color_format(PixelFormat format);

}  // namespace anomaly::nvmm
