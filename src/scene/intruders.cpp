// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/intruders.h"

#include <algorithm>
#include <cmath>

namespace anomaly::scene {
namespace {

// Height of each kind at its natural size, metres, in the order of the enumeration.
constexpr float kHeight[kIntruders] = {0.55f, 0.9f,  0.65f, 0.7f, 0.65f, 1.5f, 0.95f, 0.85f,
                                       0.95f, 0.44f, 0.5f,  0.9f, 0.6f,  0.4f, 1.0f};

bool moves(Intruder kind) {
  return kind == Intruder::Dog || kind == Intruder::Deer || kind == Intruder::Sheep || kind == Intruder::Ball;
}

// Lengths scale with the size of the thing.
struct Painter {
  const Stage& stage;
  const Pose& pose;
  float k;
  Label label;

  Vec3 at(float x, float y, float z) const { return {x * k, y * k, z * k}; }
  void rod(Vec3 a, float ra, Vec3 b, float rb, Color c) const {
    stage.rod(pose, a * k, ra * k, b * k, rb * k, c, label);
  }
  void ball(Vec3 centre, float rx, float ry, Color c) const {
    stage.ball(pose, centre * k, rx * k, ry * k, c, label);
  }
  void box(Solid& s, Vec3 a, Vec3 b, Color c, float gloss = 0) const { s.box(a * k, b * k, c, label, gloss); }
  void shadow(float rx, float rz, float h) const { stage.ground_shadow(pose, rx * k, rz * k, h * k); }
};

void four_legged(const Painter& p, Dice& dice, float seconds, Intruder kind, bool walking) {
  struct Build {
    float leg, length, girth, neck, head;
  };
  const Build b = kind == Intruder::Deer  ? Build{0.78f, 0.95f, 0.2f, 0.55f, 0.13f}
                  : kind == Intruder::Dog ? Build{0.34f, 0.52f, 0.12f, 0.2f, 0.10f}
                                          : Build{0.34f, 0.7f, 0.26f, 0.2f, 0.12f};
  static const Color coats[] = {{130, 96, 62},   {92, 66, 46},    {58, 50, 44},
                                {170, 142, 104}, {206, 200, 190}, {34, 32, 32}};
  Color coat = kind == Intruder::Deer    ? Color{142, 104, 68}
               : kind == Intruder::Sheep ? Color{208, 200, 184}
                                         : coats[dice.pick(6)];
  coat = coat * dice.range(0.9f, 1.1f);
  const Color dark = kind == Intruder::Sheep ? Color{56, 48, 44} : coat * 0.72f;
  p.shadow(b.girth * 1.1f, b.length * 0.6f, b.leg + b.girth);
  const float half = b.length / 2, gait = walking ? seconds * (kind == Intruder::Deer ? 7.0f : 11.0f) : 0.6f;
  for (int i = 0; i < 4; ++i) {
    const float side = i & 1 ? 1.0f : -1.0f, end = i & 2 ? 1.0f : -1.0f;
    const float a = 0.38f * std::sin(gait + (i == 0 || i == 3 ? 0 : 3.14f)) * (walking ? 1.0f : 0.3f);
    const Vec3 hip{side * b.girth * 0.55f, b.leg + b.girth * 0.3f, end * half * 0.86f};
    const Vec3 foot{side * b.girth * 0.6f, 0.02f, end * half * 0.86f + a * b.leg};
    const Vec3 knee = (hip + foot) * 0.5f + Vec3{0, 0, end * -0.05f * b.leg};
    p.rod(hip, b.girth * 0.42f, knee, b.girth * 0.22f, dark);
    p.rod(knee, b.girth * 0.22f, foot, b.girth * 0.15f, dark * 0.9f);
  }
  const Vec3 rump{0, b.leg + b.girth * 0.9f, -half}, chest{0, b.leg + b.girth * 0.95f, half};
  p.rod(rump, b.girth * 0.92f, chest, b.girth, coat);
  if (kind == Intruder::Sheep)
    for (int i = 0; i < 16; ++i)
      p.ball({b.girth * dice.range(-0.8f, 0.8f), b.leg + b.girth * dice.range(0.4f, 1.8f),
              b.length * dice.range(-0.6f, 0.6f)},
             b.girth * 0.5f, b.girth * 0.45f, coat * dice.range(0.85f, 1.1f));
  const Vec3 head = chest + Vec3{0, b.neck, b.neck * 0.6f};
  p.rod(chest, b.girth * 0.6f, head, b.head * 0.75f, coat);
  p.rod(head, b.head, head + Vec3{0, -b.head * 0.5f, b.head * 2.1f}, b.head * 0.5f,
        kind == Intruder::Sheep ? dark : coat * 0.95f);
  for (float side : {-1.0f, 1.0f}) {
    p.rod(head + Vec3{side * b.head * 0.6f, b.head * 0.5f, 0}, b.head * 0.35f,
          head + Vec3{side * b.head * 1.2f, b.head * 1.3f, -b.head * 0.2f}, b.head * 0.12f, dark);
    if (kind == Intruder::Deer) {
      const Vec3 root = head + Vec3{side * 0.05f, 0.1f, 0}, fork = root + Vec3{side * 0.14f, 0.22f, -0.08f};
      p.rod(root, 0.025f, fork, 0.02f, {196, 176, 140});
      p.rod(fork, 0.02f, fork + Vec3{side * 0.10f, 0.18f, 0.02f}, 0.012f, {196, 176, 140});
      p.rod(fork, 0.02f, fork + Vec3{side * -0.02f, 0.16f, 0.12f}, 0.012f, {196, 176, 140});
    }
  }
  p.rod(rump, b.girth * 0.25f, rump + Vec3{0, kind == Intruder::Dog ? 0.12f : -0.14f, -b.girth * 1.1f},
        b.girth * 0.1f, coat);
}

void tyre(const Painter& p, Dice& dice) {
  const Color rubber{34, 34, 36};
  const bool lying = dice.chance(0.5f);
  p.shadow(0.34f, lying ? 0.34f : 0.14f, lying ? 0.22f : 0.6f);
  constexpr int n = 20;
  const float turn = dice.range(0.3f, 1.2f);
  for (int pass = 0; pass < 2; ++pass) {
    // The far half first.
    for (int i = 0; i < n; ++i) {
      auto at = [&](int j) {
        const float a = 6.2831853f * static_cast<float>(j) / n;
        if (lying) return Vec3{0.26f * std::cos(a), 0.11f, 0.26f * std::sin(a)};
        return Vec3{0.24f * std::cos(a) * std::sin(turn), 0.34f + 0.25f * std::sin(a),
                    0.24f * std::cos(a) * std::cos(turn)};
      };
      const Vec3 a = at(i), b = at(i + 1);
      if ((a.z + b.z > 0) != (pass == 0)) continue;
      p.rod(a, 0.1f, b, 0.1f, rubber * (i & 1 ? 0.85f : 1.05f));
    }
  }
}

void boulder(const Painter& p, Dice& dice) {
  p.shadow(0.45f, 0.38f, 0.5f);
  const Color stone = mix(Color{118, 112, 104}, Color{138, 118, 98}, dice.roll());
  const Projected q = p.stage.view.project(p.stage.place(p.pose, p.at(0, 0.3f, 0)));
  const uint64_t key = dice.bits();
  const float r = 0.46f * p.k * q.scale, z = p.stage.place(p.pose, {0, 0, 0}).z;
  const float squash = dice.range(0.7f, 0.95f);
  Canvas& canvas = p.stage.canvas;
  const int x0 = clip_low(q.at.x - 1.4f * r - 1), x1 = clip_high(q.at.x + 1.4f * r + 1, canvas.width);
  const int y0 = clip_low(q.at.y - 1.4f * r - 1), y1 = clip_high(q.at.y + 0.66f * r, canvas.height);
  for (int y = y0; y < y1; ++y)
    for (int x = x0; x < x1; ++x) {
      const float dx = (static_cast<float>(x) + 0.5f - q.at.x) / r,
                  dy = (static_cast<float>(y) + 0.5f - q.at.y) / (r * squash);
      const float angle = std::atan2(dy, dx), distance = std::sqrt(dx * dx + dy * dy);
      const float outline =
          0.78f + 0.4f * value_noise(key, 3 + 1.6f * std::cos(angle), 3 + 1.6f * std::sin(angle));
      const float base = clamp01((0.62f - dy) * r + 0.5f);
      const float coverage = clamp01((outline - distance) * r + 0.5f) * base;
      if (coverage <= 0.004f) continue;
      const float t = distance / outline;
      // Facets: the normal bends in steps of noise.
      const float nx = dx + 0.9f * (fractal_noise(key + 5, dx * 2.6f + 9, dy * 2.6f + 9, 3) - 0.5f);
      const float ny = -dy + 0.9f * (fractal_noise(key + 6, dx * 2.6f + 9, dy * 2.6f + 9, 3) - 0.5f);
      const Vec3 normal = normalized({nx, ny + 0.2f, -std::sqrt(std::max(0.05f, 1 - t * t))});
      const float grain = 0.78f + 0.44f * fractal_noise(key + 7, dx * 9 + 20, dy * 9 + 20, 3);
      const Color c = p.stage.air(
          lit(p.stage.drive.weather, stone * grain * (0.7f + 0.3f * clamp01(0.6f - dy)), normal), z);
      blend(canvas.row(y)[x], c, coverage, coverage >= 0.5f ? p.label : kKeep);
    }
}

// A thing that nobody has a name for: stacked blocks in a pattern that no vehicle wears.
void relic(const Painter& p, Dice& dice) {
  p.shadow(0.5f, 0.4f, 0.9f);
  const Color a{dice.range(20, 250), dice.range(20, 250), dice.range(20, 250)},
      b{dice.range(20, 250), dice.range(20, 250), dice.range(20, 250)};
  const int pattern = dice.pick(3);
  Solid s;
  const int nx = 3, ny = 3;
  const float hw = dice.range(0.3f, 0.55f), top = dice.range(0.6f, 1.1f), hz = dice.range(0.2f, 0.4f);
  for (int i = 0; i < nx; ++i)
    for (int j = 0; j < ny; ++j) {
      const float x0 = mixf(-hw, hw, static_cast<float>(i) / nx),
                  x1 = mixf(-hw, hw, static_cast<float>(i + 1) / nx);
      const float y0 = top * static_cast<float>(j) / ny, y1 = top * static_cast<float>(j + 1) / ny;
      const bool odd = pattern == 0 ? (i + j) & 1 : pattern == 1 ? j & 1 : i & 1;
      p.box(s, {x0, y0, -hz}, {x1, y1, hz}, odd ? a : b);
    }
  p.stage.solid(p.pose, s);
  if (dice.chance(0.6f)) p.ball({0, top + 0.2f, 0}, 0.24f, 0.24f, b);
}

}  // namespace

Stay make_stay(const Drive& drive, int64_t k) {
  Dice dice(hash(drive.key, 0x696e7472, static_cast<uint64_t>(k)));
  const SceneOptions& o = drive.options;
  Stay stay;
  stay.key = dice.bits();
  stay.kind = static_cast<Intruder>(dice.pick(kIntruders));
  stay.first = o.anomaly_first + k * o.anomaly_period;
  const View from = drive.view(stay.first);
  const float travel = drive.stay_travel();
  float distance = dice.range(6.0f, 11.0f) + travel;
  const Layout& l = drive.layout;
  const float lane = l.ours(drive.lane);
  stay.start.u = lane + dice.range(-0.32f, 0.32f) * l.lane;
  stay.start.turn = dice.range(-3.1f, 3.1f);
  stay.size = dice.range(0.75f, 1.35f);
  // At its first appearance it is 12 pixels high (in tiny frames a quarter of the frame), however far it is;
  // where that takes growing, at least its kind stays recognisable.
  const float wanted = std::min(12.0f, 0.25f * static_cast<float>(std::min(o.width, o.height)));
  const float natural = kHeight[static_cast<int>(stay.kind)];
  stay.size = std::max(stay.size, wanted * distance / (drive.focal * natural));
  distance += std::min(10.0f, 0.4f * stay.size);  // giants keep their distance
  stay.start.s = from.s + static_cast<double>(distance);
  if (moves(stay.kind) && dice.chance(0.7f)) {
    // Across our lane, from one side of it to the other, within its stay.
    const float seconds = static_cast<float>(o.anomaly_frames / o.frames_per_second);
    const float way = dice.chance(0.5f) ? 1.0f : -1.0f, width = 0.8f * l.lane;
    stay.drift = way * std::min(2.2f, width / std::max(0.04f, seconds));
    stay.start.u = lane - way * width / 2;
    stay.start.turn = way * 1.5707963f;
  }
  return stay;
}

Pose pose_of(const Drive& drive, const Stay& stay, int64_t frames_into) {
  Pose pose = stay.start;
  pose.u +=
      stay.drift * static_cast<float>(static_cast<double>(frames_into) / drive.options.frames_per_second);
  return pose;
}

void draw_intruder(const Stage& stage, const Stay& stay, const Pose& pose, float seconds, Label label) {
  Dice dice(stay.key);
  const Painter p{stage, pose, stay.size, label};
  const bool walking = stay.drift != 0;
  switch (stay.kind) {
    case Intruder::Carton: {
      const float hw = dice.range(0.3f, 0.5f), h = dice.range(0.4f, 0.6f), hz = dice.range(0.25f, 0.4f);
      p.shadow(hw, hz, h);
      const Color board = Color{166, 128, 84} * dice.range(0.85f, 1.1f);
      Solid s;
      p.box(s, {-hw, 0, -hz}, {hw, h, hz}, board);
      for (float z : {-hz - 0.004f, hz + 0.004f}) {  // tape
        Face& f = s.face(
            {p.at(-0.04f, h * 0.55f, z), p.at(0.04f, h * 0.55f, z), p.at(0.04f, h, z), p.at(-0.04f, h, z)},
            {196, 172, 130}, label, p.at(0, h / 2, 0));
        f.bias = 0.1f;
      }
      Face& flap = s.face({p.at(-hw, h, -hz), p.at(hw, h, -hz), p.at(hw, h + 0.1f, -hz - 0.16f),
                           p.at(-hw, h + 0.1f, -hz - 0.16f)},
                          board * 0.9f, label, p.at(0, h, hz));
      flap.bias = 0.2f;
      stage.solid(pose, s);
      return;
    }
    case Intruder::Crate: {
      p.shadow(0.55f, 0.45f, 0.9f);
      const Color wood = Color{172, 140, 96} * dice.range(0.85f, 1.1f);
      Solid s;
      p.box(s, {-0.52f, 0, -0.42f}, {0.52f, 0.88f, 0.42f}, wood * 0.4f);
      for (int i = 0; i < 5; ++i) {
        const float y = 0.02f + 0.18f * static_cast<float>(i);
        Solid slat;
        p.box(slat, {-0.55f, y, -0.45f}, {0.55f, y + 0.13f, 0.45f}, wood * dice.range(0.9f, 1.1f));
        for (Face& f : slat.faces()) f.bias = 0.05f + 0.03f * static_cast<float>(i), s.faces().push_back(f);
      }
      stage.solid(pose, s);
      return;
    }
    case Intruder::Tyre:
      tyre(p, dice);
      return;
    case Intruder::Boulder:
      boulder(p, dice);
      return;
    case Intruder::Dog:
    case Intruder::Deer:
    case Intruder::Sheep:
      four_legged(p, dice, seconds, stay.kind, walking);
      return;
    case Intruder::Sofa: {
      static const Color cloths[] = {{124, 44, 44}, {60, 84, 92}, {122, 104, 80}, {74, 90, 60}, {86, 70, 96}};
      const Color c = cloths[dice.pick(5)];
      p.shadow(0.95f, 0.45f, 0.85f);
      Solid s;
      p.box(s, {-0.95f, 0.08f, -0.42f}, {0.95f, 0.36f, 0.42f}, c * 0.86f);
      p.box(s, {-0.95f, 0.30f, 0.18f}, {0.95f, 0.86f, 0.45f}, c);
      p.box(s, {-0.95f, 0.10f, -0.44f}, {-0.74f, 0.60f, 0.44f}, c * 0.95f);
      p.box(s, {0.74f, 0.10f, -0.44f}, {0.95f, 0.60f, 0.44f}, c * 0.95f);
      p.box(s, {-0.73f, 0.36f, -0.40f}, {-0.01f, 0.50f, 0.18f}, c * 1.1f);
      p.box(s, {0.01f, 0.36f, -0.40f}, {0.73f, 0.50f, 0.18f}, c * 1.1f);
      stage.solid(pose, s);
      return;
    }
    case Intruder::Barrel: {
      static const Color drums[] = {{40, 78, 140}, {160, 44, 38}, {52, 104, 66}, {196, 160, 44}};
      const Color c = drums[dice.pick(4)];
      p.shadow(0.3f, 0.3f, 0.9f);
      Solid s;
      for (int ring = 0; ring < 3; ++ring) {
        Solid part;
        part.prism(p.at(0, 0.155f + 0.31f * static_cast<float>(ring), 0), 0.3f * p.k, 0.15f * p.k, 1, 16,
                   c * (ring == 1 ? 0.92f : 1.0f), c * 0.8f, label);
        for (Face& f : part.faces()) s.faces().push_back(f);
        if (ring == 2) continue;
        Solid rib;
        rib.prism(p.at(0, 0.31f + 0.31f * static_cast<float>(ring), 0), 0.315f * p.k, 0.02f * p.k, 1, 16,
                  c * 0.75f, c * 0.75f, label);
        for (Face& f : rib.faces()) f.bias = 0.05f, s.faces().push_back(f);
      }
      stage.solid(pose, s);
      return;
    }
    case Intruder::Ladder: {
      p.shadow(0.3f, 1.2f, 0.1f);
      const Color metal{176, 180, 184};
      for (float x : {-0.22f, 0.22f}) p.rod({x, 0.07f, -1.2f}, 0.05f, {x, 0.12f, 1.2f}, 0.05f, metal);
      for (int i = 0; i < 8; ++i) {
        const float z = -1.05f + 0.3f * static_cast<float>(i);
        p.rod({-0.22f, 0.09f, z}, 0.035f, {0.22f, 0.09f, z}, 0.035f, metal * 0.9f);
      }
      return;
    }
    case Intruder::Ball: {
      static const Color balls[] = {{206, 54, 46}, {60, 112, 196}, {224, 196, 60}, {224, 118, 44}};
      const Color c = balls[dice.pick(4)], white{226, 224, 218};
      const float r = 0.26f, hop = walking ? 0.25f * std::abs(std::sin(seconds * 5)) : 0;
      p.shadow(r * 0.8f, r * 0.8f, 0.4f);
      const Vec3 centre = stage.place(pose, p.at(0, r + hop, 0));
      if (centre.z < kNear) return;
      const Projected q = stage.view.project(centre);
      const float spin = seconds * 4 * (stay.drift < 0 ? -1.0f : 1.0f) + dice.range(0, 6);
      fill_ellipse(stage.canvas, q.at, r * p.k * q.scale, r * p.k * q.scale, {1, 0}, 1, 1, label,
                   [&](int, int, float dx, float dy) {
                     const float inside = std::max(0.0f, 1 - dx * dx - dy * dy);
                     const float around = std::atan2(dy, dx) + spin;
                     const bool patch = std::cos(3 * around) * (dx * dx + dy * dy) + 0.2f > 0.25f;
                     return stage.air(
                         lit(stage.drive.weather, patch ? c : white, {dx, -dy, -std::sqrt(inside)}) *
                             (0.78f + 0.22f * inside),
                         centre.z);
                   });
      return;
    }
    case Intruder::Branch: {
      p.shadow(0.9f, 0.3f, 0.4f);
      const Color bark{86, 70, 54};
      const Color leaf = Color{70, 92, 40} * dice.range(0.9f, 1.2f);
      p.rod({-1.0f, 0.1f, 0}, 0.09f, {0.9f, 0.28f, 0.1f}, 0.05f, bark);
      for (int i = 0; i < 7; ++i) {
        const float t = dice.range(0.25f, 0.95f);
        const Vec3 from{mixf(-1.0f, 0.9f, t), mixf(0.1f, 0.28f, t), 0.1f * t};
        const Vec3 to = from + Vec3{dice.range(0.1f, 0.5f), dice.range(0.05f, 0.6f), dice.range(-0.4f, 0.4f)};
        p.rod(from, 0.035f, to, 0.015f, bark);
        for (int j = 0; j < 7; ++j)
          p.ball(to + Vec3{dice.range(-0.2f, 0.2f), dice.range(-0.14f, 0.14f), dice.range(-0.2f, 0.2f)},
                 dice.range(0.05f, 0.1f), dice.range(0.04f, 0.08f), leaf * dice.range(0.7f, 1.25f));
      }
      return;
    }
    case Intruder::Suitcase: {
      static const Color shells[] = {{36, 40, 52}, {150, 36, 46}, {42, 110, 120}, {190, 150, 60}};
      const Color c = shells[dice.pick(4)];
      p.shadow(0.28f, 0.16f, 0.6f);
      Solid s;
      p.box(s, {-0.26f, 0.06f, -0.14f}, {0.26f, 0.70f, 0.14f}, c, 0.3f);
      for (int i = 0; i < 4; ++i) {
        const float x = -0.18f + 0.12f * static_cast<float>(i);
        Face& f = s.face({p.at(x - 0.015f, 0.1f, -0.145f), p.at(x + 0.015f, 0.1f, -0.145f),
                          p.at(x + 0.015f, 0.66f, -0.145f), p.at(x - 0.015f, 0.66f, -0.145f)},
                         c * 0.6f, label, p.at(0, 0.35f, 0));
        f.bias = 0.05f;
      }
      stage.solid(pose, s);
      for (float x : {-0.1f, 0.1f})
        p.rod({x, 0.70f, 0.1f}, 0.018f, {x, 0.98f, 0.1f}, 0.018f, {120, 122, 126});
      p.rod({-0.1f, 0.98f, 0.1f}, 0.022f, {0.1f, 0.98f, 0.1f}, 0.022f, {30, 30, 32});
      return;
    }
    case Intruder::Mattress: {
      p.shadow(0.7f, 1.0f, 0.3f);
      const Color c = Color{206, 202, 192} * dice.range(0.9f, 1.05f);
      Solid s;
      for (int i = 0; i < 4; ++i) {
        const float z0 = -1.0f + 0.5f * static_cast<float>(i);
        p.box(s, {-0.7f, 0.0f, z0}, {0.7f, 0.30f, z0 + 0.5f}, i & 1 ? Color{150, 168, 190} : c);
      }
      stage.solid(pose, s);
      return;
    }
    case Intruder::Relic:
      relic(p, dice);
      return;
  }
}

}  // namespace anomaly::scene
