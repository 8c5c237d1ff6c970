// SPDX-License-Identifier: LGPL-2.1-or-later
// The networks of a bundle that were loaded so far.
#pragma once

#include <memory>

#include "src/networks/network.h"

namespace anomaly {

struct NetworkSet {
  std::shared_ptr<SegmentationNetwork> segmentation;
  std::shared_ptr<LatentEncoder> encoder;
  std::shared_ptr<GeneratorNetwork> generator;
  std::shared_ptr<PerceptualNetwork> perceptual;
  std::shared_ptr<DissimilarityNetwork> dissimilarity, baseline;

  bool operator==(const NetworkSet&) const = default;
};

}  // namespace anomaly
