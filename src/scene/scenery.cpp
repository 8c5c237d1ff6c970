// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>

#include "src/scene/buildings.h"
#include "src/scene/furniture.h"
#include "src/scene/ground.h"
#include "src/scene/population.h"
#include "src/scene/vehicles.h"

namespace anomaly::scene {
namespace {

constexpr double kPlot = 12;  // metres of road a plot

class Plots {
 public:
  Plots(const Drive& drive, const View& view, const Foliage& foliage, std::vector<Item>& items)
      : drive_(drive), view_(view), foliage_(foliage), items_(items) {}

  void plot(int64_t n, float side) {
    const uint64_t key = hash(drive_.key, static_cast<uint64_t>(n), side > 0 ? 1 : 2);
    switch (drive_.layout.place) {
      case Place::City:
        city(n, side, key);
        break;
      case Place::Suburb:
        suburb(n, side, key);
        break;
      case Place::Rural:
        rural(n, side, key);
        break;
      case Place::Highway:
        highway(n, side, key);
        break;
    }
  }

 private:
  // Whether the zebra crossing is near, where nobody parks.
  bool near_crossing(double s) const {
    if (!drive_.layout.zebra) return false;
    const double in =
        s - Ground::kCrossingStart -
        std::floor((s - Ground::kCrossingStart) / Ground::kCrossingPeriod) * Ground::kCrossingPeriod;
    return in < Ground::kCrossingLength + 6 || in > Ground::kCrossingPeriod - 7;
  }
  float edge(float side) const { return side > 0 ? drive_.layout.right : -drive_.layout.left; }
  void add(double s, float u, float order_bonus, std::function<void(const Stage&)> paint) {
    const float z = static_cast<float>(s - view_.s);
    items_.push_back({order_of(z, u + view_.bend_at(z) - view_.u) + order_bonus, std::move(paint)});
  }
  void tree(double s, float u, Foliage::Kind kind, float height, uint64_t key) {
    add(s, u, 0, [&foliage = foliage_, s, u, kind, height, key](const Stage& stage) {
      const Pose pose{s, u, 0, 0};
      const float r = kind == Foliage::kBush ? height * 0.6f : height * 0.24f;
      stage.ground_shadow(pose, kind == Foliage::kBush ? r : 0.25f, kind == Foliage::kBush ? r * 0.6f : 0.25f,
                          0.3f);
      foliage.draw(stage, pose, kind, height, key);
    });
  }
  void house(int64_t n, float side, float near_u, const House& h, double s) {
    (void)n;
    add(s + static_cast<double>(h.width) / 2, side * (near_u + h.depth * 0.6f), 3,
        [=](const Stage& stage) { draw_house(stage, s, near_u, side, h); });
  }
  void barrier(double s, float u, Barrier kind, uint64_t key, float length = static_cast<float>(kPlot)) {
    // In short pieces, because they are straight and the road is not.
    const int pieces = 2;
    for (int i = 0; i < pieces; ++i) {
      const float part = length / pieces;
      const double from = s + static_cast<double>(part) * i;
      add(from + static_cast<double>(part) / 2, u, 0,
          [=](const Stage& stage) { draw_barrier(stage, from, part + 0.02f, u, kind, key); });
    }
  }
  void parked(double s, float side, uint64_t key) {
    if (drive_.layout.parking <= 0 || near_crossing(s)) return;
    Dice dice(hash(key, 5));
    if (!dice.chance(0.62f)) return;
    const float u = side * (edge(side) - 1.05f) + dice.range(-0.08f, 0.08f);
    const VehicleLook look = random_car(dice.bits());
    const float turn = (side > 0 ? 0.0f : 3.1415927f) + dice.range(-0.03f, 0.03f);
    add(s, u, 0, [=](const Stage& stage) { draw_vehicle(stage, {s, u, turn, 0}, look); });
  }

