// SPDX-License-Identifier: LGPL-2.1-or-later
// An upright plane between two points of the ground. The camera does not roll, so a column of pixels lies at
// one distance and one place along the plane: what depends on it is computed once a column.
#pragma once

#include <vector>

#include "src/scene/stage.h"

namespace anomaly::scene {

struct Column {
  float z;      // metres ahead
  float along;  // metres from the first point
  float metre;  // metres a pixel
  float smear;  // metres of the plane a pixel is wide
  float cover;  // of the column by the plane, 0..1
  float air;    // haze
};

// low, high: metres. prepare(Column) -> a value of any type, kept for the column; shade(Column, height,
// Color& out, that value) -> opacity in [0, 1]; out is not yet hazy. Rows are gone through from above.
template <typename Prepare, typename Shade>
void fill_upright(const Stage& stage, Vec3 a, Vec3 b, float low, float high, Label label, Prepare prepare,
                  Shade shade) {
  const View& v = stage.view;
  Canvas& canvas = stage.canvas;
  float from = 0, to = std::sqrt((b.x - a.x) * (b.x - a.x) + (b.z - a.z) * (b.z - a.z));
  if (to < 1e-4f) return;
  if (a.z < kNear && b.z < kNear) return;
  if (a.z < kNear || b.z < kNear) {
    const float t = (kNear - a.z) / (b.z - a.z);
    const Vec3 cut{mixf(a.x, b.x, t), 0, kNear};
    if (a.z < kNear)
      from += (to - from) * t, a = cut;
    else
      to = from + (to - from) * t, b = cut;
  }
  float xa = v.centre_x + a.x * v.focal / a.z, xb = v.centre_x + b.x * v.focal / b.z;
  if (xa > xb) std::swap(xa, xb), std::swap(a, b), std::swap(from, to);
  if (!(xb - xa > 0.02f)) return;
  const int x0 = clip_low(xa - 1), x1 = clip_high(xb, canvas.width);
  if (x0 >= x1) return;
  using State = decltype(prepare(std::declval<const Column&>()));
  static thread_local std::vector<Column> columns;
  static thread_local std::vector<State> states;
  columns.clear();
  states.clear();
  const float ia = 1 / a.z, ib = 1 / b.z, span = 1 / (xb - xa);
  for (int x = x0; x < x1; ++x) {
    const float xc = static_cast<float>(x) + 0.5f;
    const float t = clamp01((xc - xa) * span), iz = mixf(ia, ib, t), z = 1 / iz;
    Column c;
    c.z = z;
    c.along = (from * ia * (1 - t) + to * ib * t) * z;
    c.metre = z / v.focal;
    c.smear = std::abs(to - from) * ia * ib * z * z * span;
    c.cover = clamp01(std::min(xc + 0.5f, xb) - std::max(xc - 0.5f, xa));
    c.air = haze_at(stage.drive.weather, z);
    columns.push_back(c);
    states.push_back(prepare(c));
  }
  const Color haze = stage.drive.weather.haze;
  auto row_of = [&](float height, float z) { return v.horizon - (height - v.height) * v.focal / z; };
  const float top = std::min(row_of(high, a.z), row_of(high, b.z)),
              bottom = std::max(row_of(low, a.z), row_of(low, b.z));
  const int y0 = clip_low(top - 1), y1 = clip_high(bottom, canvas.height);
  for (int y = y0; y < y1; ++y) {
    const float above = v.horizon - static_cast<float>(y) - 0.5f;
    Pixel* row = canvas.row(y);
    for (int x = x0; x < x1; ++x) {
      const Column& c = columns[static_cast<size_t>(x - x0)];
      const float height = above * c.metre + v.height;
      const float half = 0.5f * c.metre;
      if (height > high + half || height < low - half) continue;
      float cover = c.cover;
      if (height > high - half) cover *= (high + half - height) / c.metre;
      if (height < low + half) cover *= (height - low + half) / c.metre;
      Color color;
      cover *= shade(c, height, color, states[static_cast<size_t>(x - x0)]);
      if (cover <= 0.004f) continue;
      color = mix(color, haze, c.air);
      if (cover >= 0.996f)
        put(row[x], color, label);
      else
        blend(row[x], color, cover, cover >= 0.5f ? label : kKeep);
    }
  }
}

// Part of [x - w/2, x + w/2] inside [a, b].
inline float band(float x, float w, float a, float b) {
  const float half = 0.5f * w;
  return clamp01((std::min(x + half, b) - std::max(x - half, a)) / w);
}

}  // namespace anomaly::scene
