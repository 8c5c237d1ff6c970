// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/backdrop.h"

#include <algorithm>
#include <cmath>

namespace anomaly::scene {

// Headings stay within +-0.3 radians and the yaw within 0.01, so a strip of the frame plus 0.33 radians
// either side always suffices.
Backdrop::Backdrop(const Drive& drive) {
  const float w = static_cast<float>(drive.options.width),
              top = drive.base_horizon + 0.006f * drive.focal + 2;
  const float full = w + 0.66f * drive.focal + 4;
  scale_ = std::min(1.0f, std::min(4096 / full, 1536 / top));
  width_ = std::max(8, static_cast<int>(full * scale_) + 4);
  horizon_ = top * scale_;
  height_ = static_cast<int>(horizon_) + std::max(4, static_cast<int>(0.01f * drive.focal * scale_) + 3);
  focal_ = drive.focal * scale_;
  strip_.resize(static_cast<size_t>(width_) * static_cast<size_t>(height_));
  paint_sky(drive);
  paint_hills(drive);
  if (drive.layout.place == Place::City || drive.layout.place == Place::Suburb) paint_skyline(drive);
}

void Backdrop::paint_sky(const Drive& drive) {
  const Weather& w = drive.weather;
  const uint64_t key = hash(drive.key, 0x736b79);
  const float sun_x = std::atan2(w.sun_direction.x, w.sun_direction.z), sun_y = std::asin(w.sun_direction.y);
  const float low = 1 - w.cloud_cover;
  for (int y = 0; y < height_; ++y) {
    const float elevation = (horizon_ - static_cast<float>(y)) / focal_;
    const float up = clamp01(elevation / 0.62f);
    const Color clear = mix(w.sky_low, w.sky_top, std::pow(up, 0.62f));
    // Clouds lie on a plane: towards the horizon they get smaller, flatter and paler.
    const float reach = 1 / (std::max(elevation, 0.0f) + 0.075f);
    Pixel* out = row(y);
    for (int x = 0; x < width_; ++x) {
      const float angle = (static_cast<float>(x) - static_cast<float>(width_) * 0.5f) / focal_;
      Color c = clear;
      if (elevation > 0) {
        const float px = angle * reach * 2.1f + 40, py = reach * 1.5f + 7;
        const float warp = value_noise(key + 90, px * 0.7f, py * 0.7f) * 0.8f;
        const float density = fractal_noise(key, px + warp, py + warp, 5);
        const float light = fractal_noise(key, px + warp + 0.16f, py + warp - 0.22f, 4);
        const float cover =
            smooth(low * 0.62f + 0.16f, low * 0.62f + 0.40f, density) * smooth(0, 0.06f, elevation);
        const Color cloud = mix(w.cloud_shade, w.cloud, clamp01(0.62f + (density - light) * 2.6f));
        c = mix(c, cloud, cover * 0.94f);
      }
      const float dx = angle - sun_x, dy = elevation - sun_y;
      const float glow = std::exp(-(dx * dx + dy * dy) * 9) * (w.sun.r > 0.2f ? 0.55f : 0.12f);
      c = mix(c, {255, 250, 236}, glow);
      c = mix(c, w.haze, 0.75f * std::exp(-std::max(elevation, 0.0f) * 26));
      put(out[x], c, kSky);
    }
  }
}

// Ranges of hills, far ones first: the outline is noise over the angle, the colour sinks into the haze.
void Backdrop::paint_hills(const Drive& drive) {
  const Weather& w = drive.weather;
  Dice dice(hash(drive.key, 0x68696c6c));
  const bool open = drive.layout.place == Place::Rural || drive.layout.place == Place::Highway;
  const int ranges = 3;
  for (int k = 0; k < ranges; ++k) {
    const uint64_t key = dice.bits();
    const float distance = k == 0 ? 1500.0f : k == 1 ? 700.0f : 330.0f;
    const float tall = (k == 0   ? dice.range(0.02f, 0.075f)
                        : k == 1 ? dice.range(0.012f, 0.04f)
                                 : dice.range(0.014f, 0.024f)) *
                       (open ? 1.0f : 0.8f);
    const float rough = k == 2 ? 0.42f : 0.12f;  // the nearest range is an outline of trees
    const Color green = k == 2 ? Color{58, 74, 44} : k == 1 ? Color{76, 94, 60} : Color{84, 98, 92};
    for (int x = 0; x < width_; ++x) {
      const float angle = (static_cast<float>(x) - static_cast<float>(width_) * 0.5f) / focal_ + 8;
      const float broad = fractal_noise(key, angle * (k == 2 ? 9.0f : 4.0f), 0.5f, 3);
      const float fine = fractal_noise(key + 9, angle * 90, 0.5f, 4);
      const float top = tall * ((1 - rough) * (0.25f + broad) + rough * fine) * focal_;
      const float edge = horizon_ - top;
      for (int y = std::max(0, static_cast<int>(edge)); y < height_; ++y) {
        const float down = (static_cast<float>(y) - edge) / focal_;
        const float mottle = fractal_noise(key + 33, angle * 160, static_cast<float>(y) / focal_ * 200, 3);
        Color c = green * (0.62f + 0.6f * mottle - std::min(0.12f, down * 6));
        c = through_air(w, lit(w, c, normalized({0.2f, 0.75f, -0.6f})), distance);
        const float coverage = clamp01(static_cast<float>(y) + 1 - edge);
        blend(row(y)[x], c, coverage, coverage >= 0.5f ? kVegetation : kKeep);
      }
    }
  }
}

void Backdrop::paint_skyline(const Drive& drive) {
  const Weather& w = drive.weather;
  Dice dice(hash(drive.key, 0x736b796c));
  const float span = static_cast<float>(width_) / focal_;
  const int count = drive.layout.place == Place::City ? 46 : 14;
  for (int i = 0; i < count; ++i) {
    const float depth = mixf(900, 340, static_cast<float>(i) / static_cast<float>(count));
    const float angle = dice.range(0, span), half = dice.range(0.012f, 0.04f);
    float tall = dice.range(0.02f, 0.05f);
    if (dice.chance(0.14f) && drive.layout.place == Place::City) tall *= dice.range(1.5f, 2.4f);
    const float tone = dice.range(110, 190);
    const Color base{tone, tone * dice.range(0.92f, 1.0f), tone * dice.range(0.86f, 1.02f)};
    const int x0 = std::max(0, static_cast<int>((angle - half) * focal_)),
              x1 = std::min(width_, static_cast<int>((angle + half) * focal_) + 1);
    const int y0 = std::max(0, static_cast<int>(horizon_ - tall * focal_));
    const float pitch = 0.0034f * focal_;
    for (int y = y0; y < height_; ++y)
      for (int x = x0; x < x1; ++x) {
        const float wy = static_cast<float>(y - y0) / pitch, wx = static_cast<float>(x - x0) / pitch;
        const bool window = pitch > 2 && wy - std::floor(wy) > 0.45f && wx - std::floor(wx) > 0.4f;
        Color c = lit(w, base * (window ? 0.72f : 1.0f), normalized({0.3f, 0.2f, -0.9f}));
        put(row(y)[x], through_air(w, c, depth), kBuilding);
      }
  }
}

// Bilinear look-ups with one fraction a frame where the strip has the frame's resolution; labels from the
// nearest texel.
void Backdrop::paint(const View& view, Canvas& canvas) const {
  const int rows = std::min(canvas.height, static_cast<int>(view.horizon + 0.005f * view.focal) + 2);
  const float x_origin = static_cast<float>(width_) * 0.5f + view.heading * focal_ - view.centre_x * scale_;
  const float x_start = std::clamp(x_origin + 0.5f * scale_ - 0.5f, 0.0f, static_cast<float>(width_ - 2));
  const auto step = static_cast<int64_t>(scale_ * 65536);
  std::vector<Pixel> line(static_cast<size_t>(width_));
  for (int y = 0; y < rows; ++y) {
    const float ty = std::clamp(horizon_ + (static_cast<float>(y) + 0.5f - view.horizon) * scale_ - 0.5f,
                                0.0f, static_cast<float>(height_ - 2));
    const int y0 = static_cast<int>(ty);
    const int fy = static_cast<int>((ty - static_cast<float>(y0)) * 256);
    const Pixel* a = strip_.data() + static_cast<size_t>(y0) * static_cast<size_t>(width_);
    const Pixel* b = a + width_;
    const Pixel* near = fy < 128 ? a : b;
    const int first = static_cast<int>(x_start);
    const int last =
        std::min(width_, first + static_cast<int>((static_cast<int64_t>(canvas.width) * step) >> 16) + 3);
    for (int x = first; x < last; ++x) {
      auto& l = line[static_cast<size_t>(x)];
      l.r = static_cast<uint8_t>((a[x].r * (256 - fy) + b[x].r * fy) >> 8);
      l.g = static_cast<uint8_t>((a[x].g * (256 - fy) + b[x].g * fy) >> 8);
      l.b = static_cast<uint8_t>((a[x].b * (256 - fy) + b[x].b * fy) >> 8);
      l.label = near[x].label;
    }
    int64_t position = static_cast<int64_t>(static_cast<double>(x_start) * 65536);
    Pixel* out = canvas.row(y);
    const int64_t limit = static_cast<int64_t>(width_ - 2) << 16;
    for (int x = 0; x < canvas.width; ++x, position += step) {
      const int64_t p = std::min(position, limit);
      const auto i = static_cast<size_t>(p >> 16);
      const int f = static_cast<int>(p >> 8) & 255;
      const Pixel l = line[i], r = line[i + 1];
      out[x].r = static_cast<uint8_t>((l.r * (256 - f) + r.r * f) >> 8);
      out[x].g = static_cast<uint8_t>((l.g * (256 - f) + r.g * f) >> 8);
      out[x].b = static_cast<uint8_t>((l.b * (256 - f) + r.b * f) >> 8);
      out[x].label = f < 128 ? l.label : r.label;
    }
  }
}

}  // namespace anomaly::scene
