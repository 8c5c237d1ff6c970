// SPDX-License-Identifier: LGPL-2.1-or-later
// From finished stages to a bundle.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "src/train/session.h"

namespace anomaly::train {

// What the last stage finds out; the defaults serve until then.
struct Calibration {
  std::array<double, 4> ensemble = {0.75, 0.25, 0, 0};
  double threshold = 0.5;
  std::optional<std::array<double, 2>> perceptual_bounds;
  Json measured;  // figures for the provenance
};

// Writes the named networks from their stages' averaged weights; matrices and kernels as float16, the rest
// float32. Throws Error(NotFound or BadSettings) where a stage that is needed has not been run or is not
// complete.
void write_bundle(const Session& session, const std::string& path, const std::vector<std::string>& networks,
                  const Calibration& calibration);

}  // namespace anomaly::train
