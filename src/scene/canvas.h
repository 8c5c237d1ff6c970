// SPDX-License-Identifier: LGPL-2.1-or-later
// The picture while it is painted, far things first, and the anti-aliased shapes it is painted with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "src/scene/noise.h"

namespace anomaly::scene {

// Cityscapes train ids.
enum Label : uint8_t {
  kRoad,
  kSidewalk,
  kBuilding,
  kWall,
  kFence,
  kPole,
  kTrafficLight,
  kTrafficSign,
  kVegetation,
  kTerrain,
  kSky,
  kPerson,
  kRider,
  kCar,
  kTruck,
  kBus,
  kTrain,
  kMotorcycle,
  kBicycle,
  kAnomaly = 128,  // kAnomaly + k: the k-th anomaly of the frame
  kKeep = 254,     // paint the colour, leave the label: shadows
};

// Of pixel (x, y) in rows of `width`.
inline size_t raster_index(int x, int y, int width) {
  return static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x);
}

struct Color {
  float r = 0, g = 0, b = 0;  // 0..255, display-referred
};
inline Color operator*(Color c, float k) {
  return {c.r * k, c.g * k, c.b * k};
}
inline Color operator*(Color a, Color b) {
  return {a.r * b.r, a.g * b.g, a.b * b.b};
}
inline Color operator+(Color a, Color b) {
  return {a.r + b.r, a.g + b.g, a.b + b.b};
}
inline Color mix(Color a, Color b, float t) {
  return {mixf(a.r, b.r, t), mixf(a.g, b.g, t), mixf(a.b, b.b, t)};
}

struct Pixel {
  uint8_t r, g, b, label;
};

struct Vec2 {
  float x = 0, y = 0;
};

inline uint8_t to_byte(float v) {
  const float whole = std::min(std::max(v, 0.0f), 255.0f) + 0.5f;
  return static_cast<uint8_t>(whole);  // rounded: faster than lround, and no negative value comes here
}

struct Canvas {
  int width = 0, height = 0;
  std::vector<Pixel> pixels;

  Pixel* row(int y) { return pixels.data() + static_cast<size_t>(y) * static_cast<size_t>(width); }
};

inline void put(Pixel& p, Color c, Label label) {
  p.r = to_byte(c.r);
  p.g = to_byte(c.g);
  p.b = to_byte(c.b);
  if (label != kKeep) p.label = label;
}

// `label` = kKeep where the shape does not hold the pixel's centre: a pixel belongs to the foremost thing
// there, also where that is made of slivers none of which covers half of it.
inline void blend(Pixel& p, Color c, float coverage, Label label) {
  p.r = to_byte(mixf(p.r, c.r, coverage));
  p.g = to_byte(mixf(p.g, c.g, coverage));
  p.b = to_byte(mixf(p.b, c.b, coverage));
  if (label != kKeep) p.label = label;
}

// A range of pixel centres clipped to the canvas: first and one past the last.
inline int clip_low(float v) {
  return v <= 0 ? 0 : v > 1e6f ? 1000000 : static_cast<int>(std::ceil(v));
}
inline int clip_high(float v, int size) {
  return v >= static_cast<float>(size) ? size : v < 0 ? 0 : static_cast<int>(v) + 1;
}

// Convex polygon of at most 16 corners, either winding; `softness` = width of its edge in pixels (1 = plain
// anti-aliasing). Coverage is 1 minus what each edge cuts off, so slivers thinner than a pixel fade instead
// of sparkle. shade(x, y) -> Color, called for covered pixels only.
template <typename Shade>
void fill_polygon(Canvas& canvas, const Vec2* corners, int n, float softness, float opacity, Label label,
                  Shade shade) {
  if (n < 3 || n > 16) return;
  float area = 0, low_x = corners[0].x, high_x = low_x, low_y = corners[0].y, high_y = low_y;
  for (int i = 0; i < n; ++i) {
    const Vec2 a = corners[i], b = corners[(i + 1) % n];
    area += a.x * b.y - b.x * a.y;
    low_x = std::min(low_x, a.x), high_x = std::max(high_x, a.x);
    low_y = std::min(low_y, a.y), high_y = std::max(high_y, a.y);
  }
  const float pad = 0.5f * softness;
  if (!(std::abs(area) > 1e-6f) || high_x + pad < 0 || low_x - pad > static_cast<float>(canvas.width)) return;
  struct Edge {
    float a, b, c;
  } edges[16];
  int m = 0;
  for (int i = 0; i < n; ++i) {
    const Vec2 p = corners[i], q = corners[(i + 1) % n];
    float ex = q.x - p.x, ey = q.y - p.y;
    const float length = std::sqrt(ex * ex + ey * ey);
    if (length < 1e-5f) continue;
    const float k = (area > 0 ? 1.0f : -1.0f) / (length * softness);
    edges[m++] = {-ey * k, ex * k, (ey * p.x - ex * p.y) * k};
  }
  const int y0 = clip_low(low_y - pad - 0.5f), y1 = clip_high(high_y + pad - 0.5f, canvas.height);
  for (int y = y0; y < y1; ++y) {
    const float yc = static_cast<float>(y) + 0.5f;
    float low = low_x - pad, high = high_x + pad, inner_low = low, inner_high = high;
    for (int e = 0; e < m; ++e) {
      const float rest = edges[e].b * yc + edges[e].c, a = edges[e].a;
      if (a > 1e-7f) {
        low = std::max(low, (-0.5f - rest) / a);
        inner_low = std::max(inner_low, (0.5f - rest) / a);
      } else if (a < -1e-7f) {
        high = std::min(high, (-0.5f - rest) / a);
        inner_high = std::min(inner_high, (0.5f - rest) / a);
      } else {
        if (rest < -0.5f) high = low - 2;
        if (rest < 0.5f) inner_high = inner_low - 2;
      }
    }
    const int x0 = clip_low(low - 0.5f), x1 = clip_high(high - 0.5f, canvas.width);
    int i0 = clip_low(inner_low - 0.5f), i1 = clip_high(inner_high - 0.5f, canvas.width);
    if (!(inner_high > inner_low) || i1 <= i0) i0 = i1 = x1;
    Pixel* row = canvas.row(y);
    auto edge_run = [&](int from, int to) {
      for (int x = from; x < to; ++x) {
        const float xc = static_cast<float>(x) + 0.5f;
        float coverage = 1, nearest = 1;
        for (int e = 0; e < m; ++e) {
          const float d = edges[e].a * xc + edges[e].b * yc + edges[e].c + 0.5f;
          if (d < 1) coverage -= 1 - std::max(d, 0.0f), nearest = std::min(nearest, d);
        }
        const bool centre = nearest >= 0.5f;
        if (coverage > 0.004f || centre)
          blend(row[x], shade(x, y), std::max(coverage, 0.0f) * opacity, centre ? label : kKeep);
      }
    };
    edge_run(x0, std::min(i0, x1));
    if (opacity >= 1)
      for (int x = i0; x < std::min(i1, x1); ++x) put(row[x], shade(x, y), label);
    else
      for (int x = i0; x < std::min(i1, x1); ++x) blend(row[x], shade(x, y), opacity, label);
    edge_run(std::max(i0, std::min(i1, x1)), x1);
  }
}

