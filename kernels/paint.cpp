// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/paint.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <vector>

#include "kernels/paint_math.h"
#include "kernels/pixel_format.h"

namespace anomaly {
namespace {

struct Stretch {
  int begin, end;
};

// The sign bits of four levels.
constexpr uint64_t kSigns = 0x8000800080008000U;
uint64_t signs_of_four(const int16_t* levels) {
  uint64_t word;
  std::memcpy(&word, levels, sizeof word);
  return word & kSigns;
}

// Where levels are set.
void find_stretches(const int16_t* levels, int count, std::vector<Stretch>& out) {
  out.clear();
  for (int i = 0; i < count;) {
    while (i + 4 <= count && signs_of_four(levels + i) == kSigns) i += 4;
    while (i < count && levels[i] < 0) ++i;
    if (i == count) return;
    const int begin = i;
    while (i + 4 <= count && signs_of_four(levels + i) == 0) i += 4;
    while (i < count && levels[i] >= 0) ++i;
    out.push_back({begin, i});
  }
}

// What blending makes of a sample, as blend_sample() computes it: (sample * keep + add) >> kAlphaBits.
struct Blend {
  int32_t keep, add;
};
Blend blend_of(const Palette& palette, int component, int level) {
  const int alpha = palette.alpha[level];
  return {(1 << kAlphaBits) - alpha, palette.colour[component][level] * alpha + (1 << (kAlphaBits - 1))};
}

template <int Stride>
void paint_bytes(uint8_t* p, const int16_t* levels, int count, const Blend* table) {
  for (int i = 0; i < count; ++i) {
    const Blend blend = table[levels[i]];
    p[Stride * i] = static_cast<uint8_t>((p[Stride * i] * blend.keep + blend.add) >> kAlphaBits);
  }
}

// Samples of two bytes: the `depth` bits from bit `shift` up.
template <int Stride>
void paint_words(uint8_t* p, int shift, int depth, const int16_t* levels, int count, const Blend* table) {
  const int mask = ((1 << depth) - 1) << shift;
  for (int i = 0; i < count; ++i, p += Stride) {
    const Blend blend = table[levels[i]];
    const int word = p[0] | (p[1] << 8);
    // 16 bits times 256 need an unsigned word.
    const auto v = static_cast<uint32_t>((word & mask) >> shift) * static_cast<uint32_t>(blend.keep) +
                   static_cast<uint32_t>(blend.add);
    const int out = (word & ~mask) | (static_cast<int>(v >> kAlphaBits) << shift);
    p[0] = static_cast<uint8_t>(out);
    p[1] = static_cast<uint8_t>(out >> 8);
  }
}

// Paints one component's samples.
class ComponentPainter {
 public:
  ComponentPainter(const PixelComponent& component, const Palette& palette, int index)
      : component_(component) {
    for (int i = 0; i < kLevels; ++i) table_[i] = blend_of(palette, index, i);
  }

  // Samples first + i of a row for each i of the stretches.
  void row(uint8_t* samples, int first, const std::vector<Stretch>& stretches, const int16_t* levels) const {
    const PixelComponent& c = component_;
    for (const Stretch& s : stretches) {
      uint8_t* p = samples + c.offset + std::ptrdiff_t{first + s.begin} * c.pixel_stride;
      const int16_t* of = levels + s.begin;
      const int count = s.end - s.begin;
      if (c.sample_bytes == 2 && c.pixel_stride == 2)
        paint_words<2>(p, c.shift, c.depth, of, count, table_);
      else if (c.sample_bytes == 2)
        paint_words<4>(p, c.shift, c.depth, of, count, table_);
      else if (c.pixel_stride == 1)
        paint_bytes<1>(p, of, count, table_);
      else if (c.pixel_stride == 2)
        paint_bytes<2>(p, of, count, table_);
      else
        paint_bytes<4>(p, of, count, table_);
    }
  }

 private:
  const PixelComponent& component_;
  Blend table_[kLevels];
};

// Paints the three bytes of pixels that hold R'G'B' side by side, forwards or backwards.
class TriplePainter {
 public:
  TriplePainter(const PixelFormatInfo& info, const Palette& palette)
      : stride_(info.component[0].pixel_stride),
        lowest_(std::min(info.component[0].offset, info.component[2].offset)) {
    for (int i = 0; i < kLevels; ++i)
      for (int c = 0; c < 3; ++c) {
        const Blend blend = blend_of(palette, c, i);
        table_[i].keep = static_cast<uint16_t>(blend.keep);
        table_[i].add[info.component[c].offset - lowest_] = static_cast<uint16_t>(blend.add);
      }
  }

  void row(uint8_t* samples, int first, const std::vector<Stretch>& stretches, const int16_t* levels) const {
    for (const Stretch& s : stretches) {
      uint8_t* p = samples + lowest_ + std::ptrdiff_t{first + s.begin} * stride_;
      if (stride_ == 3)
        pixels<3>(p, levels + s.begin, s.end - s.begin);
      else
        pixels<4>(p, levels + s.begin, s.end - s.begin);
    }
  }

 private:
  struct Triple {
    uint16_t keep, add[3];
  };

  template <int Stride>
  void pixels(uint8_t* p, const int16_t* levels, int count) const {
    for (int i = 0; i < count; ++i, p += Stride) {
      const Triple blend = table_[levels[i]];
      for (int c = 0; c < 3; ++c)
        p[c] = static_cast<uint8_t>((p[c] * blend.keep + blend.add[c]) >> kAlphaBits);
    }
  }

