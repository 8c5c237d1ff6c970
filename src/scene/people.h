// SPDX-License-Identifier: LGPL-2.1-or-later
// People on foot and on two wheels, of rods and balls.
#pragma once

#include "src/scene/stage.h"

namespace anomaly::scene {

// `stride`: metres walked so far; the legs follow. turn as in Pose: the way the person faces.
void draw_person(const Stage& stage, const Pose& pose, float stride, uint64_t key);
void draw_cyclist(const Stage& stage, const Pose& pose, float travelled, uint64_t key);
void draw_motorcyclist(const Stage& stage, const Pose& pose, uint64_t key);

}  // namespace anomaly::scene
