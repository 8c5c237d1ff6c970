// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>

#include "src/scene/people.h"
#include "src/scene/population.h"
#include "src/scene/vehicles.h"

namespace anomaly::scene {
namespace {

// Where something that moves steadily is, in a window of `length` metres that goes along with the camera.
float wrapped(double position, double length, double behind) {
  const double x = position + behind;
  return static_cast<float>(x - std::floor(x / length) * length - behind);
}
// How often it has left the window at one end and come in at the other: each time it is somebody else.
uint64_t lap(double position, double length, double behind) {
  return static_cast<uint64_t>(static_cast<int64_t>(std::floor((position + behind) / length)));
}

void add(const View& view, float z, float u, std::vector<Item>& items,
         std::function<void(const Stage&)> paint) {
  items.push_back({order_of(z, u + view.bend_at(z) - view.u), std::move(paint)});
}

}  // namespace

void add_traffic(const Drive& drive, const View& view, std::vector<Item>& items) {
  const Layout& l = drive.layout;
  const bool highway = l.place == Place::Highway;
  Dice dice(hash(drive.key, 0x74726166));
  const double window = 300, behind = 14;
  auto vehicle = [&](float z, float u, float turn, const VehicleLook& look) {
    const double s = view.s + static_cast<double>(z);
    add(view, z, u, items, [=](const Stage& stage) { draw_vehicle(stage, {s, u, turn, 0}, look); });
  };
  // The car ahead of us draws away when something lies on the road.
  if (dice.chance(highway ? 0.75f : 0.6f)) {
    const uint64_t key = dice.bits();
    const float near = (highway ? 30.0f : 17.0f) + dice.range(0, 10);
    const float breath =
        4 * static_cast<float>(std::sin(0.23 * view.time + static_cast<double>(dice.range(0, 6))));
    const float alert = drive.alert(view.index);
    VehicleLook look = random_vehicle(key, highway);
    if (look.kind == Vehicle::Bus || look.kind == Vehicle::Tram) look.kind = Vehicle::Suv;
    vehicle(mixf(near + breath, 74 + breath, alert), l.ours(drive.lane), 0, look);
  } else {
    dice.bits();
  }
  // Other lanes of ours: a little faster to the left, slower to the right.
  for (int lane = 0; lane < l.lanes_ours; ++lane) {
    if (lane == drive.lane) continue;
    const int count = highway ? 4 : 2;
    const double relative = (lane > drive.lane ? 1 : -1) * static_cast<double>(dice.range(2.0f, 4.5f));
    for (int i = 0; i < count; ++i) {
      const uint64_t key = dice.bits();
      const double position =
          (static_cast<double>(i) + static_cast<double>(dice.range(0.1f, 0.7f))) * window / count +
          relative * view.time;
      const float z = wrapped(position, window, behind);
      if (z > -6)
        vehicle(z, l.ours(lane), 0, random_vehicle(hash(key, lap(position, window, behind)), highway));
    }
  }
  // Oncoming.
  for (int lane = 0; lane < l.lanes_theirs; ++lane) {
    const int count = highway ? 5 : 3;
    const double speed = static_cast<double>(drive.cruise) * static_cast<double>(dice.range(0.85f, 1.15f));
    for (int i = 0; i < count; ++i) {
      const uint64_t key = dice.bits();
      const bool there = dice.chance(highway ? 0.9f : 0.75f);
      const double position =
          (static_cast<double>(i) + static_cast<double>(dice.range(0.1f, 0.8f))) * window / count -
          speed * view.time - view.s;
      const float z = wrapped(position, window, behind);
      if (there && z > -6)
        vehicle(z, l.theirs(lane), 3.1415927f,
                random_vehicle(hash(key, lap(position, window, behind)), highway));
    }
  }
  // Two wheels, at the edge of our lane, overtaken slowly; never nearer than an anomaly can be.
  if (!highway) {
    for (int i = 0; i < 2; ++i) {
      const uint64_t key = dice.bits();
      const bool motor = dice.chance(0.3f);
      const double speed = motor ? static_cast<double>(drive.cruise) * 1.05 : 5.0;
      const double position = static_cast<double>(i) * window / 2 + 90 + speed * view.time - view.s;
      const float z = wrapped(position, window, behind);
      const bool oncoming = i == 1;
      const float edge =
          (oncoming ? l.left : l.right) + (oncoming ? 1.0f : -1.0f) * (l.parking > 0 ? l.parking : 0.35f);
      const float u = edge + (oncoming ? 0.6f : -0.45f);
      if (z < 2) continue;
      const double s = view.s + static_cast<double>(z);
      const auto ridden = static_cast<float>(std::fmod(speed * view.time, 10000.0));
      const float turn = oncoming ? 3.1415927f : 0.0f;
      add(view, z, u, items, [=](const Stage& stage) {
        if (motor)
          draw_motorcyclist(stage, {s, u, turn, 0}, key);
        else
          draw_cyclist(stage, {s, u, turn, 0}, ridden, key);
      });
    }
  }
}

void add_people(const Drive& drive, const View& view, std::vector<Item>& items) {
  const Layout& l = drive.layout;
  if (l.sidewalk <= 0) return;
  Dice dice(hash(drive.key, 0x70656f70));
  const double window = 140, behind = 4;
  const int count = l.place == Place::City ? 18 : 6;
  for (int i = 0; i < count; ++i) {
    const uint64_t key = dice.bits();
    const float side = dice.chance(0.5f) ? 1.0f : -1.0f, way = dice.chance(0.5f) ? 1.0f : -1.0f;
    const double pace = static_cast<double>(dice.range(1.0f, 1.6f));
    const float off = dice.range(0.7f, std::max(0.8f, l.sidewalk - 0.4f));
    const double position =
        static_cast<double>(dice.roll()) * window + static_cast<double>(way) * pace * view.time - view.s;
    const float z = wrapped(position, window, behind);
    if (z < 1.5f) continue;
    const float u = side > 0 ? l.right + off : l.left - off;
    const double s = view.s + static_cast<double>(z);
    const uint64_t who = hash(key, lap(position, window, behind));
    const auto walked = static_cast<float>(std::fmod(pace * view.time, 1000.0)) + unit(key) * 2;
    add(view, z, u, items, [=](const Stage& stage) {
      draw_person(stage, {s, u, way > 0 ? 0.0f : 3.1415927f, 0}, walked, who);
    });
  }
}

}  // namespace anomaly::scene