  int stride_, lowest_;
  Triple table_[kLevels];
};

// Every component of a format that lies at each pixel.
class PixelPainter {
 public:
  PixelPainter(const PixelFormatInfo& info, const Palette& palette) {
    if (info.family == PixelFamily::Rgb && info.component[0].sample_bytes == 1) {
      triple_.emplace(info, palette);
      return;
    }
    for (int i = 0; i < info.components; ++i) components_.emplace_back(info.component[i], palette, i);
  }

  const ComponentPainter& component(int i) const { return components_[i]; }

  // Pixels first + i of row y for each i of the stretches, but for components that pixels share.
  void row(const MutableFrameView& frame, const PixelFormatInfo& info, int y, int first,
           const std::vector<Stretch>& stretches, const int16_t* levels) const {
    if (triple_) return triple_->row(frame.plane[0] + y * frame.stride[0], first, stretches, levels);
    for (int i = 0; i < info.components; ++i) {
      const PixelComponent& c = info.component[i];
      if (c.h_sub == 0 && c.v_sub == 0)
        components_[i].row(frame.plane[c.plane] + y * frame.stride[c.plane], first, stretches, levels);
    }
  }

 private:
  std::optional<TriplePainter> triple_;
  std::vector<ComponentPainter> components_;
};

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
  if (rows == 2 && group == 2) {  // the same sum in the same order, for vectors
    const float* below = values + width;
    for (int i = 0; i < whole; ++i)
      out[i] = (values[2 * i] + values[2 * i + 1] + below[2 * i] + below[2 * i + 1]) * 0.25F;
  } else {
    for (int i = 0; i < whole; ++i) out[i] = mean(i * group, group);
  }
  if (width > whole * group) out[whole] = mean(whole * group, width - whole * group);
}

// A whole number of groups in the colour itself.
void fill_groups(const MutableFrameView& frame, const PixelFormatInfo& info, const PixelBox& box,
                 const int colour[3]) {
  for (int i = 0; i < info.components; ++i) {
    const PixelComponent& c = info.component[i];
    const int left = box.x0 >> c.h_sub, count = (box.x1 >> c.h_sub) - left;
    for (int y = box.y0 >> c.v_sub; y < box.y1 >> c.v_sub; ++y) {
      uint8_t* row = frame.plane[c.plane] + y * frame.stride[c.plane];
      if (c.sample_bytes == 1 && c.pixel_stride == 1) {
        std::memset(row + c.offset + left, colour[i], static_cast<size_t>(count));
        continue;
      }
      if (c.sample_bytes == 1) {
        uint8_t* p = row + c.offset + std::ptrdiff_t{left} * c.pixel_stride;
        for (int x = 0; x < count; ++x) p[x * c.pixel_stride] = static_cast<uint8_t>(colour[i]);
        continue;
      }
      for (int x = left; x < left + count; ++x) paint_sample(c, row, x, colour[i], 1 << kAlphaBits);
    }
  }
}

int round_up(int value, int log2) {
  return subsampled(value, log2) << log2;
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
  const PixelPainter painter(info, palette);
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
      find_stretches(levels.data(), columns, stretches);
      painter.row(frame, info, y, box.x0, stretches, levels.data());
    }
    if (!shared) continue;
    const int samples = subsampled(width, h_sub);
    group_means(values.data(), width, rows, h_sub, means.data());
    brush.levels(means.data(), samples, levels.data());
    find_stretches(levels.data(), samples, stretches);
    for (int i = 1; i < info.components; ++i) {
      const PixelComponent& c = info.component[i];
      painter.component(i).row(frame.plane[c.plane] + (top >> v_sub) * frame.stride[c.plane], left >> h_sub,
                               stretches, levels.data());
    }
  }
}

std::vector<PixelBox> ring(const MutableFrameView& frame, const PixelBox& box, const PixelBox& hole) {
  const PixelFormatInfo& info = pixel_format_info(frame.format);
  const int h_sub = info.component[info.components - 1].h_sub,
            v_sub = info.component[info.components - 1].v_sub;
  const int top = std::min(round_up(std::clamp(hole.y0, box.y0, box.y1), v_sub), box.y1);
  const int bottom = std::max(std::clamp(hole.y1, box.y0, box.y1) >> v_sub << v_sub, top);
  const int left = std::min(round_up(std::clamp(hole.x0, box.x0, box.x1), h_sub), box.x1);
  const int right = std::max(std::clamp(hole.x1, box.x0, box.x1) >> h_sub << h_sub, left);
  if (top == bottom || left == right) return {box};
  return {{box.x0, box.y0, box.x1, top},
          {box.x0, top, left, bottom},
          {right, top, box.x1, bottom},
          {box.x0, bottom, box.x1, box.y1}};
}

PixelBox fill_inside(const MutableFrameView& frame, const PixelBox& box, uint8_t r, uint8_t g, uint8_t b) {
  const PixelFormatInfo& info = pixel_format_info(frame.format);
  const int h_sub = info.component[info.components - 1].h_sub,
            v_sub = info.component[info.components - 1].v_sub;
  const PixelBox whole = {round_up(box.x0, h_sub), round_up(box.y0, v_sub), box.x1 >> h_sub << h_sub,
                          box.y1 >> v_sub << v_sub};
  if (whole.empty()) return {box.x0, box.y0, box.x0, box.y0};
  fill_groups(frame, info, whole, sample_colour(info, frame.matrix, frame.range, r, g, b).v);
  return whole;
}

}  // namespace anomaly
