// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/paint_program.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace anomaly::cuda {
namespace {

int inside(int64_t v, int size) {
  return static_cast<int>(std::clamp<int64_t>(v, 0, size));
}

// Visits the tiles that an operation may touch: those of its rectangle, but for those within a box's hole.
template <typename Visit>
void for_each_tile(const PaintOperation& o, const Visit& visit) {
  const int right = (o.x1 - 1) / kTilePixelsAcross, bottom = (o.y1 - 1) / kTilePixelsDown;
  const bool hollow = o.kind == PaintStep::Kind::Box && o.rest[0] < o.rest[2] && o.rest[1] < o.rest[3];
  // The first tile that lies in the hole, and the first behind it.
  const int hole_begin = hollow ? (o.rest[0] + kTilePixelsAcross - 1) / kTilePixelsAcross : 0;
  const int hole_end = hollow ? o.rest[2] / kTilePixelsAcross : 0;
  for (int row = o.y0 / kTilePixelsDown; row <= bottom; ++row) {
    const bool beside = hollow && row * kTilePixelsDown >= o.rest[1] &&
                        (row + 1) * kTilePixelsDown <= o.rest[3] && hole_begin < hole_end;
    for (int column = o.x0 / kTilePixelsAcross; column <= right; ++column) {
      if (beside && column == hole_begin) column = hole_end;
      if (column <= right) visit(column, row);
    }
  }
}

size_t after(size_t at, size_t bytes) {
  return (at + bytes + 15) / 16 * 16;
}

template <typename T>
void put(unsigned char* to, const std::vector<T>& values) {
  if (!values.empty()) std::memcpy(to, values.data(), values.size() * sizeof(T));
}

}  // namespace

PaintProgram::PaintProgram(const MutableFrameView& frame, const PaintStep* steps, size_t count,
                           const ScoreMap& map, bool map_on_host)
    : map_(map), map_on_host_(map_on_host) {
  check_frame(frame);
  for (size_t i = 0; i < count; ++i) add(frame, steps[i], map);
  sort_into_tiles(frame.width, frame.height);

  layout_.levels = after(layout_.operations, operations_.size() * sizeof(PaintOperation));
  layout_.tiles = after(layout_.levels, levels_.size() * sizeof(HeatLevels));
  layout_.entries = after(layout_.tiles, tiles_.size() * sizeof(PaintTile));
  layout_.masks = after(layout_.entries, entries_.size() * sizeof(uint32_t));
  layout_.map = after(layout_.masks, mask_bytes_);
  const size_t map_bytes = sizeof(float) * static_cast<size_t>(map.width) * static_cast<size_t>(map.height);
  map_on_host_ = map_on_host_ && (!levels_.empty() || !contours_.empty());
  layout_.bytes = layout_.room = after(layout_.map, map_on_host_ ? map_bytes : 0);
  int64_t mask = static_cast<int64_t>(layout_.masks), levels = static_cast<int64_t>(layout_.levels);
  for (PaintOperation& o : operations_) {
    if (o.kind == PaintStep::Kind::Mask) {
      const int64_t bytes = o.data;
      o.data = mask - (static_cast<int64_t>(o.rest[1]) * o.pitch + o.rest[0]);
      mask += bytes;
    } else if (o.kind == PaintStep::Kind::Heatmap) {
      o.data = levels;
      levels += static_cast<int64_t>(sizeof(HeatLevels));
    }
  }
  place_contours();
}

void PaintProgram::add(const MutableFrameView& frame, const PaintStep& step, const ScoreMap& map) {
  const Rect& box = step.box;
  if (box.width < 1 || box.height < 1) throw std::invalid_argument("a paint step without an area");
  const bool heat = step.kind == PaintStep::Kind::Heatmap, masked = step.kind == PaintStep::Kind::Mask;
  const bool contours = step.kind == PaintStep::Kind::Contours;
  if ((heat || contours) && (!map.values || map.width < 1 || map.height < 1 || map.width > kMaxFrameSize ||
                             map.height > kMaxFrameSize))
    throw std::invalid_argument("the map is missing, or its size is wrong");
  if (heat && !step.heat.lut) throw std::invalid_argument("heatmap: the colours are missing");
  if (contours && !valid_contour_widths(step.contours.line, step.contours.rim))
    throw std::invalid_argument("contours: the line or its rim is too wide, or there is none");
  if (masked && !step.mask) throw std::invalid_argument("the mask is null");

  PaintOperation o{};
  o.kind = step.kind;
  o.x0 = inside(box.x, frame.width);
  o.y0 = inside(box.y, frame.height);
  o.x1 = inside(static_cast<int64_t>(box.x) + box.width, frame.width);
  o.y1 = inside(static_cast<int64_t>(box.y) + box.height, frame.height);
  if (o.x0 >= o.x1 || o.y0 >= o.y1) return;
  if (contours) return add_contours(frame, step, o);
  const SampleColour colour =
      sample_colour(pixel_format_info(frame.format), frame.matrix, frame.range, step.r, step.g, step.b);
  for (int c = 0; c < 3; ++c) o.colour[c] = static_cast<uint16_t>(colour.v[c]);
  o.coverage = 255;
  if (heat) {
    o.rest[0] = box.x, o.rest[1] = box.y, o.rest[2] = box.width, o.rest[3] = box.height;
    o.threshold = step.heat.threshold;
    levels_.push_back(heat_levels(frame, step.heat.lut, step.heat.opacity, step.heat.opacity_follows_score));
  } else if (masked) {
    o.rest[0] = box.x, o.rest[1] = box.y;
    o.pitch = box.width;
    o.data = static_cast<int64_t>(box.width) * box.height;
    mask_bytes_ += static_cast<size_t>(o.data);
    masks_.push_back(&step);
  } else if (step.kind == PaintStep::Kind::Shade) {
    o.coverage = step.coverage;
  } else if (step.kind == PaintStep::Kind::Box) {
    const int64_t line = step.thickness;
    if (line > 0) {
      o.rest[0] = inside(box.x + line, frame.width);
      o.rest[1] = inside(box.y + line, frame.height);
      o.rest[2] = inside(static_cast<int64_t>(box.x) + box.width - line, frame.width);
      o.rest[3] = inside(static_cast<int64_t>(box.y) + box.height - line, frame.height);
    }
  } else {
    throw std::invalid_argument("an unknown paint step");
  }
  operations_.push_back(o);
}

