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

// Whole things (no crowds) of at least 900 pixels whose category is none of the streets' own classes.
// held_out: those of the last config.held_out pictures by name, else those of the others.
// Throws Error(NotFound, Io or BadSettings) naming the file.
std::vector<PastedObject> read_objects(const std::string& root, const ObjectsConfig& config, bool held_out);

// Categories that are animals: results are told with and without them.
bool is_animal(const std::string& category);

struct PasteOptions {
  double height_low = 10, height_high = 120;  // pixels of the frame, drawn log-uniformly
  double top = 0.4;                           // an object's foot lies below this share of the frame's height
};

// Pastes `object` into `rgb` at a random place, mirrored half of the time, with blended borders and light
// taken partly from its surroundings. `mask` (8UC1 of the frame's size): 1 where it covers more than half.
void paste(const PastedObject& object, const PasteOptions& options, Random& random, cv::Mat& rgb,
           cv::Mat& mask);

}  // namespace anomaly::train
