// SPDX-License-Identifier: LGPL-2.1-or-later
// Blending a colour into a frame's samples. Shared by drawing on the CPU and on a GPU.
#pragma once

#include <cstdint>

#include "kernels/pixel_format.h"
#include "kernels/pixel_math.h"
#include "kernels/portable.h"

namespace anomaly {

inline constexpr int kAlphaBits = 8;  // alpha 0..256

// alpha 0: `v` itself, 256: `colour`; rounded to nearest.
ANOMALY_HD inline int blend_sample(int v, int colour, int alpha) {
  return (v * ((1 << kAlphaBits) - alpha) + colour * alpha + (1 << (kAlphaBits - 1))) >> kAlphaBits;
}

// Writes sample i of a component's row. Other bits of the word stay.
ANOMALY_HD inline void store_sample(const PixelComponent& c, uint8_t* row, int i, int sample) {
  uint8_t* p = row + c.offset + static_cast<std::ptrdiff_t>(i) * c.pixel_stride;
  if (c.sample_bytes == 1) {
    p[0] = static_cast<uint8_t>(sample);
    return;
  }
  const int mask = ((1 << c.depth) - 1) << c.shift;
  const int v = ((p[0] | (p[1] << 8)) & ~mask) | (sample << c.shift);
  p[0] = static_cast<uint8_t>(v);
  p[1] = static_cast<uint8_t>(v >> 8);
}

// Blends into it.
ANOMALY_HD inline void paint_sample(const PixelComponent& c, uint8_t* row, int i, int colour, int alpha) {
  store_sample(c, row, i, blend_sample(load_sample(c, row, i), colour, alpha));
}

// Between which two samples, and how far from the first (0..1), the centre of pixel i falls when `in_size`
// samples cover `out_size` pixels. Beyond the outer samples' centres: on the outer sample.
struct Between {
  int first, second;
  float weight;
};
ANOMALY_HD inline Between sample_between(int i, int out_size, int in_size) {
  const float at =
      (static_cast<float>(i) + 0.5f) * static_cast<float>(in_size) / static_cast<float>(out_size) - 0.5f;
  if (!(at > 0)) return {0, 0, 0};
  const int first = static_cast<int>(at);
  if (first >= in_size - 1) return {in_size - 1, in_size - 1, 0};
  return {first, first + 1, at - static_cast<float>(first)};
}
ANOMALY_HD inline float interpolate(float a, float b, float weight) {
  return a + (b - a) * weight;
}

// The score of a pixel that falls between those samples of a map `width` samples wide.
ANOMALY_HD inline float map_score(const float* map, int width, const Between& across, const Between& down) {
  const float* upper = map + static_cast<std::ptrdiff_t>(down.first) * width;
  const float* lower = map + static_cast<std::ptrdiff_t>(down.second) * width;
  return interpolate(interpolate(upper[across.first], lower[across.first], down.weight),
                     interpolate(upper[across.second], lower[across.second], down.weight), across.weight);
}

// The colour map's entry for a score, -1 where it is below the threshold or NaN.
ANOMALY_HD inline int16_t heat_level(float score, float threshold) {
  const float limited = score < 0 ? 0 : score > 1 ? 1 : score;
  return score >= threshold ? static_cast<int16_t>(add_half(limited * 255)) : static_cast<int16_t>(-1);
}

// Alpha (0..256) of a level: the opacity, growing with the score.
ANOMALY_HD inline int heat_alpha(int level, float opacity) {
  const float limited = opacity < 0 ? 0 : opacity > 1 ? 1 : opacity;
  return add_half(256 * limited * static_cast<float>(level) / 255);
}

// The level of a coverage (0..255, or a mean of such), -1 = the sample stays as it is, and alpha of a level.
ANOMALY_HD inline int16_t coverage_level(float coverage) {
  const int level = add_half(coverage);
  return static_cast<int16_t>(level > 0 ? level : -1);
}
ANOMALY_HD inline int coverage_alpha(int level) {
  return (level * (1 << kAlphaBits) + 127) / 255;
}

// An R'G'B' colour of 8 bits as the samples of a format's components. Grey: BT.601 luma, full range.
struct SampleColour {
  int v[3];
};
ANOMALY_HD inline SampleColour sample_colour(const PixelFormatInfo& info, ColorMatrix matrix,
                                             ColorRange range, int r, int g, int b) {
  SampleColour out{};
  if (info.family == PixelFamily::Rgb) {
    const int rgb[3] = {r, g, b};
    for (int i = 0; i < 3; ++i) {
      const int top = (1 << info.component[i].depth) - 1;
      out.v[i] = (rgb[i] * top * 2 + 255) / (2 * 255);
    }
    return out;
  }
  const bool gray = info.family == PixelFamily::Gray;
  const LumaWeights w = luma_weights(gray ? ColorMatrix::BT601 : matrix);
  const double luma = (w.red * r + (1 - w.red - w.blue) * g + w.blue * b) / 255;
  const int depth = info.component[0].depth, top = (1 << depth) - 1, scale = 1 << (depth - 8);
  const bool full = gray || range == ColorRange::Full;
  out.v[0] = clamp_int(add_half(full ? top * luma : scale * (16 + 219 * luma)), 0, top);
  if (gray) return out;
  const double c_range = full ? top : 224 * scale;
  out.v[1] = clamp_int(add_half(128 * scale + c_range * (b / 255.0 - luma) / (2 * (1 - w.blue))), 0, top);
  out.v[2] = clamp_int(add_half(128 * scale + c_range * (r / 255.0 - luma) / (2 * (1 - w.red))), 0, top);
  return out;
}

}  // namespace anomaly