// Masks among the operations; where their coverages lie is not known yet.
void PaintProgram::add_contours(const MutableFrameView& frame, const PaintStep& step,
                                const PaintOperation& area) {
  const ContourStyle& style = step.contours;
  const Rect& box = step.box;
  ContourPlanes planes{};
  planes.x = box.x, planes.y = box.y, planes.width = box.width, planes.height = box.height;
  planes.x0 = area.x0, planes.y0 = area.y0, planes.x1 = area.x1, planes.y1 = area.y1;
  planes.threshold = style.threshold;
  planes.line = style.line, planes.rim = style.rim;
  planes.pitch = (planes.columns() + 15) / 16 * 16;
  PaintOperation o = area;
  o.kind = PaintStep::Kind::Contours;
  o.pitch = planes.pitch;
  const auto add_mask = [&](uint8_t r, uint8_t g, uint8_t b) {
    const SampleColour colour =
        sample_colour(pixel_format_info(frame.format), frame.matrix, frame.range, r, g, b);
    for (int c = 0; c < 3; ++c) o.colour[c] = static_cast<uint16_t>(colour.v[c]);
    operations_.push_back(o);
  };
  if (style.rim > 0) add_mask(style.rim_r, style.rim_g, style.rim_b);
  add_mask(style.r, style.g, style.b);
  contours_.push_back({planes, operations_.size() - 1, 0, 0, 0});
}

void PaintProgram::place_contours() {
  for (Contours& c : contours_) {
    const size_t plane = static_cast<size_t>(c.planes.pitch) * static_cast<size_t>(c.planes.rows());
    for (size_t* at : {&c.marks, &c.distances, &c.lines}) {
      *at = layout_.room;
      layout_.room = after(layout_.room, plane);
    }
    const auto place = [&](size_t operation, size_t at) {
      operations_[operation].kind = PaintStep::Kind::Mask;
      operations_[operation].data =
          static_cast<int64_t>(at) - (static_cast<int64_t>(c.planes.y0) * c.planes.pitch + c.planes.x0);
    };
    if (c.planes.rim > 0) place(c.line_operation - 1, c.marks);
    place(c.line_operation, c.lines);
  }
}

std::vector<ContourPlanes> PaintProgram::contours(const ScoreMap& map, unsigned char* program) const {
  std::vector<ContourPlanes> all;
  for (const Contours& c : contours_) {
    ContourPlanes planes = c.planes;
    planes.map = map;
    planes.marks = program + c.marks;
    planes.distances = program + c.distances;
    planes.lines = program + c.lines;
    all.push_back(planes);
  }
  return all;
}

void PaintProgram::sort_into_tiles(int width, int height) {
  const int across = (width + kTilePixelsAcross - 1) / kTilePixelsAcross;
  const int down = (height + kTilePixelsDown - 1) / kTilePixelsDown;
  std::vector<uint32_t> at(static_cast<size_t>(across) * static_cast<size_t>(down));
  const auto index = [&](int column, int row) {
    return static_cast<size_t>(row) * static_cast<size_t>(across) + static_cast<size_t>(column);
  };
  for (const PaintOperation& o : operations_)
    for_each_tile(o, [&](int column, int row) { ++at[index(column, row)]; });
  uint32_t first = 0;
  for (int row = 0; row < down; ++row)
    for (int column = 0; column < across; ++column) {
      uint32_t& here = at[index(column, row)];
      if (const uint32_t count = here)
        tiles_.push_back({static_cast<uint16_t>(column), static_cast<uint16_t>(row), first, count});
      const uint32_t begin = first;
      first += here;
      here = begin;
    }
  entries_.resize(first);
  for (uint32_t i = 0; i < operations_.size(); ++i)
    for_each_tile(operations_[i], [&](int column, int row) { entries_[at[index(column, row)]++] = i; });
}

void PaintProgram::write(unsigned char* to) const {
  put(to + layout_.operations, operations_);
  put(to + layout_.levels, levels_);
  put(to + layout_.tiles, tiles_);
  put(to + layout_.entries, entries_);
  unsigned char* mask = to + layout_.masks;
  for (const PaintStep* step : masks_) {
    const size_t bytes = static_cast<size_t>(step->box.width) * static_cast<size_t>(step->box.height);
    std::memcpy(mask, step->mask, bytes);
    mask += bytes;
  }
  if (map_on_host_)
    std::memcpy(to + layout_.map, map_.values,
                sizeof(float) * static_cast<size_t>(map_.width) * static_cast<size_t>(map_.height));
}

}  // namespace anomaly::cuda
