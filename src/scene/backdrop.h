// SPDX-License-Identifier: LGPL-2.1-or-later
// What is too far away to move: sky, clouds, hills, the skyline. Painted once a drive as a strip that is
// wider than the frame; frames look at a part of it.
#pragma once

#include <vector>

#include "src/scene/drive.h"

namespace anomaly::scene {

class Backdrop {
 public:
  explicit Backdrop(const Drive& drive);
  // Paints every row down to the horizon and a little below it.
  void paint(const View& view, Canvas& canvas) const;

 private:
  void paint_sky(const Drive& drive);
  void paint_hills(const Drive& drive);
  void paint_skyline(const Drive& drive);
  Pixel* row(int y) { return strip_.data() + static_cast<size_t>(y) * static_cast<size_t>(width_); }

  int width_ = 0, height_ = 0;  // texels
  float scale_ = 1;             // texels a pixel
  float horizon_ = 0;           // texel row of the horizon
  float focal_ = 1;             // texels a radian
  std::vector<Pixel> strip_;
};

}  // namespace anomaly::scene
