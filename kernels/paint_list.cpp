// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/paint_list.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace anomaly {

PaintStep* PaintList::add(PaintStep::Kind kind, const Rect& box) {
  if (box.width < 1 || box.height < 1) return nullptr;
  PaintStep& step = steps_.emplace_back();
  step.kind = kind;
  step.box = box;
  return &step;
}

void PaintList::heatmap(const Rect& area, const HeatmapStyle& style) {
  if (PaintStep* step = add(PaintStep::Kind::Heatmap, area)) step->heat = style;
}

void PaintList::contours(const Rect& area, const ContourStyle& style) {
  if (PaintStep* step = add(PaintStep::Kind::Contours, area)) step->contours = style;
}

void PaintList::box(const Rect& box, int thickness, uint8_t r, uint8_t g, uint8_t b) {
  PaintStep* step = add(PaintStep::Kind::Box, box);
  if (!step) return;
  step->thickness = thickness;
  step->r = r, step->g = g, step->b = b;
}

void PaintList::shade(const Rect& box, uint8_t coverage, uint8_t r, uint8_t g, uint8_t b) {
  PaintStep* step = add(PaintStep::Kind::Shade, box);
  if (!step) return;
  step->coverage = coverage;
  step->r = r, step->g = g, step->b = b;
}

void PaintList::mask(const Rect& at, std::vector<uint8_t> coverages, uint8_t r, uint8_t g, uint8_t b) {
  PaintStep* step = add(PaintStep::Kind::Mask, at);
  if (!step) return;
  const size_t needed = static_cast<size_t>(at.width) * static_cast<size_t>(at.height);
  if (coverages.size() != needed) {
    steps_.pop_back();
    throw std::invalid_argument("a mask of " + std::to_string(at.width) + "x" + std::to_string(at.height) +
                                " with " + std::to_string(coverages.size()) + " coverages");
  }
  step->mask = masks_.emplace_back(std::move(coverages)).data();
  step->r = r, step->g = g, step->b = b;
}

bool PaintList::needs_map() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const PaintStep& step) {
    return step.kind == PaintStep::Kind::Heatmap || step.kind == PaintStep::Kind::Contours;
  });
}

void paint_steps(const MutableFrameView& frame, const PaintStep* steps, size_t count, const ScoreMap& map) {
  for (size_t i = 0; i < count; ++i) {
    const PaintStep& s = steps[i];
    switch (s.kind) {
      case PaintStep::Kind::Heatmap:
        blend_heatmap(frame, map.values, map.width, map.height, s.box, s.heat);
        break;
      case PaintStep::Kind::Box:
        draw_box(frame, s.box, s.thickness, s.r, s.g, s.b);
        break;
      case PaintStep::Kind::Shade:
        shade_box(frame, s.box, s.coverage, s.r, s.g, s.b);
        break;
      case PaintStep::Kind::Mask:
        blend_mask(frame, s.box.x, s.box.y, s.mask, s.box.width, s.box.height, s.r, s.g, s.b);
        break;
      case PaintStep::Kind::Contours:
        draw_contours(frame, map.values, map.width, map.height, s.box, s.contours);
        break;
    }
  }
}

}  // namespace anomaly
