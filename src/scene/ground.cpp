// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/ground.h"

#include <algorithm>
#include <cmath>

namespace anomaly::scene {
namespace {

constexpr float kHalfWidth =
    32;                      // metres of cross-section either side; beyond it the outermost texel goes on
constexpr int kTile = 256;   // texels a side of the noise tile
constexpr float kFar = 420;  // metres; the ground beyond is one with the haze

// Part of [a, b] in which a pattern of period `period`, on for `on` from 0, is on.
double covered(double a, double b, double period, double on) {
  auto integral = [&](double x) {
    const double n = std::floor(x / period);
    return n * on + std::min(on, x - n * period);
  };
  return (integral(b) - integral(a)) / std::max(1e-9, b - a);
}

}  // namespace

Ground::Ground(const Drive& drive) : drive_(drive) {
  while (per_metre_ < 1024 && per_metre_ < drive.focal / 3.4f) per_metre_ *= 2;
  for (int p = 0; p < kProfiles; ++p) make_profile(static_cast<Profile>(p));
  make_noise();
}

Ground::Section Ground::section(float u, Profile profile) const {
  const Layout& l = drive_.layout;
  const bool highway = l.place == Place::Highway;
  const uint64_t key = hash(drive_.key, 0x67726e64);
  const float tint = unit(hash(key, 1));
  const Color asphalt = mix(Color{100, 101, 104}, Color{142, 139, 134}, tint);
  const Color grass = mix(Color{72, 88, 42}, Color{124, 122, 68}, unit(hash(key, 2)));
  const Color paving = mix(Color{148, 144, 138}, Color{172, 160, 146}, unit(hash(key, 3)));
  const Color white{218, 218, 212}, yellow{214, 172, 62};

  Section out;
  const float beyond_right = u - l.right, beyond_left = l.left - u;
  const float beyond = std::max(beyond_right, beyond_left);  // metres off the carriageway
  const bool in_median = l.median > 0 && std::abs(u) < l.median / 2;
  if (beyond > 0 || in_median) {
    float off = in_median ? l.sidewalk + 1 : beyond;
    if (l.sidewalk > 0 && off < l.sidewalk) {
      out.label = kSidewalk;
      const float slab = off / 0.5f;
      const bool joint = slab - std::floor(slab) < 0.05f;
      out.color = off < 0.16f ? Color{182, 180, 174} : paving * (joint ? 0.8f : 1.0f);
      if (off < 0.03f) out.color = out.color * 0.62f;
      out.fine = 60, out.coarse = 50;
    } else if (l.place == Place::City && off >= l.sidewalk) {
      out.label = kSidewalk;
      out.color = paving * 0.9f;
      out.fine = 60, out.coarse = 60;
    } else {
      out.label = kTerrain;
      out.color = grass;
      if (l.sidewalk <= 0 && off < 0.5f && !in_median)
        out.color = mix(Color{132, 120, 100}, grass, off / 0.5f);
      out.fine = 150, out.coarse = 110;
    }
    return out;
  }

  out.label = kRoad;
  out.color = asphalt;
  out.fine = 56, out.coarse = 22, out.sheen = 255;
  if (drive_.weather.wetness > 0) out.color = out.color * mixf(1, 0.62f, drive_.weather.wetness);
  // Wheels polish two tracks a lane; oil darkens between them.
  const float from_middle = std::abs(u) - l.median / 2;
  const int lanes = u > 0 ? l.lanes_ours : l.lanes_theirs;
  const float in_lane = from_middle / l.lane;
  if (from_middle > 0 && in_lane < static_cast<float>(lanes)) {
    const float x = (in_lane - std::floor(in_lane) - 0.5f) * l.lane;
    const float track = std::exp(-(std::abs(x) - 0.85f) * (std::abs(x) - 0.85f) * 9);
    const float oil = std::exp(-x * x * 7);
    out.color = out.color * (1 + 0.055f * track - 0.05f * oil);
  } else {
    out.color = out.color * (highway ? 0.93f : 0.96f);
  }
  // The gutter collects dust.
  const float to_edge = -beyond;
  if (l.sidewalk > 0 && to_edge < 0.35f) out.color = mix(out.color, Color{104, 98, 88}, 0.5f);

  Color paint{};
  bool painted = false;
  const float line = highway ? 0.075f : 0.06f;
  auto stripe = [&](float at, float half, Color c) {
    if (std::abs(u - at) < half) painted = true, paint = c;
  };
  if (profile != kZebra) {
    const float edge_right = l.median / 2 + static_cast<float>(l.lanes_ours) * l.lane;
    const float edge_left = -l.median / 2 - static_cast<float>(l.lanes_theirs) * l.lane;
    if (highway || l.place == Place::Rural || l.parking > 0) {
      stripe(edge_right, line, white);
      stripe(edge_left, line, white);
    }
    if (l.median > 0) {
      stripe(l.median / 2 + 0.3f, line, l.yellow ? yellow : white);
      stripe(-l.median / 2 - 0.3f, line, l.yellow ? yellow : white);
    } else if (!l.centre_dashed) {
      stripe(-0.13f, line, l.yellow ? yellow : white);
      stripe(0.13f, line, l.yellow ? yellow : white);
    } else if (profile == kDashes) {
      stripe(0, line, l.yellow ? yellow : white);
    }
    if (profile == kDashes) {
      for (int k = 1; k < l.lanes_ours; ++k)
        stripe(l.median / 2 + static_cast<float>(k) * l.lane, line, white);
      for (int k = 1; k < l.lanes_theirs; ++k)
        stripe(-l.median / 2 - static_cast<float>(k) * l.lane, line, white);
    }
    if (profile == kStopLine && u > l.median / 2 + 0.2f && u < edge_right - 0.15f)
      painted = true, paint = white;
  } else {
    const float bar = u + 40.25f;
    if (bar - std::floor(bar) < 0.5f && to_edge > 0.4f) painted = true, paint = white;
  }
  if (painted) {
    out.color = mix(out.color, paint, 0.84f);
    out.fine = 46, out.coarse = 60;
    out.sheen = 160;
  }
  return out;
}

void Ground::make_profile(Profile profile) {
  auto& levels = profiles_[profile];
  const int count = static_cast<int>(2 * kHalfWidth * per_metre_);
  struct Sum {
    Color c;
    float fine, coarse, sheen;
    uint8_t label;
  };
  std::vector<Sum> sums(static_cast<size_t>(count));
  const Weather& w = drive_.weather;
  for (int i = 0; i < count; ++i) {
    const float u = (static_cast<float>(i) + 0.5f) / per_metre_ - kHalfWidth;
    const Section s = section(u, profile);
    sums[static_cast<size_t>(i)] = {lit(w, s.color, {0, 1, 0}), s.fine, s.coarse, s.sheen * w.wetness,
                                    s.label};
  }
  while (true) {
    std::vector<Texel> level(sums.size());
    for (size_t i = 0; i < sums.size(); ++i)
      level[i] = {to_byte(sums[i].c.r),  to_byte(sums[i].c.g),    to_byte(sums[i].c.b),   sums[i].label,
                  to_byte(sums[i].fine), to_byte(sums[i].coarse), to_byte(sums[i].sheen), 0};
    levels.push_back(std::move(level));
    if (sums.size() <= 64) break;
    std::vector<Sum> half(sums.size() / 2);
    for (size_t i = 0; i < half.size(); ++i) {
      const Sum &a = sums[2 * i], &b = sums[2 * i + 1];
      half[i] = {(a.c + b.c) * 0.5f, (a.fine + b.fine) / 2, (a.coarse + b.coarse) / 2,
                 (a.sheen + b.sheen) / 2, b.label};
    }
    sums = std::move(half);
  }
}

void Ground::make_noise() {
  const uint64_t key = hash(drive_.key, 0x6e6f6973);
  std::vector<float> tile(kTile * kTile);
  for (int y = 0; y < kTile; ++y)
    for (int x = 0; x < kTile; ++x) {
      const float fx = static_cast<float>(x), fy = static_cast<float>(y);
      const float smooth_part = fractal_noise(key, fx / 32, fy / 32, 4, kTile / 32) - 0.5f;
      const float grain = unit(hash(key, static_cast<uint64_t>(x), static_cast<uint64_t>(y))) - 0.5f;
      tile[raster_index(x, y, kTile)] = 0.8f * smooth_part + 0.6f * grain;
    }
  for (int size = kTile; size >= 1; size /= 2) {
    std::vector<uint8_t> level(raster_index(0, size, size));
    for (size_t i = 0; i < level.size(); ++i)
      level[i] = to_byte(128 + 127 * std::clamp(tile[i] * 1.6f, -1.0f, 1.0f));
    noise_.push_back(std::move(level));
    const int smaller = size / 2;
    std::vector<float> half(raster_index(0, smaller, smaller));
    for (int y = 0; y < smaller; ++y)
      for (int x = 0; x < smaller; ++x)
        half[raster_index(x, y, smaller)] =
            (tile[raster_index(2 * x, 2 * y, size)] + tile[raster_index(2 * x + 1, 2 * y, size)] +
             tile[raster_index(2 * x, 2 * y + 1, size)] + tile[raster_index(2 * x + 1, 2 * y + 1, size)]) /
            4;
    tile = std::move(half);
  }
}

void Ground::paint(const View& view, Canvas& canvas) const {
  const Layout& l = drive_.layout;
  const Weather& w = drive_.weather;
  const int first =
      std::max(0, static_cast<int>(std::ceil(view.horizon - 0.5f + view.focal * view.height / kFar)));
  const double dash_period = l.place == Place::Highway ? 12 : 7.5,
               dash_on = l.place == Place::Highway ? 5 : 3;
  // Rows between the horizon and where the ground begins repeat the first row of the ground.
  for (int y = first; y < canvas.height; ++y) {
    const float below = static_cast<float>(y) + 0.5f - view.horizon;
    const float z = view.focal * view.height / below;
    const float z_near = view.focal * view.height / (below + 0.5f),
                z_far = view.focal * view.height / std::max(0.2f, below - 0.5f);
    const double s0 = view.s + static_cast<double>(z_near), s1 = view.s + static_cast<double>(z_far);
    const float du = z / view.focal;
    const float u_start = view.u - view.bend_at(z) + (0.5f - view.centre_x) * du;

    // Which cross-sections this row sees, and how much of each.
    const auto dashes = static_cast<float>(covered(s0, s1, dash_period, dash_on));
    float zebra = 0, stop = 0;
    if (l.zebra) {
      zebra = static_cast<float>(
          covered(s0 - kCrossingStart, s1 - kCrossingStart, kCrossingPeriod, kCrossingLength));
      stop = static_cast<float>(
          covered(s0 - kCrossingStart + 2.0, s1 - kCrossingStart + 2.0, kCrossingPeriod, 0.5));
    }
    Profile upper = kDashes;
    float weight = dashes;
    if (zebra > 0.01f)
      upper = kZebra, weight = zebra;
    else if (stop > 0.01f)
      upper = kStopLine, weight = stop;

    // Lateral resolution of the cross-section.
    size_t level = 0;
    float per_metre = per_metre_;
    while (level + 1 < profiles_[0].size() && du * per_metre > 1.4f) per_metre *= 0.5f, ++level;
    const auto& base = profiles_[kGaps][level];
    const auto& marked = profiles_[upper][level];
    const int mark = static_cast<int>(std::lround(weight * 256));
    const int count = static_cast<int>(base.size());

    // Noise: one tile of 3 m for the grain, one of 22 m for patches, each at the mip level of the pixel's
    // size.
    const float along = z_far - z_near, footprint = std::sqrt(along * du);
    auto noise_level = [&](float metres) {
      int k = 0;
      float texel = metres / kTile;
      while (k < 8 && footprint > 1.2f * texel) texel *= 2, ++k;
      return k;
    };
    const float tile_fine = 3, tile_coarse = 22;
    const int kf = noise_level(tile_fine), kc = noise_level(tile_coarse);
    const int size_f = kTile >> kf, size_c = kTile >> kc;
    // One line of a tile between two of its rows, 8 bits of fraction, the first texel once more at the end.
    const double s_mid = view.s + static_cast<double>(z);
    auto line_of = [&](const std::vector<uint8_t>& tile, int size, float metres,
                       std::array<int16_t, kTile + 1>& line) {
      const double t = s_mid / static_cast<double>(metres), at = (t - std::floor(t)) * size;
      const int i = static_cast<int>(at) & (size - 1), f = static_cast<int>((at - std::floor(at)) * 256);
      const uint8_t *a = tile.data() + i * size, *b = tile.data() + ((i + 1) & (size - 1)) * size;
      for (int x = 0; x < size; ++x)
        line[static_cast<size_t>(x)] = static_cast<int16_t>((a[x] * (256 - f) + b[x] * f) / 4 - 128 * 64);
      line[static_cast<size_t>(size)] = line[0];
    };
    std::array<int16_t, kTile + 1> fine, coarse;
    line_of(noise_[static_cast<size_t>(kf)], size_f, tile_fine, fine);
    line_of(noise_[static_cast<size_t>(kc)], size_c, tile_coarse, coarse);
    auto sample = [](const std::array<int16_t, kTile + 1>& line, int64_t at, int size) {
      const auto i = static_cast<size_t>((at >> 16) & (size - 1));
      const int f = static_cast<int>(at >> 8) & 255;
      return (line[i] * (256 - f) + line[i + 1] * f) >> 14;  // around 0, 127 at most
    };

    const float air = haze_at(w, z);
    const int keep = static_cast<int>((1 - air) * 65536);
    const int haze_r = static_cast<int>(w.haze.r * air * 65536),
              haze_g = static_cast<int>(w.haze.g * air * 65536),
              haze_b = static_cast<int>(w.haze.b * air * 65536);
    // A wet road mirrors the lower sky, the more the flatter one looks at it.
    const float mirror = 0.55f * std::exp(-view.height / z * 9);
    const Color sky = mix(w.sky_low, w.sky_top, 0.25f);
    const int mirror_k = static_cast<int>(mirror * 256);
    const int sky_r = static_cast<int>(sky.r), sky_g = static_cast<int>(sky.g),
              sky_b = static_cast<int>(sky.b);
    const bool wet = w.wetness > 0;

    const auto to_fixed = [](float v) { return static_cast<int64_t>(static_cast<double>(v) * 65536); };
    int64_t pu = to_fixed((u_start + kHalfWidth) * per_metre),
            pf = to_fixed((u_start + 3000) * static_cast<float>(size_f) / tile_fine),
            pc = to_fixed((u_start + 4400) * static_cast<float>(size_c) / tile_coarse);
    const int64_t du_p = to_fixed(du * per_metre),
                  du_f = to_fixed(du * static_cast<float>(size_f) / tile_fine),
                  du_c = to_fixed(du * static_cast<float>(size_c) / tile_coarse);
    Pixel* out = canvas.row(y);
    for (int x = 0; x < canvas.width; ++x, pu += du_p, pf += du_f, pc += du_c) {
      const auto i = static_cast<size_t>(std::clamp<int64_t>(pu >> 16, 0, count - 1));
      const Texel t = base[i];
      int r = t.r, g = t.g, b = t.b;
      if (mark) {
        const Texel m = marked[i];
        r += (m.r - r) * mark >> 8;
        g += (m.g - g) * mark >> 8;
        b += (m.b - b) * mark >> 8;
      }
      const int nf = sample(fine, pf, size_f), nc = sample(coarse, pc, size_c);
      const int gain = 32768 + nf * t.fine + nc * t.coarse;  // 32768 = 1
      r = r * gain >> 15;
      g = g * gain >> 15;
      b = b * gain >> 15;
      if (wet) {
        const int k = mirror_k * t.sheen >> 8;
        r += (sky_r - r) * k >> 8;
        g += (sky_g - g) * k >> 8;
        b += (sky_b - b) * k >> 8;
      }
      r = (r * keep + haze_r) >> 16;
      g = (g * keep + haze_g) >> 16;
      b = (b * keep + haze_b) >> 16;
      out[x] = {static_cast<uint8_t>(std::clamp(r, 0, 255)), static_cast<uint8_t>(std::clamp(g, 0, 255)),
                static_cast<uint8_t>(std::clamp(b, 0, 255)), t.label};
    }
  }
}

}  // namespace anomaly::scene
