// SPDX-License-Identifier: LGPL-2.1-or-later
// What vehicles.cpp, cars.cpp and long_vehicles.cpp share.
#pragma once

#include <initializer_list>

#include "src/scene/vehicles.h"

namespace anomaly::scene {

inline constexpr Color kTyre{26, 26, 28}, kRim{150, 152, 156}, kGlass{24, 29, 34}, kPlastic{44, 45, 48};

// The wheels of the axle at z = `axle` (metres, forwards of the middle), flush with flanks `half` metres out.
void add_wheels(Solid& solid, float half, float radius, float axle, Label label);

// A face that lies on another, and is sorted `bias` metres nearer.
Face& decal(Solid& solid, std::initializer_list<Vec3> corners, Color color, Label label, Vec3 hub,
            float gloss, float bias);

void draw_car(const Stage& stage, const Pose& pose, const VehicleLook& look);
void draw_long_vehicle(const Stage& stage, const Pose& pose, const VehicleLook& look);

}  // namespace anomaly::scene
