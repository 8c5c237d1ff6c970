// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/drive.h"

#include <cmath>

namespace anomaly::scene {
namespace {

Color jitter(Dice& dice, Color c, float amount) {
  return {c.r * dice.range(1 - amount, 1 + amount), c.g * dice.range(1 - amount, 1 + amount),
          c.b * dice.range(1 - amount, 1 + amount)};
}

Vec3 sun_at(float azimuth, float elevation) {
  return {std::sin(azimuth) * std::cos(elevation), std::sin(elevation),
          std::cos(azimuth) * std::cos(elevation)};
}

Weather make_weather(uint64_t key) {
  Dice dice(hash(key, 0x77656174));
  Weather w;
  const float azimuth = dice.range(-3.1f, 3.1f);
  const float kind = dice.roll();
  if (kind < 0.34f) {  // clear day
    w.sky_top = {72, 126, 198}, w.sky_low = {186, 212, 236}, w.haze = {196, 208, 220};
    w.sun = {0.62f, 0.59f, 0.52f}, w.ambient = {0.50f, 0.53f, 0.58f};
    w.cloud = {250, 250, 250}, w.cloud_shade = {190, 198, 210};
    w.cloud_cover = dice.range(0.15f, 0.5f), w.visibility = dice.range(500, 1100), w.shadow = 0.52f;
    w.sun_direction = sun_at(azimuth, dice.range(0.55f, 1.1f));
  } else if (kind < 0.52f) {  // low sun
    w.sky_top = {92, 128, 182}, w.sky_low = {250, 214, 168}, w.haze = {226, 202, 176};
    w.sun = {0.92f, 0.72f, 0.46f}, w.ambient = {0.56f, 0.56f, 0.60f};
    w.cloud = {255, 226, 196}, w.cloud_shade = {172, 150, 160};
    w.cloud_cover = dice.range(0.2f, 0.55f), w.visibility = dice.range(350, 700), w.shadow = 0.46f;
    w.sun_direction = sun_at(azimuth, dice.range(0.22f, 0.4f));
  } else if (kind < 0.78f) {  // overcast
    w.sky_top = {168, 178, 190}, w.sky_low = {216, 220, 224}, w.haze = {204, 209, 214};
    w.sun = {0.12f, 0.12f, 0.12f}, w.ambient = {0.82f, 0.83f, 0.85f};
    w.cloud = {226, 229, 233}, w.cloud_shade = {164, 171, 181};
    w.cloud_cover = dice.range(0.8f, 1.0f), w.visibility = dice.range(280, 600), w.shadow = 0.10f;
    w.sun_direction = sun_at(azimuth, 1.0f);
  } else if (kind < 0.86f) {  // mist
    w.sky_top = {196, 202, 206}, w.sky_low = {214, 217, 219}, w.haze = {208, 212, 215};
    w.sun = {0.05f, 0.05f, 0.05f}, w.ambient = {0.84f, 0.85f, 0.86f};
    w.cloud = {214, 217, 219}, w.cloud_shade = {198, 203, 207};
    w.cloud_cover = 1.0f, w.visibility = dice.range(90, 180), w.shadow = 0.05f;
    w.sun_direction = sun_at(azimuth, 1.0f), w.lamps = true, w.noise = 2.6f;
  } else if (kind < 0.94f) {  // after rain
    w.sky_top = {140, 152, 168}, w.sky_low = {206, 212, 218}, w.haze = {190, 197, 204};
    w.sun = {0.14f, 0.14f, 0.14f}, w.ambient = {0.72f, 0.74f, 0.78f};
    w.cloud = {214, 218, 224}, w.cloud_shade = {134, 142, 154};
    w.cloud_cover = dice.range(0.7f, 0.95f), w.visibility = dice.range(200, 420), w.shadow = 0.10f;
    w.sun_direction = sun_at(azimuth, 0.9f), w.lamps = true, w.wetness = dice.range(0.5f, 1.0f);
  } else {  // dusk
    w.sky_top = {58, 72, 112}, w.sky_low = {206, 158, 138}, w.haze = {132, 122, 132};
    w.sun = {0.10f, 0.07f, 0.05f}, w.ambient = {0.56f, 0.56f, 0.62f};
    w.cloud = {168, 132, 134}, w.cloud_shade = {86, 86, 112};
    w.cloud_cover = dice.range(0.3f, 0.7f), w.visibility = dice.range(300, 600), w.shadow = 0.06f;
    w.sun_direction = sun_at(azimuth, 0.12f), w.lamps = true, w.noise = 3.4f;
  }
  w.sky_top = jitter(dice, w.sky_top, 0.05f);
  w.haze = jitter(dice, w.haze, 0.02f);
  w.noise *= dice.range(0.8f, 1.3f);
  return w;
}

Layout make_layout(uint64_t key) {
  Dice dice(hash(key, 0x6c61796f));
  Layout l;
  const float kind = dice.roll();
  if (kind < 0.42f) {
    l.place = Place::City;
    l.lanes_ours = 1 + dice.pick(2), l.lanes_theirs = 1 + (l.lanes_ours > 1 && dice.chance(0.6f));
    l.lane = dice.range(3.2f, 3.6f);
    l.parking = dice.chance(0.7f) ? 2.2f : 0;
    l.sidewalk = dice.range(2.4f, 4.0f), l.verge = 0;
    l.centre_dashed = l.lanes_ours == 1 && dice.chance(0.6f);
    l.zebra = dice.chance(0.8f);
  } else if (kind < 0.64f) {
    l.place = Place::Suburb;
    l.lane = dice.range(3.1f, 3.5f);
    l.parking = dice.chance(0.4f) ? 2.1f : 0;
    l.sidewalk = dice.range(1.6f, 2.4f), l.verge = dice.range(3.0f, 6.0f);
    l.centre_dashed = dice.chance(0.8f);
    l.zebra = dice.chance(0.5f);
  } else if (kind < 0.80f) {
    l.place = Place::Rural;
    l.lane = dice.range(3.2f, 3.6f);
    l.sidewalk = 0, l.verge = 14;
    l.centre_dashed = dice.chance(0.7f);
    l.yellow = dice.chance(0.25f);
  } else {
    l.place = Place::Highway;
    l.lanes_ours = 2 + dice.pick(2), l.lanes_theirs = l.lanes_ours;
    l.lane = 3.65f;
    l.median = dice.range(2.5f, 6.0f);
    l.parking = 2.8f;  // the hard shoulder
    l.sidewalk = 0, l.verge = 12;
    l.yellow = dice.chance(0.3f);
  }
  const float shoulder = l.parking > 0 ? l.parking : l.place == Place::Rural ? 0.5f : 0.35f;
  l.right = l.median / 2 + static_cast<float>(l.lanes_ours) * l.lane + shoulder;
  l.left = -l.median / 2 - static_cast<float>(l.lanes_theirs) * l.lane - shoulder;
  return l;
}

}  // namespace

Color lit(const Weather& w, Color albedo, Vec3 n) {
  const float direct = std::max(0.0f, dot(n, w.sun_direction));
  const float hemisphere = 0.72f + 0.28f * n.y;
  return {albedo.r * (w.ambient.r * hemisphere + w.sun.r * direct),
          albedo.g * (w.ambient.g * hemisphere + w.sun.g * direct),
          albedo.b * (w.ambient.b * hemisphere + w.sun.b * direct)};
}

Drive::Drive(const SceneOptions& o) : options(o), key(hash(o.seed, 0x616e6f6d616c79)) {
  weather = make_weather(key);
  layout = make_layout(key);
  Dice dice(hash(key, 0x64726976));
  lane = layout.place == Place::Highway ? dice.pick(2) : dice.pick(layout.lanes_ours);
  switch (layout.place) {
    case Place::City:
      cruise = dice.range(9, 12);
      break;
    case Place::Suburb:
      cruise = dice.range(9, 13);
      break;
    case Place::Rural:
      cruise = dice.range(15, 19);
      break;
    case Place::Highway:
      cruise = dice.range(23, 29);
      break;
  }
  // A wide frame sees about 60 degrees; a flat one is narrowed until the road ahead fits below the horizon.
  const float w = static_cast<float>(o.width), h = static_cast<float>(o.height);
  focal = std::min(w * dice.range(0.82f, 0.98f), h * 1.75f);
  base_horizon = h * dice.range(0.41f, 0.48f);
  camera_height = dice.range(1.3f, 1.65f);
  const float bendiness = layout.place == Place::City ? 0.35f : layout.place == Place::Highway ? 0.5f : 1.0f;
  const double wavelength[3] = {900, 430, 240}, turn[3] = {0.16, 0.09, 0.035};
  for (size_t i = 0; i < 3; ++i) {
    frequency_[i] = 2 * M_PI / (wavelength[i] * static_cast<double>(dice.range(0.8f, 1.25f)));
    amplitude_[i] =
        turn[i] * static_cast<double>(bendiness * dice.range(0.5f, 1.0f));  // of the heading, radians
    phase_[i] = static_cast<double>(dice.range(0, 6.28f));
  }
}

double Drive::heading(double s) const {
  double sum = 0;
  for (size_t i = 0; i < 3; ++i) sum += amplitude_[i] * std::cos(frequency_[i] * s + phase_[i]);
  return sum;
}
double Drive::lateral(double s) const {
  double sum = 0;
  for (size_t i = 0; i < 3; ++i)
    sum += amplitude_[i] / frequency_[i] * std::sin(frequency_[i] * s + phase_[i]);
  return sum;
}

// The driver slows for an anomaly: at cruising speed it would be passed before it has been seen for long. The
// speed dips by smooth ramps, so that the whole stay covers at most 26 m; integrals are in closed form
// because frames come in any order.
float Drive::stay_travel(double r) const {
  const double n = options.anomaly_frames, step = static_cast<double>(cruise) / options.frames_per_second;
  const double ramp = std::max(1e-6, std::min(n / 2, 0.8 * options.frames_per_second));
  const double dip = n * step <= 26 ? 0 : std::min(1.0, (n - 26 / step) / (n - ramp));
  auto eased = [&](double x) { return ramp * (x * x * x - x * x * x * x / 2); };
  double lost = 0;
  if (r < ramp)
    lost = eased(r / ramp);
  else if (r <= n - ramp)
    lost = r - ramp / 2;
  else
    lost = n - ramp - eased((n - r) / ramp);
  return static_cast<float>(step * (r - dip * lost));
}

double Drive::travelled(int64_t index) const {
  const double step = static_cast<double>(cruise) / options.frames_per_second;
  const int64_t first = options.anomaly_first, period = options.anomaly_period, stay = options.anomaly_frames;
  if (index <= first) return static_cast<double>(index) * step;
  const int64_t k = (index - first) / period, r = (index - first) % period;
  const double whole = static_cast<double>(stay_travel()) + static_cast<double>(period - stay) * step;
  const double part = r < stay ? static_cast<double>(stay_travel(static_cast<double>(r)))
                               : static_cast<double>(stay_travel()) + static_cast<double>(r - stay) * step;
  return static_cast<double>(first) * step + static_cast<double>(k) * whole + part;
}

float Drive::alert(int64_t index) const {
  const double fps = options.frames_per_second;
  const int64_t first = options.anomaly_first, period = options.anomaly_period, stay = options.anomaly_frames;
  double distance = static_cast<double>(first - index);  // frames to the nearest stay
  if (index >= first) {
    const int64_t r = (index - first) % period;
    distance = r < stay ? 0 : static_cast<double>(std::min(r - stay, period - r));
  }
  return 1 - smooth(0.4f, 2.4f, static_cast<float>(std::max(0.0, distance) / fps));
}

View Drive::view(int64_t index) const {
  View v;
  v.index = index;
  v.time = static_cast<double>(index) / options.frames_per_second;
  v.s = travelled(index);
  const double t = v.time, s = v.s;
  const double phase = static_cast<double>(unit(hash(key, 5))) * 6.28;
  v.u =
      layout.ours(lane) + static_cast<float>(0.14 * std::sin(0.021 * s + phase) + 0.05 * std::sin(0.083 * s));
  v.height =
      camera_height + static_cast<float>(0.012 * std::sin(0.9 * s + phase) + 0.008 * std::sin(0.37 * s));
  v.focal = focal;
  const double pitch =
      0.0022 * std::sin(0.31 * s + phase) + 0.0016 * std::sin(0.83 * s) + 0.0012 * std::sin(2.1 * t);
  const double yaw = 0.006 * std::sin(0.017 * s + 1) + 0.002 * std::sin(1.1 * t + phase);
  v.centre_x = static_cast<float>(options.width) * 0.5f + focal * static_cast<float>(yaw);
  v.horizon = base_horizon + focal * static_cast<float>(pitch);
  v.heading = static_cast<float>(heading(s));
  v.speed = cruise;
  const double y0 = lateral(s), h0 = heading(s);
  for (size_t i = 0; i < v.bend.size(); ++i) {
    const double z = static_cast<double>(i) * 0.5;
    v.bend[i] = static_cast<float>(lateral(s + z) - y0 - h0 * z);
  }
  return v;
}

}  // namespace anomaly::scene
