// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/paint.h"

#include <algorithm>
#include <vector>

#include "kernels/pixel_format.h"

namespace anomaly {

void set_colour(Palette& palette, int level, const MutableFrameView& frame, uint8_t r, uint8_t g, uint8_t b) {
  const SampleColour c = sample_colour(pixel_format_info(frame.format), frame.matrix, frame.range, r, g, b);
  for (int i = 0; i < 3; ++i) palette.colour[i][level] = static_cast<uint16_t>(c.v[i]);
}

void paint(const MutableFrameView& frame, const PixelBox& box, const Palette& palette,
           const std::function<bool(int y, float* values)>& fill,
           const std::function<int(float value)>& level) {
  if (box.empty()) return;
  const PixelFormatInfo& info = pixel_format_info(frame.format);
  int h_sub = 0, v_sub = 0;
  for (int i = 0; i < info.components; ++i) {
    h_sub = std::max<int>(h_sub, info.component[i].h_sub);
    v_sub = std::max<int>(v_sub, info.component[i].v_sub);
  }
  // Whole groups of pixels that share samples.
  const int left = box.x0 >> h_sub << h_sub,
            right = std::min(subsampled(box.x1, h_sub) << h_sub, frame.width);
  const int top = box.y0 >> v_sub << v_sub;
  const int width = right - left, group = 1 << v_sub;
  std::vector<float> values(static_cast<size_t>(width) * group), mean(width);
  for (int y0 = top; y0 < box.y1; y0 += group) {
    const int rows = std::min(group, frame.height - y0);
    std::fill(values.begin(), values.end(), 0.0F);
    bool any = false;
    for (int j = 0; j < rows; ++j) {
      const int y = y0 + j;
      if (y < box.y0 || y >= box.y1) continue;
      any = fill(y, &values[static_cast<size_t>(j) * width + (box.x0 - left)]) || any;
    }
    if (!any) continue;
    for (int i = 0; i < info.components; ++i) {
      const PixelComponent& c = info.component[i];
      uint8_t* plane = frame.plane[c.plane];
      if (c.h_sub == 0 && c.v_sub == 0) {
        for (int j = 0; j < rows; ++j) {
          const int y = y0 + j;
          if (y < box.y0 || y >= box.y1) continue;
          uint8_t* row = plane + y * frame.stride[c.plane];
          for (int x = box.x0; x < box.x1; ++x) {
            const int l = level(values[static_cast<size_t>(j) * width + (x - left)]);
            if (l >= 0) paint_sample(c, row, x, palette.colour[i][l], palette.alpha[l]);
          }
        }
        continue;
      }
      uint8_t* row = plane + (y0 >> c.v_sub) * frame.stride[c.plane];
      for (int x = left; x < right; x += 1 << c.h_sub) {
        const int columns = std::min(1 << c.h_sub, right - x);
        float sum = 0;
        for (int j = 0; j < rows; ++j)
          for (int k = 0; k < columns; ++k) sum += values[static_cast<size_t>(j) * width + (x - left + k)];
        const int l = level(sum / static_cast<float>(rows * columns));
        if (l >= 0) paint_sample(c, row, x >> c.h_sub, palette.colour[i][l], palette.alpha[l]);
      }
    }
  }
}

}  // namespace anomaly
