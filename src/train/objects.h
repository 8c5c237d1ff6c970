// SPDX-License-Identifier: LGPL-2.1-or-later
// Things that do not belong on a road, cut from pictures with panoptic maps (COCO's format), and their
// pasting into frames.
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "src/train/config.h"
#include "src/train/random.h"

namespace anomaly::train {

struct PastedObject {
  std::string category;  // "chair"
  std::string picture;   // whence
  cv::Mat rgb;           // 8UC3, the segment's box
  cv::Mat mask;          // 8UC1, 255 inside
};

enum class ObjectKind {
  Foreign,  // categories that are none of the streets' own classes
  LeftOut,  // those that config.held_out_categories names, of all pictures: no stage has seen any
  Street,   // people and vehicles: pasted as things that belong there, so that a pasted border means nothing
};

// Whole things (no crowds) of at least 900 pixels.
// held_out: those of the last config.held_out pictures by name, else those of the others; of the others,
// foreign ones whose category config.held_out_categories names are left out, too. Throws Error(NotFound, Io
// or BadSettings) naming the file; BadSettings where such a name is none of its categories, too.
std::vector<PastedObject> read_objects(const std::string& root, const ObjectsConfig& config, bool held_out,
                                       ObjectKind kind = ObjectKind::Foreign);

// Categories that are animals: results are told with and without them.
bool is_animal(const std::string& category);

struct PasteOptions {
  double height_low = 12, height_high = 120;  // pixels of the frame, drawn log-uniformly
  double top = 0.4;                           // an object's foot lies below this share of the frame's height
  double shadow = 0.4;                        // share of the objects with a shadow at their foot
};

// Pastes `object` into `rgb` at a random place, mirrored half of the time, with borders more or less blended
// and light and tint taken partly from its surroundings. `mask` (8UC1 of the frame's size): `value` where it
// covers more than half.
void paste(const PastedObject& object, const PasteOptions& options, Random& random, cv::Mat& rgb,
           cv::Mat& mask, uint8_t value = 1);

}  // namespace anomaly::train
