// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/vehicles.h"

#include <algorithm>
#include <cmath>

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

constexpr Color kTyre{26, 26, 28}, kRim{150, 152, 156}, kGlass{24, 29, 34}, kPlastic{44, 45, 48};

// Two discs flush with the flanks, which the eye takes for wheels in their arches, and the treads below the
// body.
void wheels(Solid& solid, float half, float radius, float axle, Label label) {
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

Vec3 at(const Station& s, float side) {
  return {side * s.half, s.y, s.z};
}
Vec3 between(const Station& a, const Station& b, float t, float x) {
  return {x * mixf(a.half, b.half, t), mixf(a.y, b.y, t), mixf(a.z, b.z, t)};
}

void car(const Stage& stage, const Pose& pose, const VehicleLook& look) {
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
  wheels(body, p[1].half, shape.wheel, shape.axle_rear, label);
  wheels(body, p[1].half, shape.wheel, shape.axle_front, label);
  // The dark underneath.
  Solid under;
  under.box({-p[0].half * 0.9f, 0.16f, p[0].z + 0.25f}, {p[0].half * 0.9f, 0.34f, p[8].z - 0.25f},
            {18, 18, 20}, label);
  stage.ground_shadow(pose, p[1].half, -p[1].z, p[4].y * 0.85f);
  stage.solid(pose, under);
  stage.solid(pose, body);
}

// Trucks, buses and trams are boxes with things on them.
void long_box(const Stage& stage, const Pose& pose, const VehicleLook& look) {
  Dice dice(look.key);
  const bool tram = look.kind == Vehicle::Tram, bus = look.kind == Vehicle::Bus || tram;
  const Label label = tram ? kTrain : bus ? kBus : kTruck;
  const float half = tram ? 1.2f : 1.25f, length = length_of(look.kind), back = -length / 2,
              front = length / 2;
  const float top = tram ? 3.4f : bus ? 3.05f : dice.range(3.4f, 3.9f), floor = bus ? 0.32f : 0.95f;
  const bool lamps = stage.drive.weather.lamps;
  const Vec3 hub{0, 1.6f, 0};
  stage.ground_shadow(pose, half, length / 2, top * 0.85f);
  Solid body;
  const float cargo_front = bus ? front : front - 2.3f;
  const Color box_color = bus ? look.paint : mix(look.paint, {206, 206, 202}, 0.55f);
  body.box({-half, floor, back}, {half, top, cargo_front}, box_color, label, bus ? 0.3f : 0.1f);
  if (bus) {
    const float low = 1.25f, high = top - 0.55f;
    for (float x : {-1.0f, 1.0f}) {
      const float px = x * (half + 0.01f);
      const int panes = static_cast<int>(length / 1.6f);
      for (int k = 0; k < panes; ++k) {
        const float z0 = back + 0.3f + static_cast<float>(k) * (length - 0.6f) / static_cast<float>(panes),
                    z1 = z0 + (length - 0.6f) / static_cast<float>(panes) - 0.12f;
        decal(body, {{px, low, z0}, {px, low, z1}, {px, high, z1}, {px, high, z0}}, kGlass, label, hub, 0.8f,
              0.5f);
      }
      decal(body,
            {{px, floor, back}, {px, floor, front}, {px, floor + 0.35f, front}, {px, floor + 0.35f, back}},
            look.paint * 0.6f, label, hub, 0, 0.4f);
    }
    decal(body,
          {{-half * 0.9f, 1.5f, back - 0.01f},
           {half * 0.9f, 1.5f, back - 0.01f},
           {half * 0.9f, high, back - 0.01f},
           {-half * 0.9f, high, back - 0.01f}},
          kGlass, label, hub, 0.55f, 0.5f);
    decal(body,
          {{-half * 0.94f, 1.05f, front + 0.01f},
           {half * 0.94f, 1.05f, front + 0.01f},
           {half * 0.94f, high, front + 0.01f},
           {-half * 0.94f, high, front + 0.01f}},
          kGlass, label, hub, 0.55f, 0.5f);
    Face& sign = decal(body,
                       {{-half * 0.6f, high + 0.08f, front + 0.02f},
                        {half * 0.6f, high + 0.08f, front + 0.02f},
                        {half * 0.6f, top - 0.12f, front + 0.02f},
                        {-half * 0.6f, top - 0.12f, front + 0.02f}},
                       {214, 148, 40}, label, hub, 0, 0.55f);
    sign.glow = 0.5f;
    decal(body,
          {{-half * 0.5f, 0.6f, back - 0.012f},
           {half * 0.5f, 0.6f, back - 0.012f},
           {half * 0.5f, 1.2f, back - 0.012f},
           {-half * 0.5f, 1.2f, back - 0.012f}},
          look.paint * 0.5f, label, hub, 0, 0.5f);
  } else {
    // Doors at the back, a frame, an underrun bar, the cab.
    const float bz = back - 0.012f;
    decal(body,
          {{-0.015f, floor + 0.05f, bz},
           {0.015f, floor + 0.05f, bz},
           {0.015f, top - 0.1f, bz},
           {-0.015f, top - 0.1f, bz}},
          box_color * 0.6f, label, hub, 0, 0.5f);
    for (float x : {-0.45f, 0.45f})
      decal(body,
            {{x - 0.02f, floor + 0.05f, bz},
             {x + 0.02f, floor + 0.05f, bz},
             {x + 0.02f, top - 0.1f, bz},
             {x - 0.02f, top - 0.1f, bz}},
            {150, 152, 156}, label, hub, 0, 0.5f);
    for (float x : {-1.0f, 1.0f}) {  // a lettered stripe on the sides
      const float px = x * (half + 0.012f);
      decal(body,
            {{px, 1.9f, back + 0.8f},
             {px, 1.9f, cargo_front - 0.8f},
             {px, 2.7f, cargo_front - 0.8f},
             {px, 2.7f, back + 0.8f}},
            look.paint, label, hub, 0, 0.5f);
    }
    Solid cab;
    cab.box({-half * 0.98f, 0.55f, cargo_front + 0.2f}, {half * 0.98f, std::min(top - 0.25f, 3.2f), front},
            look.paint, label, 0.4f);
    const float cz = front + 0.012f;
    decal(cab,
          {{-half * 0.9f, 1.75f, cz},
           {half * 0.9f, 1.75f, cz},
           {half * 0.9f, 2.7f, cz},
           {-half * 0.9f, 2.7f, cz}},
          kGlass, label, {0, 1.6f, front - 1}, 0.8f, 0.5f);
    decal(cab,
          {{-half * 0.6f, 0.75f, cz},
           {half * 0.6f, 0.75f, cz},
           {half * 0.6f, 1.55f, cz},
           {-half * 0.6f, 1.55f, cz}},
          kPlastic, label, {0, 1.6f, front - 1}, 0, 0.5f);
    for (float x : {-1.0f, 1.0f}) {
      const float px = x * half;
      decal(cab,
            {{px, 1.75f, cargo_front + 0.9f},
             {px, 1.75f, front - 0.25f},
             {px, 2.6f, front - 0.4f},
             {px, 2.6f, cargo_front + 0.9f}},
            kGlass, label, {0, 1.6f, front - 1}, 0.8f, 0.4f);
    }
    Solid frame;
    frame.box({-half * 0.95f, 0.45f, back + 0.05f}, {half * 0.95f, 0.62f, back + 0.2f}, {60, 60, 62}, label);
    frame.box({-0.45f, 0.5f, back + 0.3f}, {0.45f, 0.95f, front - 0.6f}, {34, 34, 36}, label);
    stage.solid(pose, frame);
    Solid cab_wheels;
    wheels(cab_wheels, half, 0.5f, front - 1.3f, label);
    if (stage.direction(pose, {0, 0, 1}).z > 0) {  // seen from behind: the cab is hidden, it comes first
      stage.solid(pose, cab_wheels);
      stage.solid(pose, cab);
    } else {
      for (Face& f : cab_wheels.faces()) body.faces().push_back(f);
      for (Face& f : cab.faces()) body.faces().push_back(f);
    }
  }
  const Color red = look.braking ? Color{255, 60, 40} : lamps ? Color{226, 40, 30} : Color{148, 24, 26};
  for (float x : {-1.0f, 1.0f}) {
    const float y0 = bus ? 0.75f : 0.66f, y1 = bus ? 1.15f : 0.86f, z = back - 0.02f;
    Face& tail = decal(body,
                       {{x * half * 0.97f, y0, z},
                        {x * half * 0.72f, y0, z},
                        {x * half * 0.72f, y1, z},
                        {x * half * 0.97f, y1, z}},
                       red, label, hub, 0, 0.6f);
    tail.glow = look.braking || lamps ? 0.9f : 0.2f;
    Face& head = decal(body,
                       {{x * half * 0.92f, 0.62f, front + 0.02f},
                        {x * half * 0.62f, 0.62f, front + 0.02f},
                        {x * half * 0.62f, 0.88f, front + 0.02f},
                        {x * half * 0.92f, 0.88f, front + 0.02f}},
                       lamps ? Color{255, 252, 236} : Color{206, 212, 218}, label, hub, 0, 0.6f);
    head.glow = lamps ? 1.0f : 0.1f;
  }
  decal(body,
        {{-0.26f, bus ? 0.5f : 0.68f, back - 0.02f},
         {0.26f, bus ? 0.5f : 0.68f, back - 0.02f},
         {0.26f, bus ? 0.62f : 0.80f, back - 0.02f},
         {-0.26f, bus ? 0.62f : 0.80f, back - 0.02f}},
        {222, 214, 150}, label, hub, 0, 0.6f);
  if (!tram) {
    wheels(body, half, bus ? 0.48f : 0.5f, back + (bus ? 2.6f : 1.4f), label);
    if (!bus) wheels(body, half, 0.5f, back + 2.6f, label);
    if (bus) wheels(body, half, 0.48f, front - 2.4f, label);
  } else {
    body.box({-half * 0.85f, 0.05f, back + 0.6f}, {half * 0.85f, 0.4f, front - 0.6f}, {30, 30, 32}, label);
  }
  stage.solid(pose, body);
}

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
    long_box(stage, pose, look);
  else
    car(stage, pose, look);
}

}  // namespace anomaly::scene
