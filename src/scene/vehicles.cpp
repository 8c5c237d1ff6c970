// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/vehicles.h"

#include <algorithm>
#include <cmath>

#include "src/scene/vehicle_parts.h"

namespace anomaly::scene {

// Two discs flush with the flanks, which the eye takes for wheels in their arches, and the treads below the
// body.
void add_wheels(Solid& solid, float half, float radius, float axle, Label label) {
  auto disc = [&](float x, float r, Color color, float bias) {
    for (int part = 0; part < 2; ++part) {  // halves: a face has at most eight corners
      Face f;
      for (int i = 0; i < 8; ++i) {
        const float a = 3.14159265f * (static_cast<float>(part) + static_cast<float>(i) / 7);
        f.corners[f.n++] = {x, radius + r * std::sin(a), axle + r * std::cos(a)};
      }
      f.color = color;
      f.label = label;
      f.bias = bias;
      const Vec3 normal = cross(f.corners[1] - f.corners[0], f.corners[2] - f.corners[0]);
      if (normal.x * x < 0) std::reverse(f.corners, f.corners + f.n);
      solid.faces().push_back(f);
    }
  };
  for (float side : {-1.0f, 1.0f}) {
    const float x = side * (half + 0.012f);
    disc(x, radius * 1.16f, {16, 16, 17}, 0.40f);
    disc(x + side * 0.004f, radius, kTyre, 0.45f);
    disc(x + side * 0.008f, radius * 0.64f, kRim, 0.50f);
    disc(x + side * 0.010f, radius * 0.22f, kRim * 0.5f, 0.55f);
    const float inner = side * (half - 0.22f), outer = side * half;
    Solid tread;
    tread.box({std::min(inner, outer), 0.0f, axle - radius * 0.80f},
              {std::max(inner, outer), radius, axle + radius * 0.80f}, kTyre, label);
    for (const Face& f : tread.faces()) solid.faces().push_back(f);
  }
}

Face& decal(Solid& solid, std::initializer_list<Vec3> corners, Color color, Label label, Vec3 hub,
            float gloss, float bias) {
  Face& f = solid.face(corners, color, label, hub, gloss);
  f.bias = bias;
  return f;
}

namespace {

Color paint_for(Dice& dice) {
  static const Color paints[] = {
      {228, 229, 230}, {196, 199, 203}, {150, 154, 160}, {98, 102, 108},  {40, 42, 46}, {28, 28, 30},
      {38, 58, 98},    {60, 92, 142},   {142, 28, 30},   {176, 42, 36},   {44, 74, 54}, {170, 156, 128},
      {86, 62, 48},    {206, 120, 36},  {216, 190, 60},  {232, 233, 234}, {44, 46, 50}, {120, 124, 130}};
  Color c = paints[dice.pick(static_cast<int>(sizeof paints / sizeof *paints))];
  return c * dice.range(0.92f, 1.05f);
}

}  // namespace

float length_of(Vehicle kind) {
  switch (kind) {
    case Vehicle::Truck:
      return 9.6f;
    case Vehicle::Bus:
      return 12.0f;
    case Vehicle::Tram:
      return 24.0f;
    case Vehicle::Van:
      return 5.3f;
    case Vehicle::Hatchback:
      return 4.0f;
    default:
      return 4.7f;
  }
}

VehicleLook random_car(uint64_t key) {
  Dice dice(hash(key, 11));
  static const Vehicle kinds[] = {Vehicle::Hatchback, Vehicle::Hatchback, Vehicle::Saloon, Vehicle::Estate,
                                  Vehicle::Suv,       Vehicle::Suv,       Vehicle::Van};
  VehicleLook look;
  look.kind = kinds[dice.pick(7)];
  look.paint = look.kind == Vehicle::Van && dice.chance(0.7f) ? Color{224, 225, 224} : paint_for(dice);
  look.key = dice.bits();
  return look;
}

VehicleLook random_vehicle(uint64_t key, bool highway) {
  Dice dice(hash(key, 12));
  VehicleLook look = random_car(key);
  if (dice.chance(highway ? 0.22f : 0.07f)) {
    look.kind = Vehicle::Truck;
    look.paint = paint_for(dice);
  } else if (dice.chance(highway ? 0.03f : 0.09f)) {
    look.kind = Vehicle::Bus;
    static const Color liveries[] = {
        {214, 172, 44}, {178, 40, 42}, {40, 96, 150}, {226, 228, 228}, {62, 128, 84}};
    look.paint = liveries[dice.pick(5)];
    if (!highway && dice.chance(0.3f)) look.kind = Vehicle::Tram;
  }
  return look;
}

void draw_vehicle(const Stage& stage, const Pose& pose, const VehicleLook& look) {
  if (look.kind == Vehicle::Truck || look.kind == Vehicle::Bus || look.kind == Vehicle::Tram)
    draw_long_vehicle(stage, pose, look);
  else
    draw_car(stage, pose, look);
}

}  // namespace anomaly::scene
