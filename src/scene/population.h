// SPDX-License-Identifier: LGPL-2.1-or-later
// What stands and moves along the road at a frame. Nothing is remembered from frame to frame: what stands is
// drawn from the number of its plot of land, what moves from the time.
#pragma once

#include <functional>
#include <vector>

#include "src/scene/foliage.h"
#include "src/scene/stage.h"

namespace anomaly::scene {

// Something to paint; far things first.
struct Item {
  float order;  // larger = earlier
  std::function<void(const Stage&)> paint;
};

void add_scenery(const Drive& drive, const View& view, const Foliage& foliage, std::vector<Item>& items);
void add_traffic(const Drive& drive, const View& view, std::vector<Item>& items);
void add_people(const Drive& drive, const View& view, std::vector<Item>& items);

// Order of a thing `ahead` metres away and `aside` metres from the line of sight: what stands beside the road
// is painted before what stands on it at the same distance.
inline float order_of(float ahead, float aside) {
  return ahead + 0.35f * std::abs(aside);
}

}  // namespace anomaly::scene
