// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/furniture.h"

#include <cmath>

namespace anomaly::scene {
namespace {

constexpr Color kSteel{118, 122, 124};

// A flat upright plate that faces the camera's way: corners in metres around its centre.
void plate(const Stage& stage, const Pose& pose, Vec3 centre, const Vec2* outline, int n, Color color,
           Label label) {
  Vec3 points[12];
  for (int i = 0; i < n && i < 12; ++i)
    points[i] = stage.place(pose, {centre.x + outline[i].x, centre.y + outline[i].y, centre.z});
  const Color c =
      stage.air(lit(stage.drive.weather, color, normalized({0, 0.2f, -1})), std::max(kNear, points[0].z));
  stage.polygon(points, n, 1, 1, label, [&](int, int) { return c; });
}

void regular(const Stage& stage, const Pose& pose, Vec3 centre, float r, int sides, float from, Color color) {
  Vec2 outline[12];
  for (int i = 0; i < sides; ++i) {
    const float a = from + 6.2831853f * static_cast<float>(i) / static_cast<float>(sides);
    outline[i] = {r * std::sin(a), r * std::cos(a)};
  }
  plate(stage, pose, centre, outline, sides, color, kTrafficSign);
}

void bar(const Stage& stage, const Pose& pose, Vec3 centre, float half_w, float half_h, Color color,
         Label label = kTrafficSign) {
  const Vec2 outline[4] = {{-half_w, -half_h}, {half_w, -half_h}, {half_w, half_h}, {-half_w, half_h}};
  plate(stage, pose, centre, outline, 4, color, label);
}

}  // namespace

void draw_lamp(const Stage& stage, const Pose& pose, float towards_road, float height) {
  stage.shadow(pose, {{-0.15f, 0, -0.15f}, {0.15f, 0, -0.15f}, {0.15f, 0, 0.15f}, {-0.15f, 0, 0.15f}}, 0.4f,
               0.2f);
  stage.rod(pose, {0, 0, 0}, 0.09f, {0, height, 0}, 0.055f, kSteel, kPole);
  stage.rod(pose, {0, height, 0}, 0.05f, {towards_road * 1.6f, height + 0.25f, 0}, 0.04f, kSteel, kPole);
  stage.rod(pose, {towards_road * 1.4f, height + 0.22f, 0}, 0.09f, {towards_road * 2.0f, height + 0.28f, 0},
            0.08f, {96, 98, 102}, kPole);
  if (stage.drive.weather.lamps)
    stage.disc(pose, {towards_road * 1.75f, height + 0.18f, 0}, 0.13f, {255, 232, 180}, kPole, 1);
}

void draw_sign(const Stage& stage, const Pose& pose, uint64_t key) {
  Dice dice(hash(key, 41));
  const float y = 2.35f;
  stage.rod(pose, {0, 0, 0.03f}, 0.04f, {0, y + 0.35f, 0.03f}, 0.04f, kSteel, kPole);
  const Color red{186, 34, 38}, blue{34, 82, 158}, white{226, 226, 222}, yellow{226, 186, 52};
  switch (dice.pick(7)) {
    case 0:  // a limit
      regular(stage, pose, {0, y, 0}, 0.36f, 12, 0, red);
      regular(stage, pose, {0, y, -0.005f}, 0.27f, 12, 0, white);
      bar(stage, pose, {-0.09f, y, -0.01f}, 0.05f, 0.12f, {34, 34, 36});
      bar(stage, pose, {0.09f, y, -0.01f}, 0.06f, 0.12f, {34, 34, 36});
      bar(stage, pose, {0.09f, y, -0.015f}, 0.025f, 0.07f, white);
      break;
    case 1:  // danger
      regular(stage, pose, {0, y - 0.05f, 0}, 0.48f, 3, 0, red);
      regular(stage, pose, {0, y - 0.05f, -0.005f}, 0.32f, 3, 0, white);
      bar(stage, pose, {0, y, -0.01f}, 0.03f, 0.11f, {34, 34, 36});
      break;
    case 2:  // give way
      regular(stage, pose, {0, y + 0.05f, 0}, 0.48f, 3, 3.1415927f, red);
      regular(stage, pose, {0, y + 0.05f, -0.005f}, 0.31f, 3, 3.1415927f, white);
      break;
    case 3:  // stop
      regular(stage, pose, {0, y, 0}, 0.40f, 8, 0.3927f, white);
      regular(stage, pose, {0, y, -0.005f}, 0.37f, 8, 0.3927f, red);
      bar(stage, pose, {0, y, -0.01f}, 0.25f, 0.07f, white);
      break;
    case 4:  // an order
      regular(stage, pose, {0, y, 0}, 0.34f, 12, 0, blue);
      bar(stage, pose, {0, y - 0.03f, -0.005f}, 0.05f, 0.18f, white);
      regular(stage, pose, {0, y + 0.14f, -0.006f}, 0.13f, 3, 0, white);
      break;
    case 5:  // priority
      regular(stage, pose, {0, y, 0}, 0.42f, 4, 0, white);
      regular(stage, pose, {0, y, -0.005f}, 0.32f, 4, 0, yellow);
      break;
    default:  // parking
      bar(stage, pose, {0, y, 0}, 0.31f, 0.31f, white);
      bar(stage, pose, {0, y, -0.005f}, 0.28f, 0.28f, blue);
      bar(stage, pose, {-0.08f, y, -0.01f}, 0.04f, 0.19f, white);
      bar(stage, pose, {0.03f, y + 0.09f, -0.01f}, 0.10f, 0.10f, white);
      bar(stage, pose, {0.02f, y + 0.09f, -0.015f}, 0.05f, 0.04f, blue);
  }
}

void draw_traffic_light(const Stage& stage, const Pose& pose, int phase, bool facing) {
  stage.rod(pose, {0, 0, 0.1f}, 0.07f, {0, 3.4f, 0.1f}, 0.06f, {90, 94, 92}, kPole);
  Solid box;
  box.box({-0.17f, 2.5f, -0.1f}, {0.17f, 3.45f, 0.12f}, {34, 36, 36}, kTrafficLight);
  stage.solid(pose, box);
  if (!facing) return;
  static const Color on[] = {{255, 52, 40}, {255, 186, 48}, {60, 236, 132}},
                     off[] = {{72, 26, 24}, {78, 60, 22}, {22, 62, 40}};
  for (int k = 0; k < 3; ++k)
    stage.disc(pose, {0, 3.29f - 0.31f * static_cast<float>(k), -0.12f}, 0.105f, k == phase ? on[k] : off[k],
               kTrafficLight, k == phase ? 1.0f : 0.2f);
}

void draw_delineator(const Stage& stage, const Pose& pose) {
  stage.rod(pose, {0, 0, 0}, 0.06f, {0, 0.95f, 0}, 0.055f, {222, 222, 220}, kPole);
  stage.rod(pose, {0, 0.70f, -0.01f}, 0.056f, {0, 0.82f, -0.01f}, 0.056f, {32, 32, 34}, kPole);
}

void draw_gantry(const Stage& stage, double s, float left, float right, uint64_t key) {
  Dice dice(hash(key, 43));
  const Pose at{s, 0, 0, 0};
  const Color steel{146, 150, 152};
  stage.rod(at, {left, 0, 0}, 0.2f, {left, 7.0f, 0}, 0.18f, steel, kPole);
  stage.rod(at, {right, 0, 0}, 0.2f, {right, 7.0f, 0}, 0.18f, steel, kPole);
  stage.rod(at, {left, 6.9f, 0}, 0.16f, {right, 6.9f, 0}, 0.16f, steel, kPole);
  stage.rod(at, {left, 6.1f, 0}, 0.12f, {right, 6.1f, 0}, 0.12f, steel, kPole);
  const Color board = dice.chance(0.5f) ? Color{30, 84, 156} : Color{26, 104, 72};
  const int boards = 2;
  for (int k = 0; k < boards; ++k) {
    const float x = mixf(1.5f, right - 2.5f, (static_cast<float>(k) + 0.5f) / boards), w = 2.0f;
    bar(stage, at, {x, 6.5f, -0.3f}, w, 1.25f, {226, 226, 222});
    bar(stage, at, {x, 6.5f, -0.31f}, w - 0.08f, 1.17f, board);
    for (int line = 0; line < 2; ++line) {
      float cursor = x - w + 0.4f;
      while (cursor < x + w - 0.8f) {
        const float letter = dice.range(0.14f, 0.3f);
        if (!dice.chance(0.16f))
          bar(stage, at, {cursor + letter / 2, 6.85f - 0.7f * static_cast<float>(line), -0.32f}, letter / 2,
              0.19f, {232, 232, 228});
        cursor += letter + 0.07f;
      }
    }
  }
}

}  // namespace anomaly::scene
