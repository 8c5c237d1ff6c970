// SPDX-License-Identifier: LGPL-2.1-or-later
// Compact perceptual difference: features of the segmentation trunk's first stages, as tensors of its own.
#pragma once

#include <array>
#include <string>

#include "src/json.h"
#include "src/networks/compact_segmentation.h"

namespace anomaly {

struct CompactPerceptualOptions {
  std::array<int64_t, 3> widths = {32, 48, 80};  // channels at strides 2, 4, 8
  int64_t blocks = 2;                            // residual blocks at stride 8
  std::array<double, 3> level_weights = {0.25, 0.5, 1};

  Json to_json() const;
  static CompactPerceptualOptions from_json(const Json& json, const std::string& file,
                                            const std::string& network);
};

}  // namespace anomaly
