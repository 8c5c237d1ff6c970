// SPDX-License-Identifier: LGPL-2.1-or-later
// Houses, and the other upright surfaces: walls, fences, guard rails.
#pragma once

#include "src/scene/stage.h"

namespace anomaly::scene {

struct House {
  float width = 12;  // along the road
  float depth = 10;  // away from it
  float storey = 3;
  int storeys = 4;
  bool gabled = false;
  bool shop = false;
  Color facade, frame, roof;
  float window_width = 0.5f, window_height = 0.5f;  // parts of a bay
  float bay = 2.6f;                                 // metres from window to window
  float hidden = 0;  // height up to which the end that faces us is behind a neighbour, metres
  uint64_t key = 0;

  float height() const { return storey * static_cast<float>(storeys) + 0.5f; }
};

House random_house(uint64_t key, Place place, float width);
// side +1: to the right of the road, -1: to the left. `near_u`: |u| of the facade; from `s` to `s + width`.
void draw_house(const Stage& stage, double s, float near_u, float side, const House& house);

enum class Barrier { Wall, Hedge, Pickets, Mesh, GuardRail };
// From s to s + length at u, straight.
void draw_barrier(const Stage& stage, double s, float length, float u, Barrier kind, uint64_t key);

}  // namespace anomaly::scene
