// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/paint.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "kernels/paint_math.h"
#include "kernels/pixel_format.h"

namespace anomaly {
namespace {

struct Stretch {
  int begin, end;
};

// Where levels are set.
void find_stretches(const std::vector<int16_t>& levels, int count, std::vector<Stretch>& out) {
  out.clear();
  for (int i = 0; i < count;) {
    if (levels[i] < 0) {
      ++i;
      continue;
    }
    const int begin = i;
    while (i < count && levels[i] >= 0) ++i;
    out.push_back({begin, i});
  }
}

// Paints samples first + i for each i of the stretches.
void paint_row(const PixelComponent& c, uint8_t* row, int first, const std::vector<Stretch>& stretches,
               const int16_t* levels, const Palette& palette, int component) {
  const uint16_t* colour = palette.colour[component];
  for (const Stretch& s : stretches)
    for (int i = s.begin; i < s.end; ++i)
      paint_sample(c, row, first + i, colour[levels[i]], palette.alpha[levels[i]]);
}

// The means over groups of 2^h_sub columns and `rows` rows of `width` values. The frame's edge may cut the
// last group.
void group_means(const float* values, int width, int rows, int h_sub, float* out) {
  const int group = 1 << h_sub, whole = width >> h_sub;
  const auto mean = [&](int first, int columns) {
    float sum = 0;
    for (int j = 0; j < rows; ++j)
      for (int k = 0; k < columns; ++k) sum += values[static_cast<std::ptrdiff_t>(j) * width + first + k];
    return sum / static_cast<float>(rows * columns);
  };
  for (int i = 0; i < whole; ++i) out[i] = mean(i * group, group);
  if (width > whole * group) out[whole] = mean(whole * group, width - whole * group);
}

}  // namespace

void set_colour(Palette& palette, int level, const MutableFrameView& frame, uint8_t r, uint8_t g, uint8_t b) {
  const SampleColour c = sample_colour(pixel_format_info(frame.format), frame.matrix, frame.range, r, g, b);
  for (int i = 0; i < 3; ++i) palette.colour[i][level] = static_cast<uint16_t>(c.v[i]);
}

void paint(const MutableFrameView& frame, const PixelBox& box, const Palette& palette, Brush& brush) {
  if (box.empty()) return;
  const PixelFormatInfo& info = pixel_format_info(frame.format);
  const int h_sub = info.component[info.components - 1].h_sub,
            v_sub = info.component[info.components - 1].v_sub;
  const bool shared = h_sub > 0 || v_sub > 0;
  // Whole groups of pixels that share samples.
  const int left = box.x0 >> h_sub << h_sub,
            right = std::min(subsampled(box.x1, h_sub) << h_sub, frame.width);
  const int width = right - left, group = 1 << v_sub, inset = box.x0 - left, columns = box.x1 - box.x0;
  std::vector<float> values(static_cast<size_t>(width) * group), means(width);
  std::vector<int16_t> levels(width);
  std::vector<Stretch> stretches;
  for (int top = box.y0 >> v_sub << v_sub; top < box.y1; top += group) {
    const int rows = std::min(group, frame.height - top);
    const int first = std::max(top, box.y0), end = std::min(top + rows, box.y1);
    bool any = false;
    for (int y = first; y < end; ++y) any = brush.touches(y) || any;
    if (!any) continue;
    if (shared) std::fill(values.begin(), values.end(), 0.0F);
    for (int y = first; y < end; ++y) {
      float* row = &values[static_cast<size_t>(y - top) * width + inset];
      brush.values(y, row);
      brush.levels(row, columns, levels.data());
      find_stretches(levels, columns, stretches);
      for (int i = 0; i < info.components; ++i) {
        const PixelComponent& c = info.component[i];
        if (c.h_sub == 0 && c.v_sub == 0)
          paint_row(c, frame.plane[c.plane] + y * frame.stride[c.plane], box.x0, stretches, levels.data(),
                    palette, i);
      }
    }
    if (!shared) continue;
    const int samples = subsampled(width, h_sub);
    group_means(values.data(), width, rows, h_sub, means.data());
    brush.levels(means.data(), samples, levels.data());
    find_stretches(levels, samples, stretches);
    for (int i = 1; i < info.components; ++i) {
      const PixelComponent& c = info.component[i];
      paint_row(c, frame.plane[c.plane] + (top >> v_sub) * frame.stride[c.plane], left >> h_sub, stretches,
                levels.data(), palette, i);
    }
  }
}

}  // namespace anomaly
