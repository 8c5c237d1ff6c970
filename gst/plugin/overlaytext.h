// SPDX-License-Identifier: LGPL-2.1-or-later
// Text on plates, for anomalyoverlay. A plate is opaque, so that text reads the same on light and dark
// ground.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gst/plugin/overlaycolors.h"
#include "kernels/paint_list.h"

namespace anomaly {

// A line of text that knows its plate's size. `capital`: height of a capital letter, frame pixels.
class TextPlate {
 public:
  TextPlate(std::string text, double capital);

  int width() const { return width_; }
  int height() const { return height_; }

  // Plate and text with the upper left corner at x, y; may reach beyond the frame.
  void draw(PaintList& list, int x, int y, Color plate) const;

 private:
  std::string text_;
  double scale_;
  int stroke_, margin_, baseline_ = 0, letters_ = 0;  // pixels; `letters_`: height of the text above its line
  int width_, height_;
};

// Whether text of that size can be read.
bool readable(double capital);

// Where something is drawn that must not be covered.
class Occupied {
 public:
  void add(const Rect& area) { areas_.push_back(area); }
  bool free(const Rect& area) const;

 private:
  std::vector<Rect> areas_;
};

// A place in the frame for a plate that belongs to `box` and covers nothing: above it, inside it where it is
// large enough, below it; at its left edge or at its right one. `line`: the box's line width. None where
// everything is taken.
std::optional<Rect> place_beside(const Rect& box, int line, int width, int height, int frame_width,
                                 int frame_height, const Occupied& occupied);

}  // namespace anomaly
