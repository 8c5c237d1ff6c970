// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/vehicle_parts.h"

#include <algorithm>

namespace anomaly::scene {

// Trucks, buses and trams are boxes with things on them.
void draw_long_vehicle(const Stage& stage, const Pose& pose, const VehicleLook& look) {
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
    add_wheels(cab_wheels, half, 0.5f, front - 1.3f, label);
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
    add_wheels(body, half, bus ? 0.48f : 0.5f, back + (bus ? 2.6f : 1.4f), label);
    if (!bus) add_wheels(body, half, 0.5f, back + 2.6f, label);
    if (bus) add_wheels(body, half, 0.48f, front - 2.4f, label);
  } else {
    body.box({-half * 0.85f, 0.05f, back + 0.6f}, {half * 0.85f, 0.4f, front - 0.6f}, {30, 30, 32}, label);
  }
  stage.solid(pose, body);
}

}  // namespace anomaly::scene
