// SPDX-License-Identifier: LGPL-2.1-or-later
// The composites that bundles are measured on: test frames, which no stage reads, with objects pasted in that
// no stage has seen.
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "src/train/frames.h"
#include "src/train/objects.h"
#include "src/train/session.h"

namespace anomaly::train {

struct TestComposite {
  cv::Mat rgb;   // 8UC3
  cv::Mat mask;  // 8UC1: 0 normal, 1 anomalous, 255 ignored
};

struct CompositeSet {
  std::string title;   // for people
  std::string folder;  // for write_test_composites
  std::vector<PastedObject> objects;
};

// All held-out objects, those that are no animals, and those of the categories that training leaves out;
// without those that would be empty. Throws what read_objects throws.
std::vector<CompositeSet> read_composite_sets(const Session& session);

// `frame` at `height` x `width` with one or two of `objects`: a function of seed and index.
TestComposite make_test_composite(const Frame& frame, const std::vector<PastedObject>& objects, uint64_t seed,
                                  size_t index, int height, int width);

// Writes every composite of every set, at the configuration's segmentation size, as PNG: FOLDER/SET/images
// and FOLDER/SET/masks with the same names. Throws Error(BadSettings) without test frames or objects,
// Error(Io) naming the file.
void write_test_composites(const Session& session, const std::string& folder);

}  // namespace anomaly::train
