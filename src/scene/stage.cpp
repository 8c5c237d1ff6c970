// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/stage.h"

#include <algorithm>
#include <cmath>

namespace anomaly::scene {

Face& Solid::face(std::initializer_list<Vec3> corners, Color color, Label label, Vec3 hub, float gloss) {
  Face f;
  for (const Vec3& c : corners)
    if (f.n < 8) f.corners[f.n++] = c;
  f.color = color;
  f.label = label;
  f.gloss = gloss;
  // Corners run so that the normal looks away from the hub.
  const Vec3 normal = cross(f.corners[1] - f.corners[0], f.corners[2] - f.corners[0]);
  Vec3 middle{};
  for (int i = 0; i < f.n; ++i) middle = middle + f.corners[i] * (1.0f / static_cast<float>(f.n));
  if (dot(normal, middle - hub) < 0) std::reverse(f.corners, f.corners + f.n);
  faces_.push_back(f);
  return faces_.back();
}

void Solid::box(Vec3 a, Vec3 b, Color color, Label label, float gloss) {
  const Vec3 hub = (a + b) * 0.5f;
  face({{a.x, a.y, a.z}, {b.x, a.y, a.z}, {b.x, b.y, a.z}, {a.x, b.y, a.z}}, color, label, hub, gloss);
  face({{a.x, a.y, b.z}, {b.x, a.y, b.z}, {b.x, b.y, b.z}, {a.x, b.y, b.z}}, color, label, hub, gloss);
  face({{a.x, a.y, a.z}, {a.x, b.y, a.z}, {a.x, b.y, b.z}, {a.x, a.y, b.z}}, color, label, hub, gloss);
  face({{b.x, a.y, a.z}, {b.x, b.y, a.z}, {b.x, b.y, b.z}, {b.x, a.y, b.z}}, color, label, hub, gloss);
  face({{a.x, b.y, a.z}, {b.x, b.y, a.z}, {b.x, b.y, b.z}, {a.x, b.y, b.z}}, color, label, hub, gloss);
}

void Solid::prism(Vec3 c, float radius, float half, int axis, int sides, Color side, Color end, Label label) {
  auto at = [&](int i, float along) {
    const float a = 6.2831853f * static_cast<float>(i) / static_cast<float>(sides), p = radius * std::cos(a),
                q = radius * std::sin(a);
    if (axis == 0) return c + Vec3{along, p, q};
    if (axis == 1) return c + Vec3{p, along, q};
    return c + Vec3{p, q, along};
  };
  for (int i = 0; i < sides; ++i)
    face({at(i, -half), at(i + 1, -half), at(i + 1, half), at(i, half)}, side, label, c);
  // The ends, in fans of eight corners.
  for (float along : {-half, half})
    for (int i = 1; i + 1 < sides; i += 5) {
      Face f;
      f.corners[f.n++] = at(0, along);
      for (int k = i; k < sides && k <= i + 5; ++k) f.corners[f.n++] = at(k, along);
      if (f.n < 3) break;
      f.color = end;
      f.label = label;
      if (dot(cross(f.corners[1] - f.corners[0], f.corners[2] - f.corners[0]), f.corners[0] - c) < 0)
        std::reverse(f.corners, f.corners + f.n);
      faces_.push_back(f);
    }
}

Vec3 Stage::direction(const Pose& pose, Vec3 d) const {
  if (pose.turn == 0) return d;
  const float c = std::cos(pose.turn), s = std::sin(pose.turn);
  return {d.x * c + d.z * s, d.y, d.z * c - d.x * s};
}

Vec3 Stage::place(const Pose& pose, Vec3 p) const {
  const Vec3 d = direction(pose, p);
  return view.place(pose.s + static_cast<double>(d.z), pose.u + d.x, pose.h + d.y);
}

void Stage::solid(const Pose& pose, Solid& solid) const {
  struct Visible {
    const Face* face;
    Vec3 corners[8];
    Vec3 normal;
    float depth;
  };
  static thread_local std::vector<Visible> visible;
  visible.clear();
  const Vec3 eye{0, view.height, 0};
  for (const Face& f : solid.faces()) {
    Visible v;
    v.face = &f;
    Vec3 middle{};
    bool ahead = false;
    for (int i = 0; i < f.n; ++i) {
      v.corners[i] = place(pose, f.corners[i]);
      middle = middle + v.corners[i] * (1.0f / static_cast<float>(f.n));
      ahead |= v.corners[i].z > kNear;
    }
    if (!ahead) continue;
    v.normal = normalized(cross(v.corners[1] - v.corners[0], v.corners[2] - v.corners[0]));
    if (dot(v.normal, v.corners[0] - eye) >= 0) continue;
    const Vec3 to_eye = middle - eye;
    v.depth = std::sqrt(dot(to_eye, to_eye)) - f.bias;
    visible.push_back(v);
  }
  std::stable_sort(visible.begin(), visible.end(),
                   [](const Visible& a, const Visible& b) { return a.depth > b.depth; });
  const Weather& w = drive.weather;
  for (const Visible& v : visible) {
    const Face& f = *v.face;
    const Color matt =
        f.glow > 0 ? mix(lit(w, f.color, v.normal), f.color, f.glow) : lit(w, f.color, v.normal);
    Color top = matt, bottom = matt;
    float top_y = 1e9f, bottom_y = -1e9f, z = 0;
    for (int i = 0; i < f.n; ++i) {
      z += v.corners[i].z / static_cast<float>(f.n);
      const float y = view.project({0, v.corners[i].y, std::max(kNear, v.corners[i].z)}).at.y;
      top_y = std::min(top_y, y);
      bottom_y = std::max(bottom_y, y);
    }
    z = std::max(z, kNear);
    if (f.gloss > 0) {
      // What the face mirrors at its two ends: the sky above, the road below.
      const float up = clamp01(0.5f + 0.8f * v.normal.y);
      const Color sky = mix(w.sky_low, w.sky_top, 0.35f), road = lit(w, {88, 88, 88}, {0, 1, 0});
      top = mix(matt, mix(road, sky, clamp01(up + 0.25f)), f.gloss * 0.55f);
      bottom = mix(matt, mix(road, sky, clamp01(up - 0.35f)), f.gloss * 0.5f);
    } else {
      top = matt * 1.03f;
      bottom = matt * 0.93f;
    }
    top = air(top, z);
    bottom = air(bottom, z);
    const float slope = 1 / std::max(1.0f, bottom_y - top_y);
    polygon(v.corners, f.n, 1, 1, f.label, [&](int, int y) {
      return mix(top, bottom, clamp01((static_cast<float>(y) + 0.5f - top_y) * slope));
    });
  }
}

void Stage::rod(const Pose& pose, Vec3 a, float ra, Vec3 b, float rb, Color color, Label label) const {
  Vec3 pa = place(pose, a), pb = place(pose, b);
  if (pa.z < kNear && pb.z < kNear) return;
  if (pa.z < kNear) pa = pb + (pa - pb) * ((pb.z - kNear) / (pb.z - pa.z));
  if (pb.z < kNear) pb = pa + (pb - pa) * ((pa.z - kNear) / (pa.z - pb.z));
  const Projected qa = view.project(pa), qb = view.project(pb);
  const Weather& w = drive.weather;
  const Vec3 axis = normalized(pb - pa);
  // Towards the right of the rod as it goes from a to b on the screen.
  const float n = std::sqrt(axis.x * axis.x + axis.y * axis.y) + 1e-6f;
  const Vec3 side{axis.y / n, -axis.x / n, 0};
  const Color left = air(lit(w, color, normalized(side * 0.8f + Vec3{0, 0.15f, -0.5f})), pa.z);
  const Color right = air(lit(w, color, normalized(side * -0.8f + Vec3{0, 0.15f, -0.5f})), pa.z);
  const Color front = air(lit(w, color, {0, 0.2f, -0.98f}), pa.z);
  fill_capsule(canvas, qa.at, ra * qa.scale, qb.at, rb * qb.scale, label, [&](float, float across) {
    // fill_capsule's `across` is positive to the left of a -> b in a frame whose y runs down.
    const Color edge = across > 0 ? left : right;
    return mix(front, edge * 0.92f, across * across);
  });
}

void Stage::ball(const Pose& pose, Vec3 centre, float rx, float ry, Color color, Label label) const {
  const Vec3 p = place(pose, centre);
  if (p.z < kNear) return;
  const Projected q = view.project(p);
  const Weather& w = drive.weather;
  const float ambient_fall = 0.22f;
  fill_ellipse(canvas, q.at, rx * q.scale, ry * q.scale, {1, 0}, 1, 1, label,
               [&](int, int, float dx, float dy) {
                 const float inside = std::max(0.0f, 1 - dx * dx - dy * dy);
                 const Vec3 normal{dx, -dy, -std::sqrt(inside)};
                 return air(lit(w, color, normal) * (1 - ambient_fall * (1 - inside)), p.z);
               });
}

void Stage::disc(const Pose& pose, Vec3 centre, float radius, Color color, Label label, float glow) const {
  const Vec3 p = place(pose, centre);
  if (p.z < kNear) return;
  const Projected q = view.project(p);
  const Color c = air(mix(lit(drive.weather, color, {0, 0, -1}), color, glow), p.z);
  fill_ellipse(canvas, q.at, radius * q.scale, radius * q.scale, {1, 0}, 1, 1, label,
               [&](int, int, float, float) { return c; });
}

void Stage::shadow(const Pose& pose, std::initializer_list<Vec3> corners, float strength,
                   float softness) const {
  Vec3 points[8];
  int n = 0;
  float z = 0;
  for (const Vec3& c : corners)
    if (n < 8) points[n] = place(pose, {c.x, 0, c.z}), z += points[n].z, ++n;
  z /= static_cast<float>(n);
  if (z < kNear) return;
  const float soft = std::max(1.0f, softness * view.focal / std::max(z, 2.0f) * 0.5f);
  const float dark = strength * (1 - haze_at(drive.weather, z));
  const Color c{20, 22, 28};
  polygon(points, n, soft, dark, kKeep, [&](int, int) { return c; });
}

void Stage::ground_shadow(const Pose& pose, float rx, float rz, float height) const {
  const Weather& w = drive.weather;
  // Of the open sky: soft, close to the thing.
  for (float k : {1.12f, 0.96f})
    shadow(pose, {{-rx * k, 0, -rz * k}, {rx * k, 0, -rz * k}, {rx * k, 0, rz * k}, {-rx * k, 0, rz * k}},
           0.34f, 0.3f * std::min(rx, rz) + 0.12f);
  if (w.shadow <= 0.15f || w.sun_direction.y < 0.05f) return;
  // Of the sun: the footprint drawn out against the sun, in the thing's frame.
  const float reach = std::min(height / w.sun_direction.y, 3 * height);
  const Vec3 away =
      direction({0, 0, -pose.turn, 0}, {-w.sun_direction.x * reach, 0, -w.sun_direction.z * reach});
  const float ax = away.x, az = away.z;
  const float sx = ax > 0 ? 1.0f : -1.0f, sz = az > 0 ? 1.0f : -1.0f;
  // The hull of the footprint and its shifted copy: six corners.
  shadow(pose,
         {{-sx * rx, 0, -sz * rz},
          {sx * rx, 0, -sz * rz},
          {sx * rx + ax, 0, -sz * rz + az},
          {sx * rx + ax, 0, sz * rz + az},
          {-sx * rx + ax, 0, sz * rz + az},
          {-sx * rx, 0, sz * rz}},
         w.shadow, 0.12f);
}

}  // namespace anomaly::scene