  static bool city_gap(uint64_t key) { return unit(hash(key, 8)) < 0.08f; }
  static House city_house(uint64_t key) { return random_house(key, Place::City, static_cast<float>(kPlot)); }
  void city(int64_t n, float side, uint64_t key) {
    const Layout& l = drive_.layout;
    Dice dice(key);
    const double s = static_cast<double>(n) * kPlot;
    const float e = edge(side), front = e + l.sidewalk + 0.4f;
    const bool gap = city_gap(key);
    if (gap) {
      barrier(s, side * (front + 0.2f), dice.chance(0.5f) ? Barrier::Wall : Barrier::Mesh, key);
      for (int i = 0; i < 2; ++i)
        tree(s + static_cast<double>(dice.range(2, 10)), side * (front + dice.range(3, 8)), Foliage::kTree,
             dice.range(7, 11), dice.bits());
    } else {
      House h = city_house(key);
      // The next house towards us stands wall to wall with this one. On the way round a bend a strip may
      // show.
      const uint64_t neighbour = hash(drive_.key, static_cast<uint64_t>(n - 1), side > 0 ? 1 : 2);
      if (!city_gap(neighbour)) h.hidden = city_house(neighbour).height() - 0.3f;
      house(n, side, front, h, s);
    }
    parked(s + 3, side, key);
    parked(s + 9, side, hash(key, 6));
    const bool avenue = hash(drive_.key, 0x617665) & 1;
    if (avenue && (n & 1) == (side > 0))
      tree(s + 1, side * (e + 0.8f), Foliage::kTree, dice.range(5.5f, 8.5f), dice.bits());
    if ((n % 3 + 3) % 3 == 0) {
      const float u = side * (e + 0.45f);
      add(s + 6, u, 0, [=](const Stage& stage) { draw_lamp(stage, {s + 6, u, 0, 0}, -side, 6.5f); });
    }
    if (dice.chance(0.22f)) {
      const float u = side * (e + 0.5f);
      const uint64_t sign = dice.bits();
      const double at = s + static_cast<double>(dice.range(2, 10));
      if (side > 0) add(at, u, 0, [=](const Stage& stage) { draw_sign(stage, {at, u, 0, 0}, sign); });
    }
    if (dice.chance(0.12f))
      tree(s + 5, side * (front - 0.5f), Foliage::kBush, dice.range(0.7f, 1.2f), dice.bits());
  }

  void suburb(int64_t n, float side, uint64_t key) {
    const Layout& l = drive_.layout;
    Dice dice(key);
    const double s = static_cast<double>(n) * kPlot;
    const float e = edge(side), border = e + l.sidewalk, front = border + l.verge + 1;
    const uint64_t fence = hash(drive_.key, static_cast<uint64_t>((n + 1000) / 3), side > 0 ? 7 : 8);
    static const Barrier kinds[] = {Barrier::Hedge, Barrier::Pickets, Barrier::Wall, Barrier::Hedge,
                                    Barrier::Mesh};
    if (unit(fence) < 0.75f) barrier(s, side * (border + 0.2f), kinds[fence % 5], fence);
    if (dice.chance(0.72f))
      house(n, side, front, random_house(key, Place::Suburb, dice.range(7.5f, 10.5f)),
            s + static_cast<double>(dice.range(0.3f, 1.5f)));
    else
      tree(s + 6, side * (front + 3), Foliage::kTree, dice.range(7, 11), dice.bits());
    const int plants = dice.pick(3);
    for (int i = 0; i < plants; ++i) {
      const Foliage::Kind kind = dice.chance(0.45f)   ? Foliage::kBush
                                 : dice.chance(0.25f) ? Foliage::kConifer
                                                      : Foliage::kTree;
      tree(s + static_cast<double>(dice.range(0, 12)), side * (border + dice.range(1, l.verge)), kind,
           kind == Foliage::kBush ? dice.range(0.8f, 1.6f) : dice.range(4, 8), dice.bits());
    }
    parked(s + 4, side, key);
    if ((n % 3 + 3) % 3 == 1 && side > 0)
      add(s + 6, e + 0.5f, 0, [=](const Stage& stage) {
        draw_lamp(stage, {s + 6, e + 0.5f, 0, 0}, -1, 6.0f);
      });
    if (side > 0 && dice.chance(0.14f)) {
      const uint64_t sign = dice.bits();
      add(s + 8, e + 0.5f, 0, [=](const Stage& stage) { draw_sign(stage, {s + 8, e + 0.5f, 0, 0}, sign); });
    }
  }

