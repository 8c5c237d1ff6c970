// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/buildings.h"

#include <cmath>

#include "src/scene/upright.h"

namespace anomaly::scene {
namespace {

// One wall with rows of windows, painted from `low` up; `windows` false: a bare gable end.
void facade(const Stage& stage, Vec3 a, Vec3 b, float low, float height, const House& h, bool windows) {
  if (low >= height) return;
  const Weather& w = stage.drive.weather;
  const float length = std::sqrt((b.x - a.x) * (b.x - a.x) + (b.z - a.z) * (b.z - a.z));
  const Vec3 middle = (a + b) * 0.5f;
  Vec3 normal = normalized({b.z - a.z, 0, a.x - b.x});
  if (dot(normal, middle) > 0) normal = normal * -1;
  const Color wall = lit(w, h.facade, normal), trim = lit(w, h.frame, normal), plinth = wall * 0.78f;
  const Color glass_low = lit(w, {34, 38, 44}, normal),
              glass_sky = mix(lit(w, {34, 38, 44}, normal), w.sky_low, 0.5f);
  const Color door = lit(w, h.roof * 0.8f, normal);
  const int bays = std::max(1, static_cast<int>(length / h.bay));
  const float bay = length / static_cast<float>(bays);
  const float w0 = 0.5f - h.window_width / 2, w1 = 0.5f + h.window_width / 2;
  const float v0 = 0.28f, v1 = std::min(0.93f, 0.28f + h.window_height);
  const bool lamps = w.lamps;
  static const Color boards[] = {{38, 58, 92},   {124, 34, 36}, {36, 78, 60},
                                 {208, 178, 84}, {54, 52, 52},  {206, 202, 192}};
  const Color sign_board = lit(w, boards[h.key % 6], normal);

  struct State {
    int bay;
    float window, frame;           // coverage of the column by the window and by its frame
    float shop;                    // by the shop window
    float grime;                   // of the wall, around 1
    float half, inverse;           // half a pixel in storeys, and its reciprocal
    int storey = -1;               // that the following are of
    Color glass_foot, glass_rise;  // of the pane: at its foot, and what is added up to the lintel
  };
  auto prepare = [&](const Column& c) {
    const float position = c.along / bay;
    State s;
    s.bay = floor_int(position);
    const float in = position - static_cast<float>(s.bay), smear = std::max(0.01f, c.smear / bay);
    const float rim = 0.035f, bar = 0.018f;
    s.window =
        windows ? std::max(0.0f, band(in, smear, w0, w1) - band(in, smear, 0.5f - bar, 0.5f + bar)) : 0;
    s.frame = windows ? band(in, smear, w0 - rim, w1 + rim) : 0;
    s.shop = band(in, smear, 0.06f, 0.94f);
    s.grime = 1 + 0.16f * (fractal_noise(h.key, c.along * 0.55f, 3, 3) - 0.5f);
    const float pixel = std::max(0.01f, c.metre / h.storey);
    s.half = 0.5f * pixel;
    s.inverse = 1 / pixel;
    return s;
  };
  const float per_storey = 1 / h.storey;
  auto pane = [&](State& s, int storey) {
    s.storey = storey;
    const uint64_t cell = hash(h.key, static_cast<uint64_t>(s.bay) + 1000, static_cast<uint64_t>(storey));
    const float mirror = 0.12f + 0.42f * unit(cell);
    Color foot = mix(glass_low, glass_sky, mirror * 0.35f), head = mix(glass_low, glass_sky, mirror * 1.35f);
    if ((cell & 7) == 0) foot = mix(foot, trim, 0.6f), head = mix(head, trim, 0.6f);  // a blind
    if (lamps && (cell & 0x300) == 0) {                                               // someone is at home
      const Color light{250, 214, 140};
      foot = mix(foot, light, 0.75f), head = mix(head, light, 0.75f);
    }
    s.glass_foot = foot;
    s.glass_rise = head + foot * -1;
  };
  fill_upright(
      stage, a, b, low, height, kBuilding, prepare, [&](const Column&, float y, Color& out, State& s) {
        const float up = std::max(0.0f, y * per_storey);
        const int storey = static_cast<int>(up);
        const float in = up - static_cast<float>(storey);
        // Weather: darker under the eaves and at the foot, streaks along.
        float shade = s.grime;
        if (y < 2.2f) shade -= 0.14f * (1 - smooth(0, 2.2f, y));
        if (y > height - 1.2f) shade -= 0.10f * smooth(height - 1.2f, height, y);
        auto inside = [&](float from, float to) {
          return clamp01((std::min(in + s.half, to) - std::max(in - s.half, from)) * s.inverse);
        };
        out = (y < 0.6f ? plinth : wall) * shade;
        if (!windows) return 1.0f;
        if (storey == 0 && h.shop) {
          const Color sign = sign_board;
          out = mix(out, sign, inside(0.80f, 0.97f));
          out =
              mix(out, mix(mix(glass_low, glass_sky, in * 0.6f), Color{236, 206, 150}, lamps ? 0.55f : 0.12f),
                  inside(0.12f, 0.78f) * s.shop);
          return 1.0f;
        }
        if (in < 0.03f + s.half) out = out * (1 - 0.08f * inside(0.0f, 0.03f));  // a line between storeys
        if (s.frame <= 0 || in < v0 - 0.04f - s.half || in > v1 + 0.03f + s.half) {
          if (storey != 0 || s.bay != bays / 2) return 1.0f;
        }
        if (storey == 0 && s.bay == bays / 2) {
          out = mix(out, door, inside(0.0f, 0.72f) * s.window);
          return 1.0f;
        }
        out = mix(out, trim, s.frame * inside(v0 - 0.035f, v1 + 0.02f));
        if (s.window <= 0) return 1.0f;
        if (s.storey != storey) pane(s, storey);
        const float opening = inside(v0, v1) - 0.9f * inside(0.62f, 0.635f);
        out = mix(out, s.glass_foot + s.glass_rise * in, s.window * std::max(0.0f, opening));
        out = out * (1 - 0.35f * s.window * inside(v1 - 0.05f, v1));  // the shadow of the lintel
        return 1.0f;
      });
}

}  // namespace

House random_house(uint64_t key, Place place, float width) {
  Dice dice(hash(key, 21));
  static const Color facades[] = {{196, 184, 162}, {214, 204, 184}, {178, 150, 122}, {158, 104, 82},
                                  {142, 88, 70},   {186, 178, 170}, {206, 190, 150}, {164, 168, 172},
                                  {222, 216, 206}, {150, 138, 124}, {196, 160, 132}, {176, 186, 182}};
  House h;
  h.key = dice.bits();
  h.width = width;
  h.facade = facades[dice.pick(12)] * dice.range(0.9f, 1.05f);
  h.frame = dice.chance(0.7f) ? Color{222, 220, 214} : h.facade * 0.62f;
  static const Color roofs[] = {{128, 68, 52}, {92, 60, 52}, {84, 86, 92}, {110, 98, 86}};
  h.roof = roofs[dice.pick(4)] * dice.range(0.9f, 1.1f);
  if (place == Place::City) {
    h.storey = dice.range(3.0f, 3.6f);
    h.storeys = 3 + dice.pick(4);
    if (dice.chance(0.12f)) h.storeys += 5;
    h.depth = 14;
    h.gabled = h.storeys <= 5 && dice.chance(0.45f);
    h.shop = dice.chance(0.55f);
    h.bay = dice.range(2.2f, 3.2f);
    h.window_width = dice.range(0.36f, 0.62f);
    h.window_height = dice.range(0.42f, 0.6f);
    if (dice.chance(0.18f))
      h.window_width = 0.9f, h.window_height = 0.5f, h.gabled = false, h.frame = h.facade * 0.7f;
  } else {
    h.storey = dice.range(2.6f, 3.0f);
    h.storeys = 1 + dice.pick(2);
    h.depth = 9;
    h.gabled = dice.chance(0.9f);
    h.bay = dice.range(2.4f, 3.4f);
    h.window_width = dice.range(0.34f, 0.5f);
    h.window_height = 0.46f;
  }
  return h;
}

void draw_house(const Stage& stage, double s, float near_u, float side, const House& h) {
  const float height = h.height();
  const double s1 = s + static_cast<double>(h.width);
  const float u0 = side * near_u, u1 = side * (near_u + h.depth);
  const Vec3 a = stage.view.place(s, u0, 0), b = stage.view.place(s1, u0, 0), c = stage.view.place(s, u1, 0),
             d = stage.view.place(s1, u1, 0);
  const Weather& w = stage.drive.weather;
  // The end that faces us, then the front.
  const bool front_seen = side * ((b.z - a.z) * (-a.x) + (b.x - a.x) * a.z) < 0;
  if (c.z > kNear && a.z > kNear) facade(stage, a, c, h.hidden, height, h, (h.key & 3) == 0);
  // A house whose near end is seen from beyond (a bend the other way).
  (void)d;
  if (front_seen) facade(stage, a, b, 0, height, h, true);
  const float overhang = 0.35f;
  auto up = [](Vec3 p, float y) { return Vec3{p.x, y, p.z}; };
  auto outwards = [&](double at, float u, float y) { return up(stage.view.place(at, u, 0), y); };
  if (h.gabled) {
    const float ridge = height + 0.42f * h.depth;
    const float um = side * (near_u + h.depth / 2), eaves = side * (near_u - overhang);
    const float fall = 0.42f * 2 * overhang / 2;
    const double s_lo = s - 0.2, s_hi = s1 + 0.2;
    // The gable above the end wall, and the slope towards the road.
    if (a.z > kNear) {
      const Vec3 gable[3] = {up(a, height), up(c, height), outwards(s, um, ridge)};
      const Color color = stage.air(lit(w, h.facade, {0, 0, -1}) * 0.96f, a.z);
      stage.polygon(gable, 3, 1, 1, kBuilding, [&](int, int) { return color; });
    }
    const Vec3 slope[4] = {outwards(s_lo, eaves, height - fall), outwards(s_hi, eaves, height - fall),
                           outwards(s_hi, um, ridge), outwards(s_lo, um, ridge)};
    const Color tiles = lit(w, h.roof, normalized({-side, 1.1f, 0}));
    const Color near_color = stage.air(tiles, std::max(1.0f, a.z)),
                far_color = stage.air(tiles * 0.93f, std::max(1.0f, b.z));
    const uint64_t key = h.key;
    stage.polygon(slope, 4, 1, 1, kBuilding, [&](int x, int y) {
      const float n = unit(hash(key, static_cast<uint64_t>(y / 2), static_cast<uint64_t>(x / 3)));
      return mix(near_color, far_color, 0.5f) * (0.95f + 0.1f * n);
    });
  } else {
    // A cornice.
    const Vec3 cornice[4] = {outwards(s, side * (near_u - 0.25f), height - 0.35f),
                             outwards(s1, side * (near_u - 0.25f), height - 0.35f),
                             outwards(s1, side * (near_u - 0.25f), height + 0.15f),
                             outwards(s, side * (near_u - 0.25f), height + 0.15f)};
    const Color color =
        stage.air(lit(w, mix(h.facade, h.frame, 0.5f), {-side, 0.1f, 0}), std::max(1.0f, 0.5f * (a.z + b.z)));
    if (front_seen) stage.polygon(cornice, 4, 1, 1, kBuilding, [&](int, int) { return color; });
  }
}

void draw_barrier(const Stage& stage, double s, float length, float u, Barrier kind, uint64_t key) {
  const Vec3 a = stage.view.place(s, u, 0), b = stage.view.place(s + static_cast<double>(length), u, 0);
  const Weather& w = stage.drive.weather;
  Vec3 normal = normalized({b.z - a.z, 0, a.x - b.x});
  if (dot(normal, (a + b) * 0.5f) > 0) normal = normal * -1;
  const float phase = unit(hash(key, 1)) * 4;
  auto nothing = [](const Column&) { return 0; };
  switch (kind) {
    case Barrier::Wall: {
      const Color stone = lit(w, mix(Color{150, 140, 126}, Color{170, 120, 96}, unit(key)), normal);
      fill_upright(stage, a, b, 0, 1.3f, kWall, nothing, [&](const Column& c, float y, Color& out, int) {
        const float n = value_noise(key, (c.along + phase) * 2.2f, y * 5);
        out = stone * (0.86f + 0.24f * n - (y > 1.2f ? -0.1f : 0.0f));
        return 1.0f;
      });
      return;
    }
    case Barrier::Hedge: {
      const Color green = lit(w, {56, 78, 38}, normal);
      fill_upright(stage, a, b, 0, 1.75f, kVegetation, nothing,
                   [&](const Column& c, float y, Color& out, int) {
                     const float n = fractal_noise(key, (c.along + phase) * 3.1f, y * 3.3f, 3);
                     const float top = 1.45f + 0.3f * value_noise(key + 7, c.along * 2.4f, 0);
                     out = green * (0.45f + 1.0f * n + 0.14f * y);
                     return y > top + 0.16f * (n - 0.5f) ? 0.0f : 1.0f;
                   });
      return;
    }
    case Barrier::Pickets: {
      const Color wood = lit(w, unit(key) < 0.5f ? Color{206, 204, 198} : Color{134, 102, 72}, normal);
      auto slat = [&](const Column& c) {
        const float p = (c.along + phase) / 0.16f, in = p - std::floor(p), smear = c.smear / 0.16f;
        return smear > 1 ? 0.62f : band(in, std::max(0.02f, smear), 0.12f, 0.74f);
      };
      fill_upright(
          stage, a, b, 0.06f, 1.05f, kFence, slat, [&](const Column& c, float y, Color& out, float cover) {
            const float rail = std::max(band(y, c.metre, 0.28f, 0.38f), band(y, c.metre, 0.72f, 0.82f));
            out = wood * (0.94f - 0.14f * (1 - y));
            return std::max(cover, rail);
          });
      return;
    }
    case Barrier::Mesh: {
      const Color steel = lit(w, {122, 128, 128}, normal);
      auto posts = [&](const Column& c) {
        const float p = (c.along + phase) / 2.5f, in = p - std::floor(p);
        return band(in, std::max(0.004f, c.smear / 2.5f), 0.48f, 0.505f);
      };
      fill_upright(
          stage, a, b, 0, 1.6f, kFence, posts, [&](const Column& c, float y, Color& out, float post) {
            out = steel;
            const float rail = std::max(band(y, c.metre, 1.54f, 1.6f), band(y, c.metre, 0.1f, 0.14f));
            return std::max(0.24f, std::max(post, rail));
          });
      return;
    }
    case Barrier::GuardRail: {
      const Color steel = lit(w, {164, 168, 172}, normal);
      auto posts = [&](const Column& c) {
        const float p = (c.along + phase) / 4, in = p - std::floor(p);
        return band(in, std::max(0.004f, c.smear / 4), 0.48f, 0.51f);
      };
      fill_upright(stage, a, b, 0, 0.78f, kFence, posts,
                   [&](const Column& c, float y, Color& out, float post) {
                     const float rail = band(y, c.metre, 0.46f, 0.78f);
                     // The two waves of the profile.
                     const float wave = std::cos((y - 0.62f) / 0.16f * 6.2832f);
                     out = rail > 0.5f ? steel * (0.86f + 0.2f * wave) : steel * 0.7f;
                     return std::max(rail, post);
                   });
      return;
    }
  }
}

}  // namespace anomaly::scene
