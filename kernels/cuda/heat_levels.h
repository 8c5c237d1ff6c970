// SPDX-License-Identifier: LGPL-2.1-or-later
// Colour and alpha of each score level, in the samples of a frame's format.
#pragma once

#include <cstdint>

#include "kernels/frame_view.h"
#include "kernels/paint_math.h"

namespace anomaly::cuda {

inline constexpr int kHeatLevels = 256;

struct HeatLevels {
  int16_t alpha[kHeatLevels];
  uint16_t colour[3][kHeatLevels];
};

// `lut`: 256 x 3 R'G'B'. Alpha grows with the score where `follows`, else it is the opacity at every score.
// Throws std::invalid_argument for an unknown format.
inline HeatLevels heat_levels(const MutableFrameView& frame, const uint8_t* lut, float opacity,
                              bool follows = true) {
  const PixelFormatInfo& info = pixel_format_info(frame.format);
  HeatLevels levels{};
  for (int i = 0; i < kHeatLevels; ++i) {
    levels.alpha[i] = static_cast<int16_t>(heat_alpha(follows ? i : kHeatLevels - 1, opacity));
    const SampleColour c =
        sample_colour(info, frame.matrix, frame.range, lut[3 * i], lut[3 * i + 1], lut[3 * i + 2]);
    for (int j = 0; j < 3; ++j) levels.colour[j][i] = static_cast<uint16_t>(c.v[j]);
  }
  return levels;
}

}  // namespace anomaly::cuda
