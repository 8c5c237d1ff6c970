// SPDX-License-Identifier: LGPL-2.1-or-later
// What the connected regions of a picture stand on.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/regions.h"
#include "kernels/statistics.h"
#include "kernels/surroundings_math.h"

namespace anomaly {

// Train ids over the whole frame, 255 = none; looked up nearest at pixel centres.
struct LabelMap {
  const uint8_t* labels = nullptr;
  int width = 0, height = 0;
};

// Of `runs` (by rising row and column), those whose 8-connected component stands on one of `classes`. An
// object that does not belong on the road is seldom segmented as road: it counts what is around its lower
// half. That is a band from the middle of the component's bounding box downwards, a quarter of the box wide
// on either side and a quarter of it high below, at least kBandLeast labels, without the pixels of any run;
// at most kBandSamples x kBandSamples of its pixels are looked at, evenly spread. The most frequent class of
// the band is what the component stands on, the lowest id among equals; where the band is empty, the most
// frequent beneath the component.
//
// marks: frame_height x frame_width, all kNoRun before; afterwards the pixels of runs are marked.
std::vector<Run> runs_standing_on(const ClassSet& classes, const std::vector<Run>& runs,
                                  const LabelMap& labels, int frame_width, int frame_height,
                                  std::vector<uint8_t>& marks);

}  // namespace anomaly
