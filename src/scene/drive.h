// SPDX-License-Identifier: LGPL-2.1-or-later
// The drive: what stretch of road it is, in what light, and where the camera is at a frame.
// Road coordinates: s along the road, u to the right of its middle line, h above it, metres.
#pragma once

#include <array>
#include <cstdint>

#include "src/scene/canvas.h"
#include "src/scene/scene.h"

namespace anomaly::scene {

enum class Place { City, Suburb, Rural, Highway };

struct Vec3 {
  float x = 0, y = 0, z = 0;  // camera space: right, up (0 = the road), ahead; metres
};
inline Vec3 operator-(Vec3 a, Vec3 b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
inline Vec3 operator+(Vec3 a, Vec3 b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
inline Vec3 operator*(Vec3 a, float k) {
  return {a.x * k, a.y * k, a.z * k};
}
inline float dot(Vec3 a, Vec3 b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
inline Vec3 cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline Vec3 normalized(Vec3 a) {
  const float n = std::sqrt(dot(a, a));
  return n > 1e-9f ? a * (1 / n) : a;
}

// Light and air.
struct Weather {
  Color sky_top, sky_low, haze, sun, ambient;  // sun and ambient: factors on an albedo, about 1
  Color cloud, cloud_shade;
  float cloud_cover = 0.4f;  // 0 clear .. 1 overcast
  float visibility = 600;    // metres until haze hides 63 %
  float shadow = 0.5f;       // how dark a cast shadow is, 0 = none
  Vec3 sun_direction;        // towards the sun, unit
  bool lamps = false;        // headlights on
  float wetness = 0;         // 0 dry .. 1: dark asphalt with a sheen
  float noise = 2.0f;        // sensor noise, standard deviation of 255
};

// What the road is made of. Lane 0 is the rightmost of our direction.
struct Layout {
  Place place = Place::City;
  float lane = 3.5f;
  int lanes_ours = 1, lanes_theirs = 1;
  float median = 0;                  // width of a reservation between the directions
  float left = -3.5f, right = 3.5f;  // edges of the carriageway with parking strips, u
  float parking = 0;                 // width of a parking strip on either side, 0 = none
  float sidewalk = 2.5f;             // 0 = none
  float verge = 0;                   // grass beyond the pavement before buildings or fences
  bool centre_dashed = true;
  bool yellow = false;
  bool zebra = false;
  float ours(int lane_index) const {
    return median / 2 + (static_cast<float>(lanes_ours - lane_index) - 0.5f) * lane;
  }
  float theirs(int lane_index) const { return -median / 2 - (static_cast<float>(lane_index) + 0.5f) * lane; }
};

struct Projected {
  Vec2 at;
  float scale = 0;  // pixels a metre
};

// Camera of one frame.
struct View {
  int64_t index = 0;
  double time = 0;  // seconds
  double s = 0;     // along the road
  float u = 0;
  float height = 1.4f;
  float focal = 800, centre_x = 480, horizon = 240;  // pixels
  float heading = 0;                                 // of the road against the start, radians
  float speed = 12;                                  // m/s
  std::array<float, 641> bend{};                     // lateral offset of the road at z = i / 2 metres

  float bend_at(float z) const {
    if (z <= 0) return 0;
    if (z >= 319.5f) return bend[639] + (bend[639] - bend[638]) * (z - 319.5f) * 2;
    const float i = z * 2;
    const int k = static_cast<int>(i);
    return mixf(bend[static_cast<size_t>(k)], bend[static_cast<size_t>(k) + 1], i - static_cast<float>(k));
  }
  // Road coordinates to camera space.
  Vec3 place(double along, float across, float up) const {
    const float z = static_cast<float>(along - s);
    return {across - u + bend_at(z), up, z};
  }
  Projected project(Vec3 p) const {
    const float k = focal / p.z;
    return {{centre_x + p.x * k, horizon - (p.y - height) * k}, k};
  }
};

// Everything about a drive that does not change from frame to frame.
class Drive {
 public:
  explicit Drive(const SceneOptions& options);

  const SceneOptions options;
  uint64_t key;
  Weather weather;
  Layout layout;
  int lane;      // ours
  float cruise;  // m/s
  float focal, base_horizon, camera_height;

  View view(int64_t index) const;
  // How near to an anomaly's appearance a frame is: 0 far from any, 1 while one is to be seen, smooth in
  // between.
  float alert(int64_t index) const;
  // Metres driven in `frames_into` frames of an anomaly's stay, and over the whole stay.
  float stay_travel(double frames_into) const;
  float stay_travel() const { return stay_travel(options.anomaly_frames); }
  double lateral(double s) const;
  double heading(double s) const;

 private:
  double travelled(int64_t index) const;
  std::array<double, 3> amplitude_{}, frequency_{}, phase_{};
};

// Haze: the colour of something at a distance.
inline float haze_at(const Weather& weather, float z) {
  return 1 - std::exp(-z / weather.visibility);
}
inline Color through_air(const Weather& weather, Color c, float z) {
  return mix(c, weather.haze, haze_at(weather, z));
}
// Light on a surface: hemisphere of sky and the sun.
Color lit(const Weather& weather, Color albedo, Vec3 normal);

}  // namespace anomaly::scene