  void rural(int64_t n, float side, uint64_t key) {
    Dice dice(key);
    const double s = static_cast<double>(n) * kPlot;
    const float e = edge(side);
    const bool wood = value_noise(drive_.key + 3, static_cast<float>(n) * 0.11f + 500, side * 9) > 0.52f;
    const int trees = wood ? 4 : dice.chance(0.3f) ? 1 : 0;
    for (int i = 0; i < trees; ++i)
      tree(s + static_cast<double>(dice.range(0, 12)), side * (e + dice.range(3.5f, 15)),
           dice.chance(0.35f) ? Foliage::kConifer : Foliage::kTree, dice.range(6, 12), dice.bits());
    const int bushes = dice.pick(3);
    for (int i = 0; i < bushes; ++i)
      tree(s + static_cast<double>(dice.range(0, 12)), side * (e + dice.range(1.8f, 8)), Foliage::kBush,
           dice.range(0.6f, 1.8f), dice.bits());
    const uint64_t stretch = hash(drive_.key, static_cast<uint64_t>((n + 6000) / 6), side > 0 ? 17 : 18);
    if (unit(stretch) < 0.25f)
      barrier(s, side * (e + 0.9f), Barrier::GuardRail, stretch);
    else if (unit(stretch) < 0.5f)
      barrier(s, side * (e + 3.2f), Barrier::Pickets, stretch);
    if ((n % 4 + 4) % 4 == 0)
      add(s, side * (e + 0.6f), 0, [=](const Stage& stage) {
        draw_delineator(stage, {s, side * (e + 0.6f), 0, 0});
      });
    if (side > 0 && dice.chance(0.06f)) {
      const uint64_t sign = dice.bits();
      add(s + 4, e + 1.1f, 0, [=](const Stage& stage) { draw_sign(stage, {s + 4, e + 1.1f, 0, 0}, sign); });
    }
    if (dice.chance(0.03f)) house(n, side, e + 14, random_house(key, Place::Rural, 10), s);
  }

  void highway(int64_t n, float side, uint64_t key) {
    const Layout& l = drive_.layout;
    Dice dice(key);
    const double s = static_cast<double>(n) * kPlot;
    const float e = edge(side);
    barrier(s, side * (e + 0.7f), Barrier::GuardRail, hash(drive_.key, side > 0 ? 27 : 28));
    if (side > 0) barrier(s, 0, Barrier::GuardRail, hash(drive_.key, 29));
    const bool wood = value_noise(drive_.key + 4, static_cast<float>(n) * 0.09f + 700, side * 9) > 0.45f;
    const int trees = wood ? 3 : dice.chance(0.3f) ? 1 : 0;
    for (int i = 0; i < trees; ++i)
      tree(s + static_cast<double>(dice.range(0, 12)), side * (e + dice.range(6, 20)),
           dice.chance(0.4f) ? Foliage::kConifer : Foliage::kTree, dice.range(6, 12), dice.bits());
    const int bushes = dice.pick(3);
    for (int i = 0; i < bushes; ++i)
      tree(s + static_cast<double>(dice.range(0, 12)), side * (e + dice.range(2, 6)), Foliage::kBush,
           dice.range(0.8f, 2.0f), dice.bits());
    if (side > 0 && (n % 36 + 36) % 36 == 11)
      add(s, 0, 30,
          [s, right = l.right + 1.2f, key](const Stage& stage) { draw_gantry(stage, s, 0, right, key); });
    if ((n % 4 + 4) % 4 == 0)
      add(s, side * (e + 0.35f), 0, [=](const Stage& stage) {
        draw_delineator(stage, {s, side * (e + 0.35f), 0, 0});
      });
  }

  const Drive& drive_;
  const View& view_;
  const Foliage& foliage_;
  std::vector<Item>& items_;
};

}  // namespace

void add_scenery(const Drive& drive, const View& view, const Foliage& foliage, std::vector<Item>& items) {
  Plots plots(drive, view, foliage, items);
  const double reach = std::min(270.0, 2.6 * static_cast<double>(drive.weather.visibility));
  const auto first = static_cast<int64_t>(std::floor(view.s / kPlot)) - 1;
  const auto last = static_cast<int64_t>(std::floor((view.s + reach) / kPlot));
  for (int64_t n = last; n >= first; --n)
    for (float side : {-1.0f, 1.0f}) plots.plot(n, side);
  if (drive.layout.zebra && drive.layout.place == Place::City) {
    // Lights stand at the crossings, and turn green for us in time.
    const double before = (view.s - Ground::kCrossingStart) / Ground::kCrossingPeriod;
    for (auto n = static_cast<int64_t>(std::floor(before)); n <= static_cast<int64_t>(before) + 2; ++n) {
      const double s = static_cast<double>(n) * Ground::kCrossingPeriod + Ground::kCrossingStart - 1;
      const float z = static_cast<float>(s - view.s);
      if (z < 2 || z > 180) continue;
      const float red_until = 50 + 50 * unit(hash(drive.key, static_cast<uint64_t>(n)));
      const int phase = z > red_until ? 0 : z > red_until - 8 ? 1 : 2;
      for (float side : {-1.0f, 1.0f}) {
        const float u = side > 0 ? drive.layout.right + 0.5f : drive.layout.left - 0.5f;
        items.push_back({order_of(z, u + view.bend_at(z) - view.u), [=](const Stage& stage) {
                           draw_traffic_light(stage, {s, u, 0, 0}, phase, true);
                         }});
      }
    }
  }
}

}  // namespace anomaly::scene
