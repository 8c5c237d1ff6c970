// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/people.h"

#include <cmath>

namespace anomaly::scene {
namespace {

struct Clothes {
  Color top, legs, skin, hair, shoes;
  float size;
  bool coat, bag;
};

Clothes dress(uint64_t key) {
  static const Color tops[] = {{36, 38, 46},  {64, 70, 84},  {150, 36, 38},   {48, 72, 116},  {196, 190, 178},
                               {92, 104, 74}, {120, 96, 72}, {210, 208, 204}, {202, 152, 52}, {58, 60, 62}};
  static const Color legs[] = {{34, 36, 42}, {44, 58, 88}, {86, 82, 76}, {60, 58, 58}, {120, 110, 92}};
  static const Color skins[] = {{214, 168, 140}, {188, 138, 108}, {140, 98, 74}, {92, 64, 50}};
  static const Color hairs[] = {{34, 28, 24}, {72, 52, 36}, {122, 92, 56}, {156, 152, 148}};
  Dice dice(hash(key, 51));
  Clothes c;
  c.top = tops[dice.pick(10)] * dice.range(0.9f, 1.1f);
  c.legs = legs[dice.pick(5)] * dice.range(0.9f, 1.1f);
  c.skin = skins[dice.pick(4)];
  c.hair = hairs[dice.pick(4)];
  c.shoes = dice.chance(0.7f) ? Color{32, 30, 30} : Color{190, 188, 184};
  c.size = dice.chance(0.1f) ? dice.range(0.62f, 0.8f) : dice.range(0.93f, 1.07f);
  c.coat = dice.chance(0.3f);
  c.bag = dice.chance(0.3f);
  return c;
}

// From the hips upwards, for somebody whose hips are at `hip` and whose shoulders are at `neck`.
void upper_body(const Stage& stage, const Pose& pose, const Clothes& c, Vec3 hip, Vec3 neck, Vec3 hand_left,
                Vec3 hand_right, Label label) {
  const float k = c.size;
  const Vec3 left = neck + Vec3{-0.17f * k, -0.06f * k, 0}, right = neck + Vec3{0.17f * k, -0.06f * k, 0};
  auto arm = [&](Vec3 shoulder, Vec3 hand, float out) {
    const Vec3 elbow = (shoulder + hand) * 0.5f + Vec3{out * 0.05f * k, -0.03f * k, -0.05f * k};
    stage.rod(pose, shoulder, 0.062f * k, elbow, 0.052f * k, c.top * 0.94f, label);
    stage.rod(pose, elbow, 0.05f * k, hand, 0.04f * k, c.top * 0.92f, label);
    stage.rod(pose, hand, 0.042f * k, hand + Vec3{0, -0.06f * k, 0}, 0.035f * k, c.skin, label);
  };
  const bool left_far = stage.place(pose, left).z > stage.place(pose, right).z;
  arm(left_far ? left : right, left_far ? hand_left : hand_right, left_far ? -1.0f : 1.0f);
  // The trunk: two rods side by side and the width between the shoulders.
  for (float x : {-1.0f, 1.0f})
    stage.rod(pose, hip + Vec3{x * 0.075f * k, 0, 0}, 0.105f * k, neck + Vec3{x * 0.10f * k, -0.12f * k, 0},
              0.105f * k, c.top, label);
  stage.rod(pose, left, 0.075f * k, right, 0.075f * k, c.top, label);
  if (c.bag)
    stage.rod(pose, neck + Vec3{0, -0.18f * k, -0.14f * k}, 0.13f * k, neck + Vec3{0, -0.42f * k, -0.14f * k},
              0.14f * k, c.legs * 1.3f, label);
  arm(left_far ? right : left, left_far ? hand_right : hand_left, left_far ? 1.0f : -1.0f);
  const Vec3 head = neck + Vec3{0, 0.155f * k, 0.02f * k};
  stage.rod(pose, neck + Vec3{0, -0.04f * k, 0}, 0.05f * k, head, 0.055f * k, c.skin * 0.9f, label);
  const bool away = stage.direction(pose, {0, 0, 1}).z > 0.3f;
  stage.ball(pose, head, 0.098f * k, 0.13f * k, away ? c.hair : c.skin, label);
  if (!away) stage.ball(pose, head + Vec3{0, 0.055f * k, -0.02f * k}, 0.1f * k, 0.085f * k, c.hair, label);
}

void wheel(const Stage& stage, const Pose& pose, Vec3 centre, float radius, float tyre, Color color,
           Label label) {
  constexpr int n = 14;
  Vec3 previous = centre + Vec3{0, 0, radius};
  for (int i = 1; i <= n; ++i) {
    const float a = 6.2831853f * static_cast<float>(i) / n;
    const Vec3 next = centre + Vec3{0, radius * std::sin(a), radius * std::cos(a)};
    stage.rod(pose, previous, tyre, next, tyre, color, label);
    previous = next;
  }
}

}  // namespace

void draw_person(const Stage& stage, const Pose& pose, float stride, uint64_t key) {
  const Clothes c = dress(key);
  const float k = c.size, swing = 0.36f * std::sin(stride * 4.2f), lift = 0.012f * std::cos(stride * 8.4f);
  stage.ground_shadow(pose, 0.2f, 0.16f, 1.6f * k);
  const Vec3 hip{0, 0.90f * k + lift, 0}, neck{0, 1.46f * k + lift, 0.03f};
  for (float side : {-1.0f, 1.0f}) {
    const float a = side * swing;
    const float bend = a < 0 ? 0.10f : 0.02f;
    const Vec3 top = hip + Vec3{side * 0.085f * k, -0.03f, 0};
    const Vec3 foot{side * 0.10f * k, 0.07f * k + (a < 0 ? 0.05f * -a : 0.0f), a * 0.85f * k};
    const Vec3 knee = (top + foot) * 0.5f + Vec3{0, 0, bend};
    stage.rod(pose, top, 0.092f * k, knee, 0.07f * k, c.legs, kPerson);
    stage.rod(pose, knee, 0.066f * k, foot, 0.048f * k, c.legs * 0.96f, kPerson);
    stage.rod(pose, foot + Vec3{0, -0.02f, -0.04f * k}, 0.045f * k, foot + Vec3{0, -0.03f, 0.13f * k},
              0.04f * k, c.shoes, kPerson);
  }
  if (c.coat)
    for (float x : {-1.0f, 1.0f})
      stage.rod(pose, hip + Vec3{x * 0.07f * k, 0.05f, 0}, 0.11f * k,
                hip + Vec3{x * 0.08f * k, -0.32f * k, 0}, 0.125f * k, c.top * 0.96f, kPerson);
  const float arm = -0.30f * std::sin(stride * 4.2f);
  upper_body(stage, pose, c, hip, neck, {-0.25f * k, 0.86f * k, -arm}, {0.25f * k, 0.86f * k, arm}, kPerson);
}

void draw_cyclist(const Stage& stage, const Pose& pose, float travelled, uint64_t key) {
  const Clothes c = dress(key);
  Dice dice(hash(key, 52));
  static const Color frames[] = {{40, 42, 46}, {150, 34, 36}, {46, 92, 140}, {196, 196, 192}, {66, 112, 70}};
  const Color frame = frames[dice.pick(5)], rubber{28, 28, 30};
  stage.ground_shadow(pose, 0.2f, 0.8f, 1.6f);
  const Vec3 rear{0, 0.34f, -0.52f}, front{0, 0.34f, 0.55f}, seat{0, 0.95f, -0.22f}, crank{0, 0.30f, 0.0f},
      bars{0, 1.02f, 0.38f};
  auto bicycle = [&] {
    wheel(stage, pose, rear, 0.32f, 0.025f, rubber, kBicycle);
    wheel(stage, pose, front, 0.32f, 0.025f, rubber, kBicycle);
    for (auto [a, b] : {std::pair{rear, seat},
                        {seat, crank},
                        {crank, rear},
                        {crank, bars},
                        {seat + Vec3{0, -0.14f, 0.03f}, bars},
                        {bars, front}})
      stage.rod(pose, a, 0.022f, b, 0.022f, frame, kBicycle);
    stage.rod(pose, bars + Vec3{-0.27f, 0, 0}, 0.018f, bars + Vec3{0.27f, 0, 0}, 0.018f, rubber, kBicycle);
    stage.rod(pose, seat + Vec3{0, 0, -0.1f}, 0.05f, seat + Vec3{0, 0.02f, 0.12f}, 0.03f, rubber, kBicycle);
  };
  bicycle();
  const Vec3 hip = seat + Vec3{0, 0.10f, 0}, neck{0, 1.48f, 0.14f};
  for (float side : {-1.0f, 1.0f}) {
    const float a = travelled * 1.9f + (side > 0 ? 3.1415927f : 0);
    const Vec3 foot = crank + Vec3{side * 0.11f, 0.16f * std::sin(a), 0.16f * std::cos(a)};
    const Vec3 top = hip + Vec3{side * 0.09f, 0, 0},
               knee = (top + foot) * 0.5f + Vec3{side * 0.03f, 0.05f, 0.17f};
    stage.rod(pose, top, 0.09f, knee, 0.068f, c.legs, kRider);
    stage.rod(pose, knee, 0.064f, foot, 0.045f, c.legs * 0.95f, kRider);
    stage.rod(pose, foot + Vec3{0, -0.02f, -0.05f}, 0.04f, foot + Vec3{0, -0.02f, 0.12f}, 0.035f, c.shoes,
              kRider);
  }
  upper_body(stage, pose, c, hip, neck, bars + Vec3{-0.24f, 0.03f, 0}, bars + Vec3{0.24f, 0.03f, 0}, kRider);
  if (dice.chance(0.6f))
    stage.ball(pose, neck + Vec3{0, 0.23f, 0.01f}, 0.115f, 0.085f, frames[dice.pick(5)], kRider);
}

void draw_motorcyclist(const Stage& stage, const Pose& pose, uint64_t key) {
  Clothes c = dress(key);
  c.size = 1;
  c.bag = false;
  Dice dice(hash(key, 53));
  static const Color paints[] = {{150, 30, 32}, {34, 36, 40}, {42, 84, 140}, {206, 120, 34}};
  const Color paint = paints[dice.pick(4)], rubber{26, 26, 28};
  stage.ground_shadow(pose, 0.3f, 1.0f, 1.5f);
  Solid frame;
  frame.box({-0.14f, 0.42f, -0.55f}, {0.14f, 0.78f, 0.5f}, paint, kMotorcycle, 0.3f);
  frame.box({-0.16f, 0.74f, -0.95f}, {0.16f, 0.92f, -0.15f}, rubber, kMotorcycle);
  frame.box({-0.2f, 0.75f, 0.4f}, {0.2f, 1.12f, 0.62f}, paint, kMotorcycle, 0.3f);
  frame.box({-0.1f, 0.02f, -1.0f}, {0.1f, 0.62f, -0.45f}, rubber, kMotorcycle);
  frame.box({-0.08f, 0.02f, 0.45f}, {0.08f, 0.62f, 1.0f}, rubber, kMotorcycle);
  stage.solid(pose, frame);
  stage.disc(pose, {0, 0.84f, stage.direction(pose, {0, 0, 1}).z > 0 ? -0.98f : 0.68f}, 0.07f,
             stage.direction(pose, {0, 0, 1}).z > 0 ? Color{196, 30, 28} : Color{250, 246, 226}, kMotorcycle,
             0.8f);
  const Vec3 hip{0, 0.98f, -0.42f}, neck{0, 1.5f, -0.12f};
  for (float side : {-1.0f, 1.0f}) {
    const Vec3 top = hip + Vec3{side * 0.12f, 0, 0}, foot{side * 0.2f, 0.32f, -0.35f},
               knee{side * 0.25f, 0.78f, 0.02f};
    stage.rod(pose, top, 0.1f, knee, 0.08f, c.legs, kRider);
    stage.rod(pose, knee, 0.075f, foot, 0.06f, c.legs, kRider);
  }
  upper_body(stage, pose, c, hip, neck, {-0.32f, 1.08f, 0.35f}, {0.32f, 1.08f, 0.35f}, kRider);
  stage.ball(pose, neck + Vec3{0, 0.17f, 0.02f}, 0.14f, 0.16f, paints[dice.pick(4)], kRider);
}

}  // namespace anomaly::scene
