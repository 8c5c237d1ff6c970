// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/vehicle_parts.h"

#include <algorithm>

namespace anomaly::scene {
namespace {

// A point of the outline from the side, rear to front over the roof, and half the width there.
struct Station {
  float z, y, half;
};

// An outline has nine stations: under the tail, bumper, tail, boot lid, rear roof, front roof, foot of the
// windscreen, nose, under the nose. Windows lie between 3-4 (rear), 5-6 (front) and on the sides.
struct Shape {
  Station at[9];
  float wheel, axle_rear, axle_front;
  Label label;
};

const Shape& shape_of(Vehicle kind) {
  static const Shape hatchback{{{-1.98f, 0.28f, 0.78f},
                                {-2.03f, 0.58f, 0.86f},
                                {-1.98f, 0.92f, 0.86f},
                                {-1.90f, 1.00f, 0.83f},
                                {-1.45f, 1.44f, 0.62f},
                                {0.10f, 1.47f, 0.62f},
                                {0.98f, 0.99f, 0.80f},
                                {1.96f, 0.74f, 0.82f},
                                {1.98f, 0.28f, 0.76f}},
                               0.31f,
                               -1.22f,
                               1.28f,
                               kCar};
  static const Shape saloon{{{-2.30f, 0.28f, 0.80f},
                             {-2.36f, 0.58f, 0.88f},
                             {-2.30f, 0.96f, 0.88f},
                             {-1.70f, 1.02f, 0.84f},
                             {-0.98f, 1.42f, 0.62f},
                             {0.22f, 1.44f, 0.62f},
                             {1.12f, 0.98f, 0.82f},
                             {2.26f, 0.72f, 0.84f},
                             {2.30f, 0.28f, 0.78f}},
                            0.32f,
                            -1.40f,
                            1.42f,
                            kCar};
  static const Shape estate{{{-2.32f, 0.28f, 0.80f},
                             {-2.38f, 0.58f, 0.88f},
                             {-2.34f, 0.94f, 0.88f},
                             {-2.28f, 1.00f, 0.84f},
                             {-1.92f, 1.43f, 0.64f},
                             {0.20f, 1.47f, 0.63f},
                             {1.12f, 0.99f, 0.82f},
                             {2.26f, 0.74f, 0.84f},
                             {2.30f, 0.28f, 0.78f}},
                            0.33f,
                            -1.42f,
                            1.42f,
                            kCar};
  static const Shape suv{{{-2.20f, 0.38f, 0.84f},
                          {-2.28f, 0.74f, 0.94f},
                          {-2.24f, 1.10f, 0.94f},
                          {-2.18f, 1.16f, 0.91f},
                          {-1.80f, 1.66f, 0.70f},
                          {0.20f, 1.70f, 0.70f},
                          {1.02f, 1.18f, 0.88f},
                          {2.16f, 0.98f, 0.90f},
                          {2.22f, 0.38f, 0.84f}},
                         0.38f,
                         -1.38f,
                         1.40f,
                         kCar};
  static const Shape van{{{-2.60f, 0.34f, 0.88f},
                          {-2.66f, 0.66f, 0.96f},
                          {-2.64f, 1.10f, 0.97f},
                          {-2.62f, 1.28f, 0.96f},
                          {-2.54f, 2.22f, 0.88f},
                          {1.30f, 2.26f, 0.88f},
                          {2.16f, 1.30f, 0.94f},
                          {2.62f, 0.98f, 0.94f},
                          {2.66f, 0.34f, 0.88f}},
                         0.35f,
                         -1.55f,
                         1.70f,
                         kCar};
  switch (kind) {
    case Vehicle::Hatchback:
      return hatchback;
    case Vehicle::Saloon:
      return saloon;
    case Vehicle::Estate:
      return estate;
    case Vehicle::Suv:
      return suv;
    default:
      return van;
  }
}

Vec3 at(const Station& s, float side) {
  return {side * s.half, s.y, s.z};
}
Vec3 between(const Station& a, const Station& b, float t, float x) {
  return {x * mixf(a.half, b.half, t), mixf(a.y, b.y, t), mixf(a.z, b.z, t)};
}

}  // namespace

void draw_car(const Stage& stage, const Pose& pose, const VehicleLook& look) {
  const Shape& shape = shape_of(look.kind);
  const Station* p = shape.at;
  const Label label = shape.label;
  Dice dice(look.key);
  const Vec3 hub{0, 0.7f, 0};
  const bool lamps = stage.drive.weather.lamps, van = look.kind == Vehicle::Van;
  Solid body;
  const Color dark_paint = look.paint * 0.82f;
  // Across the car: bumper, tail, boot, rear window, roof, windscreen, bonnet, nose. Tail and nose are
  // narrower than the flanks; facets lead round the corners.
  const float taper = van ? 0.95f : 0.84f, reach = van ? 0.07f : 0.20f;
  Station q[9];
  for (int i = 0; i < 9; ++i) q[i] = p[i];
  for (int i : {0, 1, 2, 7, 8}) q[i].half *= taper;
  if (!van) q[3].half *= 0.93f, q[6].half *= 0.99f;
  for (int i = 0; i < 8; ++i) {
    const bool low = i == 0 || i == 7;
    body.face({at(q[i], -1), at(q[i], 1), at(q[i + 1], 1), at(q[i + 1], -1)}, low ? dark_paint : look.paint,
              label, hub, 0.45f);
  }
  for (float x : {-1.0f, 1.0f}) {
    // Where the corners meet the flank.
    auto side = [&](int i) { return at(p[i], x) + Vec3{0, 0, i < 4 ? reach : -reach}; };
    for (int i : {0, 1, 7})
      body.face({at(q[i], x), at(q[i + 1], x), side(i + 1), side(i)}, look.paint, label, hub, 0.42f);
    body.face({at(q[2], x), at(q[3], x), side(3), side(2)}, look.paint, label, hub, 0.42f);
    body.face({at(q[6], x), at(q[7], x), side(7)}, look.paint, label, hub, 0.42f);
    // The flank in two bands that meet in a crease, and the frame of the windows.
    const float crease = mixf(p[0].y, p[3].y, 0.62f);
    const Vec3 rear_crease = side(1) + Vec3{0, crease - p[1].y, 0},
               front_crease{x * p[7].half, std::min(crease, p[7].y), p[7].z - reach};
    const Vec3 bulge{x * 0.02f, 0, 0};
    body.face({side(0), rear_crease + bulge, front_crease + bulge, side(8)}, look.paint * 0.94f, label, hub,
              0.40f);
    body.face({rear_crease + bulge, side(2), side(3), at(p[6], x), side(7), front_crease + bulge}, look.paint,
              label, hub, 0.40f);
    body.face({side(3), at(p[4], x), at(p[5], x), at(p[6], x)}, look.paint, label, hub, 0.3f);
    const float split = van ? 0.62f : 0.0f;  // vans have windows in front only
    auto pane = [&](float t0, float t1) {
      const float lift = 0.12f;
      const Vec3 a = between(p[3], p[6], t0, x * 1.005f), b = between(p[3], p[6], t1, x * 1.005f);
      const Vec3 c = between(p[4], p[5], t1, x * 1.01f), d = between(p[4], p[5], t0, x * 1.01f);
      auto up = [&](Vec3 lo, Vec3 hi, float t) { return lo + (hi - lo) * t; };
      decal(body, {up(a, d, lift), up(b, c, lift), up(b, c, 0.88f), up(a, d, 0.88f)}, kGlass, label, hub,
            0.55f, 0.25f);
    };
    if (split == 0.0f)
      pane(0.10f, 0.42f), pane(0.46f, 0.92f);
    else
      pane(0.72f, 0.94f);
    // Sills and door mirrors.
    decal(body,
          {{x * (p[0].half + 0.06f), 0.24f, p[0].z + 0.5f},
           {x * (p[0].half + 0.06f), 0.24f, p[8].z - 0.5f},
           {x * (p[0].half + 0.07f), 0.40f, p[8].z - 0.5f},
           {x * (p[0].half + 0.07f), 0.40f, p[0].z + 0.5f}},
          kPlastic, label, hub, 0, 0.2f);
    const float mx = x * (p[6].half + 0.09f);
    Solid mirror;
    mirror.box({mx - 0.09f, p[6].y - 0.02f, p[6].z - 0.22f}, {mx + 0.09f, p[6].y + 0.13f, p[6].z - 0.10f},
               dark_paint, label, 0.3f);
    for (Face& f : mirror.faces()) body.faces().push_back(f);
  }
  // Rear: window, lights, plate, bumper.
  auto rear = [&](float t, int i, float x) { return between(q[i], q[i + 1], t, x) + Vec3{0, 0, -0.01f}; };
  if (!van || dice.chance(0.6f)) {
    decal(body,
          {rear(0.10f, 3, -0.88f), rear(0.10f, 3, 0.88f), rear(0.88f, 3, 0.90f), rear(0.88f, 3, -0.90f)},
          kGlass, label, hub, 0.55f, 0.3f);
  }
  const Color red = look.braking ? Color{255, 60, 40} : lamps ? Color{226, 40, 30} : Color{140, 22, 24};
  for (float x : {-1.0f, 1.0f}) {
    Face& f = decal(body,
                    {rear(0.10f, 1, x * 0.98f), rear(0.10f, 1, x * 0.66f), rear(0.92f, 1, x * 0.66f),
                     rear(0.92f, 1, x * 0.98f)},
                    red, label, hub, 0, 0.35f);
    f.glow = look.braking || lamps ? 0.9f : 0.2f;
  }
  decal(body, {rear(0.36f, 1, -0.30f), rear(0.36f, 1, 0.30f), rear(0.74f, 1, 0.30f), rear(0.74f, 1, -0.30f)},
        {222, 222, 214}, label, hub, 0, 0.35f);
  decal(body, {rear(0.05f, 0, -0.92f), rear(0.05f, 0, 0.92f), rear(0.55f, 0, 0.96f), rear(0.55f, 0, -0.96f)},
        kPlastic, label, hub, 0, 0.3f);
  // Front: windscreen, lamps, grille, plate.
  auto front = [&](float t, int i, float x) {
    return between(q[i], q[i + 1], t, x) + Vec3{0, 0.005f, 0.012f};
  };
  decal(body,
        {front(0.08f, 5, -0.9f), front(0.08f, 5, 0.9f), front(0.92f, 5, 0.92f), front(0.92f, 5, -0.92f)},
        kGlass, label, hub, 0.55f, 0.3f);
  for (float x : {-1.0f, 1.0f}) {
    Face& f =
        decal(body,
              {front(0.08f, 7, x * 0.97f), front(0.08f, 7, x * 0.58f), front(0.36f, 7, x * 0.60f),
               front(0.40f, 7, x * 0.97f)},
              lamps ? Color{255, 252, 236} : Color{206, 212, 218}, label, hub, lamps ? 0.0f : 0.3f, 0.3f);
    f.glow = lamps ? 1.0f : 0.1f;
  }
  decal(body,
        {front(0.10f, 7, -0.52f), front(0.10f, 7, 0.52f), front(0.42f, 7, 0.48f), front(0.42f, 7, -0.48f)},
        {30, 30, 33}, label, hub, 0.2f, 0.3f);
  decal(body,
        {front(0.50f, 7, -0.28f), front(0.50f, 7, 0.28f), front(0.70f, 7, 0.28f), front(0.70f, 7, -0.28f)},
        {222, 222, 214}, label, hub, 0, 0.32f);
  add_wheels(body, p[1].half, shape.wheel, shape.axle_rear, label);
  add_wheels(body, p[1].half, shape.wheel, shape.axle_front, label);
  // The dark underneath.
  Solid under;
  under.box({-p[0].half * 0.9f, 0.16f, p[0].z + 0.25f}, {p[0].half * 0.9f, 0.34f, p[8].z - 0.25f},
            {18, 18, 20}, label);
  stage.ground_shadow(pose, p[1].half, -p[1].z, p[4].y * 0.85f);
  stage.solid(pose, under);
  stage.solid(pose, body);
}

}  // namespace anomaly::scene
