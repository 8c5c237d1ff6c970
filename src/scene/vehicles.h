// SPDX-License-Identifier: LGPL-2.1-or-later
// Cars, vans, trucks, buses, trams: an outline from the side, drawn out to the width, with windows, wheels
// and lights.
#pragma once

#include "src/scene/stage.h"

namespace anomaly::scene {

enum class Vehicle { Hatchback, Saloon, Estate, Suv, Van, Truck, Bus, Tram };

struct VehicleLook {
  Vehicle kind = Vehicle::Saloon;
  Color paint;
  uint64_t key = 0;
  bool braking = false;
};

VehicleLook random_car(uint64_t key);                    // what is parked and what drives in a street
VehicleLook random_vehicle(uint64_t key, bool highway);  // the same, and trucks, buses
float length_of(Vehicle kind);                           // metres
// `pose` is the middle of the vehicle on the ground.
void draw_vehicle(const Stage& stage, const Pose& pose, const VehicleLook& look);

}  // namespace anomaly::scene
