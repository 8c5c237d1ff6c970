// SPDX-License-Identifier: LGPL-2.1-or-later
// What is to be painted into a frame, described apart from the frame's memory: the processor executes it
// (paint_steps()), and so does a GPU (cuda/painter.h), byte for byte the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "kernels/contours.h"
#include "kernels/frame_view.h"
#include "kernels/heatmap.h"
#include "kernels/statistics.h"

namespace anomaly {

// Plain data: the CUDA module reads it.
struct PaintStep {
  enum class Kind : int {
    Heatmap,   // blend_heatmap() with `heat`
    Box,       // draw_box() with `thickness`
    Shade,     // shade_box() with `coverage`
    Mask,      // blend_mask() with `mask`
    Contours,  // draw_contours() with `contours`
  };
  Kind kind = Kind::Box;
  Rect box;  // frame pixels, at least 1x1; may reach beyond the frame. Heatmap and Contours: what the map
             // covers
  uint8_t r = 0, g = 0, b = 0;    // R'G'B'; not of Heatmap and Contours
  int thickness = 0;              // pixels, 0 = filled
  uint8_t coverage = 255;         // 0 = untouched, 255 = the colour itself
  const uint8_t* mask = nullptr;  // box.height x box.width coverages, host memory
  HeatmapStyle heat;
  ContourStyle contours;
};

// A map of scores, in host or in device memory, whichever the executor reads. `values` null: none.
struct ScoreMap {
  const float* values = nullptr;  // height x width
  int width = 0, height = 0;      // 1..32768
};

// Steps in their order, and the masks that they need. Holds no pixel.
class PaintList {
 public:
  // Size of the frame that will be painted, pixels.
  PaintList(int width, int height) : width_(width), height_(height) {}
  PaintList(const PaintList&) = delete;
  PaintList& operator=(const PaintList&) = delete;

  int width() const { return width_; }
  int height() const { return height_; }

  // Areas without a pixel are left out: `0x0` does not mean the whole frame here.
  void heatmap(const Rect& area, const HeatmapStyle& style);  // style.lut must outlive the list
  void contours(const Rect& area, const ContourStyle& style);
  void box(const Rect& box, int thickness, uint8_t r, uint8_t g, uint8_t b);
  void shade(const Rect& box, uint8_t coverage, uint8_t r, uint8_t g, uint8_t b);
  // Coverages of `at`, row by row: at.width * at.height of them, kept until the list ends.
  void mask(const Rect& at, std::vector<uint8_t> coverages, uint8_t r, uint8_t g, uint8_t b);

  const std::vector<PaintStep>& steps() const { return steps_; }
  // Whether one of them looks at the map.
  bool needs_map() const;

 private:
  PaintStep* add(PaintStep::Kind kind, const Rect& box);

  int width_, height_;
  std::vector<PaintStep> steps_;
  std::deque<std::vector<uint8_t>> masks_;  // whose addresses stay
};

// Executes the steps on a frame in host memory. Throws std::invalid_argument where one of them cannot be, as
// the functions of heatmap.h do; steps before it are done then.
void paint_steps(const MutableFrameView& frame, const PaintStep* steps, size_t count, const ScoreMap& map);

}  // namespace anomaly
