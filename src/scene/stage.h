// SPDX-License-Identifier: LGPL-2.1-or-later
// Shapes in road coordinates, painted through the camera of one frame in the light of the drive.
#pragma once

#include <vector>

#include "src/scene/drive.h"

namespace anomaly::scene {

// Where a thing stands: road coordinates, and its heading against the road's (0 = ours, pi = oncoming).
struct Pose {
  double s = 0;
  float u = 0;
  float turn = 0;
  float h = 0;
};

// Up to 8 corners of a plane convex face, in the thing's own frame: x right, y up, z ahead, metres.
struct Face {
  Vec3 corners[8];
  int n = 0;
  Color color;
  Label label = kBuilding;
  float gloss = 0;  // 0 matt .. 1: reflects the sky from above, the road from below
  float glow = 0;   // 1: shines by itself
  float bias = 0;   // metres nearer when faces of a solid are sorted: what lies on another face
};

class Solid {
 public:
  // `hub`: a point inside the part, away from which its faces look.
  Face& face(std::initializer_list<Vec3> corners, Color color, Label label, Vec3 hub, float gloss = 0);
  void box(Vec3 low, Vec3 high, Color color, Label label, float gloss = 0);
  // A prism with a regular outline around the axis x (0), y (1) or z (2).
  void prism(Vec3 centre, float radius, float half_length, int axis, int sides, Color side, Color end,
             Label label);
  std::vector<Face>& faces() { return faces_; }

 private:
  std::vector<Face> faces_;
};

class Stage {
 public:
  Stage(const Drive& d, const View& v, Canvas& c) : drive(d), view(v), canvas(c) {}

  const Drive& drive;
  const View& view;
  Canvas& canvas;

  // From the thing's own frame to camera space, and a direction.
  Vec3 place(const Pose& pose, Vec3 p) const;
  Vec3 direction(const Pose& pose, Vec3 d) const;
  Color air(Color c, float z) const { return through_air(drive.weather, c, z); }

  // Faces that look towards the camera, far ones first.
  void solid(const Pose& pose, Solid& solid) const;
  // A rod with round ends in the thing's frame, shaded as a cylinder.
  void rod(const Pose& pose, Vec3 a, float ra, Vec3 b, float rb, Color color, Label label) const;
  // A ball, squeezed to rx, ry in the frame.
  void ball(const Pose& pose, Vec3 centre, float rx, float ry, Color color, Label label) const;
  // A flat disc that looks at the camera (lamps, signs seen from ahead).
  void disc(const Pose& pose, Vec3 centre, float radius, Color color, Label label, float glow = 0) const;
  // Darkens the ground: a polygon in the thing's frame at height 0.
  void shadow(const Pose& pose, std::initializer_list<Vec3> corners, float strength,
              float softness_metres) const;
  // Contact shadow of half extents rx, rz, and, where the sun shines, the shadow cast by a thing of that
  // height.
  void ground_shadow(const Pose& pose, float rx, float rz, float height) const;
  // Polygon in camera space, clipped in front of the camera; shade(x, y) -> Color.
  template <typename Shade>
  void polygon(const Vec3* corners, int n, float softness, float opacity, Label label, Shade shade) const;
};

constexpr float kNear = 0.6f;  // metres: nothing nearer is painted

template <typename Shade>
void Stage::polygon(const Vec3* corners, int n, float softness, float opacity, Label label,
                    Shade shade) const {
  Vec2 out[16];
  int m = 0;
  for (int i = 0; i < n && m < 15; ++i) {
    const Vec3 a = corners[i], b = corners[(i + 1) % n];
    if (a.z >= kNear) out[m++] = view.project(a).at;
    if ((a.z >= kNear) != (b.z >= kNear)) {
      const float t = (kNear - a.z) / (b.z - a.z);
      out[m++] = view.project({mixf(a.x, b.x, t), mixf(a.y, b.y, t), kNear}).at;
    }
  }
  if (m >= 3) fill_polygon(canvas, out, m, softness, opacity, label, shade);
}

}  // namespace anomaly::scene