// Ellipse turned by the unit vector `axis` (direction of rx). shade(x, y, dx, dy) -> Color with dx, dy in
// [-1, 1] from the centre along the axes.
template <typename Shade>
void fill_ellipse(Canvas& canvas, Vec2 centre, float rx, float ry, Vec2 axis, float softness, float opacity,
                  Label label, Shade shade) {
  if (!(rx > 0.02f) || !(ry > 0.02f)) return;
  const float pad = 0.5f * softness;
  const float ex = std::sqrt(rx * rx * axis.x * axis.x + ry * ry * axis.y * axis.y) + pad;
  const float ey = std::sqrt(rx * rx * axis.y * axis.y + ry * ry * axis.x * axis.x) + pad;
  const int x0 = clip_low(centre.x - ex - 0.5f), x1 = clip_high(centre.x + ex - 0.5f, canvas.width);
  const int y0 = clip_low(centre.y - ey - 0.5f), y1 = clip_high(centre.y + ey - 0.5f, canvas.height);
  const float thin = std::min(1.0f, 2 * std::min(rx, ry) / softness);
  for (int y = y0; y < y1; ++y) {
    Pixel* row = canvas.row(y);
    for (int x = x0; x < x1; ++x) {
      const float px = static_cast<float>(x) + 0.5f - centre.x, py = static_cast<float>(y) + 0.5f - centre.y;
      const float dx = (px * axis.x + py * axis.y) / rx, dy = (py * axis.x - px * axis.y) / ry;
      const float q = dx * dx + dy * dy;
      // First-order distance to the outline: (1 - q) / |gradient|.
      const float gx = dx / rx, gy = dy / ry;
      const float gradient = 2 * std::sqrt(gx * gx + gy * gy) + 1e-6f;
      const float coverage = clamp01((1 - q) / (gradient * softness) + 0.5f) * thin;
      if (coverage > 0.004f) blend(row[x], shade(x, y, dx, dy), coverage * opacity, q <= 1 ? label : kKeep);
    }
  }
}

// Line with round ends whose radius goes from ra to rb. shade(along, across) -> Color: along in [0, 1],
// across in
// [-1, 1].
template <typename Shade>
void fill_capsule(Canvas& canvas, Vec2 a, float ra, Vec2 b, float rb, Label label, Shade shade) {
  const float pad = std::max(ra, rb) + 0.5f;
  if (!(pad < 1e5f)) return;
  const int x0 = clip_low(std::min(a.x, b.x) - pad - 0.5f),
            x1 = clip_high(std::max(a.x, b.x) + pad - 0.5f, canvas.width);
  const int y0 = clip_low(std::min(a.y, b.y) - pad - 0.5f),
            y1 = clip_high(std::max(a.y, b.y) + pad - 0.5f, canvas.height);
  const float dx = b.x - a.x, dy = b.y - a.y;
  const float length2 = dx * dx + dy * dy, length = std::sqrt(length2);
  const float inverse2 = length2 > 1e-6f ? 1 / length2 : 0, inverse = length > 1e-3f ? 1 / length : 0;
  for (int y = y0; y < y1; ++y) {
    Pixel* row = canvas.row(y);
    for (int x = x0; x < x1; ++x) {
      const float px = static_cast<float>(x) + 0.5f - a.x, py = static_cast<float>(y) + 0.5f - a.y;
      const float t = clamp01((px * dx + py * dy) * inverse2);
      const float r = mixf(ra, rb, t);
      const float qx = px - t * dx, qy = py - t * dy;
      const float d2 = qx * qx + qy * qy;
      if (d2 >= (r + 0.5f) * (r + 0.5f)) continue;
      const float d = std::sqrt(d2);
      const float coverage = clamp01(std::min(r, d + 0.5f) - std::max(-r, d - 0.5f));
      if (coverage <= 0.004f) continue;
      const float across = (px * dy - py * dx) * inverse / std::max(r, 0.3f);
      blend(row[x], shade(t, std::clamp(across, -1.0f, 1.0f)), coverage, d <= r ? label : kKeep);
    }
  }
}

}  // namespace anomaly::scene
