// SPDX-License-Identifier: LGPL-2.1-or-later
// Fits a compact bundle's dissimilarity network to a camera, from ordinary frames of it without labels.
#pragma once

#include <cstdint>
#include <string>

namespace anomaly::train {

struct AdaptOptions {
  std::string bundle;      // what to start from: compact networks
  std::string frames;      // a folder of pictures in the order in which they were taken
  std::string output;      // the bundle to write
  std::string json;        // measures before and after, where not empty
  int64_t steps = 300;     // of 4 samples
  double rate = 2e-4;      // of Adam
  double held_out = 0.25;  // share of the frames, the last ones, that only measure
  uint64_t seed = 1;
};

// The papers' recipe with pseudo labels: the bundle's own label maps are taken for true, frames as they are
// hold nothing anomalous, and segments that get another class before synthesis are anomalies. Batch-norm
// statistics stay. Prints how many false regions the held-out frames have before and after, and how well
// relabelled segments are still found. Threshold and ensemble weights stay. Throws Error(NotFound, Io,
// BadBundle or BadSettings).
void adapt(const AdaptOptions& options);

}  // namespace anomaly::train
