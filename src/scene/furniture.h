// SPDX-License-Identifier: LGPL-2.1-or-later
// Street furniture: lamps, traffic signs, traffic lights, delineators.
#pragma once

#include "src/scene/stage.h"

namespace anomaly::scene {

void draw_lamp(const Stage& stage, const Pose& pose, float towards_road,
               float height);  // towards_road: +1 or -1 in u
void draw_sign(const Stage& stage, const Pose& pose, uint64_t key);
void draw_traffic_light(const Stage& stage, const Pose& pose, int phase,
                        bool facing);  // phase 0 red, 1 amber, 2 green
void draw_delineator(const Stage& stage, const Pose& pose);
void draw_gantry(const Stage& stage, double s, float left, float right,
                 uint64_t key);  // a sign bridge over a highway

}  // namespace anomaly::scene
