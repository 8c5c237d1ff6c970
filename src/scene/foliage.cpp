// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/foliage.h"

#include <algorithm>
#include <cmath>

namespace anomaly::scene {
namespace {
constexpr int kRows = 256;
constexpr int kEach = 3;  // sprites of a kind

}  // namespace

Foliage::Foliage(const Drive& drive) {
  for (Kind kind : {kTree, kConifer, kBush})
    for (uint64_t i = 0; i < kEach; ++i)
      sprites_.push_back(grow(drive, kind, hash(drive.key, 0x74726565 + i, kind)));
}

Foliage::Sprite Foliage::grow(const Drive& drive, Kind kind, uint64_t key) {
  Dice dice(key);
  Sprite sprite;
  sprite.kind = kind;
  sprite.aspect = kind == kTree ? dice.range(0.66f, 0.9f) : kind == kConifer ? 0.5f : 1.5f;
  const int h = kRows, w = static_cast<int>(kRows * sprite.aspect);
  Canvas paint{w, h, std::vector<Pixel>(raster_index(0, h, w), Pixel{0, 0, 0, 0})};
  std::vector<float> alpha(raster_index(0, h, w), 0.0f);
  const Weather& weather = drive.weather;
  const float fw = static_cast<float>(w), fh = static_cast<float>(h);
  // Paints one disc; keeps coverage beside the colour.
  auto dab = [&](float cx, float cy, float r, Color c, Label label) {
    for (int y = std::max(0, static_cast<int>(cy - r - 1)); y < std::min(h, static_cast<int>(cy + r + 2));
         ++y)
      for (int x = std::max(0, static_cast<int>(cx - r - 1)); x < std::min(w, static_cast<int>(cx + r + 2));
           ++x) {
        const float dx = static_cast<float>(x) + 0.5f - cx, dy = static_cast<float>(y) + 0.5f - cy;
        const float cover = clamp01(r - std::sqrt(dx * dx + dy * dy) + 0.5f);
        if (cover <= 0) continue;
        const size_t i = raster_index(x, y, w);
        Pixel& p = paint.pixels[i];
        if (alpha[i] <= 0)
          put(p, c, label);
        else
          blend(p, c, cover, label);
        alpha[i] = alpha[i] + (1 - alpha[i]) * cover;
      }
  };
  auto limb = [&](float x0, float y0, float r0, float x1, float y1, float r1, Color c) {
    const int n = 4 + static_cast<int>(std::hypot(x1 - x0, y1 - y0));
    for (int k = 0; k <= n; ++k) {
      const float t = static_cast<float>(k) / static_cast<float>(n);
      const float r = mixf(r0, r1, t);
      for (int side = -2; side <= 2; ++side) {
        const float off = static_cast<float>(side) * 0.4f;
        const Vec3 normal = normalized({off, 0.2f, -0.8f});
        dab(mixf(x0, x1, t) + off * r, mixf(y0, y1, t), r * 0.5f,
            lit(weather, c * dice.range(0.85f, 1.1f), normal), kVegetation);
      }
    }
  };
  static const Color greens[] = {{62, 88, 36}, {74, 96, 42}, {54, 78, 40}, {88, 100, 44}, {96, 96, 46}};
  Color leaf = greens[dice.pick(5)] * dice.range(0.9f, 1.15f);
  if (unit(hash(drive.key, 0x66616c6c)) < 0.18f)
    leaf = dice.chance(0.5f) ? Color{150, 108, 40} : Color{138, 78, 36};  // autumn
  if (kind == kConifer) leaf = Color{44, 66, 44} * dice.range(0.85f, 1.1f);
  const Color bark = Color{92, 78, 64} * dice.range(0.8f, 1.1f);

  struct Clump {
    float x, y, z, r;
  };
  std::vector<Clump> clumps;
  if (kind == kTree) {
    const float trunk_top = fh * 0.60f;
    const float lean = dice.range(-0.03f, 0.03f) * fw;
    limb(fw * 0.5f, fh - 1, fh * 0.022f, fw * 0.5f + lean, trunk_top, fh * 0.014f, bark);
    for (int k = 0; k < 5; ++k)
      limb(fw * 0.5f + lean, fh * dice.range(0.62f, 0.72f), fh * 0.010f, fw * dice.range(0.22f, 0.78f),
           fh * dice.range(0.3f, 0.5f), fh * 0.004f, bark);
    const int n = 15 + dice.pick(9);
    for (int k = 0; k < n; ++k) {
      const float a = dice.range(0, 6.283f), d = std::sqrt(dice.roll());
      clumps.push_back({fw * (0.5f + 0.34f * d * std::cos(a)), fh * (0.36f + 0.24f * d * std::sin(a)),
                        dice.range(-1, 1) * std::sqrt(1 - d * d * 0.9f), fh * dice.range(0.085f, 0.15f)});
    }
  } else if (kind == kConifer) {
    limb(fw * 0.5f, fh - 1, fh * 0.016f, fw * 0.5f, fh * 0.2f, fh * 0.005f, bark);
    const int n = 46;
    for (int k = 0; k < n; ++k) {
      const float t = static_cast<float>(k) / static_cast<float>(n), y = mixf(0.06f, 0.88f, t);
      const float reach = 0.42f * std::pow(t, 0.8f);
      clumps.push_back(
          {fw * (0.5f + reach * dice.range(-1, 1)), fh * y, dice.range(-1, 1), fh * mixf(0.02f, 0.06f, t)});
    }
  } else {
    for (int k = 0; k < 16; ++k)
      clumps.push_back({fw * dice.range(0.16f, 0.84f), fh * dice.range(0.42f, 0.86f), dice.range(-1, 1),
                        fh * dice.range(0.13f, 0.24f)});
  }
  std::stable_sort(clumps.begin(), clumps.end(), [](const Clump& a, const Clump& b) { return a.z < b.z; });
  const float crown_low = kind == kTree ? 0.66f : 0.95f;
  for (const Clump& c : clumps) {
    const int leaves = static_cast<int>(c.r * c.r * (kind == kConifer ? 1.1f : 0.42f));
    for (int k = 0; k < leaves; ++k) {
      const float a = dice.range(0, 6.283f), d = std::sqrt(dice.roll()) * (1 + 0.16f * dice.roll());
      const float dx = d * std::cos(a), dy = d * std::sin(a) * (kind == kConifer ? 0.6f : 1.0f);
      const float depth = std::sqrt(std::max(0.0f, 1 - std::min(1.0f, d * d)));
      const Vec3 normal = normalized(
          {dx * 0.9f + dice.range(-0.4f, 0.4f), -dy * 0.9f + 0.25f + dice.range(-0.4f, 0.4f), -depth});
      // Leaves inside and below get less of the sky.
      const float open = mixf(0.50f, 1.12f, clamp01(0.5f + 0.5f * c.z)) *
                         mixf(1.08f, 0.62f, clamp01((c.y + dy * c.r) / (fh * crown_low)));
      const Color col = lit(weather, leaf * (open * dice.range(0.72f, 1.28f)), normal);
      dab(c.x + dx * c.r, std::min(c.y + dy * c.r, fh - 2), dice.range(0.9f, 2.1f), col, kVegetation);
    }
  }

  Sprite::Level level{w, h, std::vector<Texel>(raster_index(0, h, w)), {}, {}};
  for (size_t i = 0; i < level.texels.size(); ++i) {
    const Pixel p = paint.pixels[i];
    const auto a = static_cast<uint32_t>(to_byte(alpha[i] * 255));
    level.texels[i] = p.r * a / 255 | p.g * a / 255 << 8 | p.b * a / 255 << 16 | a << 24;
  }
  while (true) {
    for (int y = 0; y < level.height; ++y) {
      const Texel* row = level.texels.data() + static_cast<size_t>(y) * static_cast<size_t>(level.width);
      int first = 0, last = level.width;
      while (first < last && row[first] == 0) ++first;
      while (last > first && row[last - 1] == 0) --last;
      level.first.push_back(first);
      level.last.push_back(last);
    }
    sprite.levels.push_back(level);
    const Sprite::Level& big = sprite.levels.back();
    if (big.width < 8 || big.height < 8) break;
    Sprite::Level small{big.width / 2, big.height / 2, {}, {}, {}};
    for (int y = 0; y < small.height; ++y)
      for (int x = 0; x < small.width; ++x) {
        uint32_t even = 0x00020002, odd = 0x00020002;  // sums of two bytes each, rounded
        for (int k = 0; k < 4; ++k) {
          const Texel t = big.texels[raster_index(2 * x + k % 2, 2 * y + k / 2, big.width)];
          even += t & 0x00ff00ff;
          odd += t >> 8 & 0x00ff00ff;
        }
        small.texels.push_back((even >> 2 & 0x00ff00ff) | (odd >> 2 & 0x00ff00ff) << 8);
      }
    level = std::move(small);
  }
  return sprite;
}

namespace {

// a + (b - a) * f / 256 of four bytes at once.
inline uint32_t between(uint32_t a, uint32_t b, uint32_t f) {
  const uint32_t even = ((a & 0x00ff00ff) * (256 - f) + (b & 0x00ff00ff) * f) >> 8 & 0x00ff00ff;
  const uint32_t odd = ((a >> 8 & 0x00ff00ff) * (256 - f) + (b >> 8 & 0x00ff00ff) * f) & 0xff00ff00;
  return even | odd;
}

}  // namespace

void Foliage::draw(const Stage& stage, const Pose& pose, Kind kind, float height, uint64_t key) const {
  const Vec3 foot = stage.place(pose, {0, 0, 0});
  if (foot.z < 1.2f) return;
  const Projected p = stage.view.project(foot);
  const Sprite& sprite =
      sprites_[static_cast<size_t>(kind) * kEach + static_cast<size_t>(hash(key, 3) % kEach)];
  const bool flip = hash(key, 4) & 1;
  const float rows = height * p.scale, columns = rows * sprite.aspect;
  if (rows < 1) return;
  size_t level = 0;
  while (level + 1 < sprite.levels.size() && static_cast<float>(sprite.levels[level].height) > 1.4f * rows)
    ++level;
  const Sprite::Level& tex = sprite.levels[level];
  const float left = p.at.x - columns / 2, top = p.at.y - rows;
  const float kx = static_cast<float>(tex.width) / columns, ky = static_cast<float>(tex.height) / rows;
  Canvas& canvas = stage.canvas;
  const int y0 = clip_low(top - 0.5f), y1 = clip_high(p.at.y - 0.5f, canvas.height);
  const Weather& w = stage.drive.weather;
  const float air = haze_at(w, foot.z), tone = 0.86f + 0.28f * unit(hash(key, 5));
  const auto keep = static_cast<int>((1 - air) * tone * 256);
  const int hr = static_cast<int>(w.haze.r * air * 256), hg = static_cast<int>(w.haze.g * air * 256),
            hb = static_cast<int>(w.haze.b * air * 256);
  const float wide = static_cast<float>(tex.width);
  const auto step = static_cast<int32_t>(kx * 65536) * (flip ? -1 : 1);
  const int32_t limit = (tex.width - 1) * 65536 - 1;
  for (int y = y0; y < y1; ++y) {
    const float ty = std::clamp((static_cast<float>(y) + 0.5f - top) * ky - 0.5f, 0.0f,
                                static_cast<float>(tex.height) - 1.001f);
    const int iy = static_cast<int>(ty);
    const auto fy = static_cast<uint32_t>((ty - static_cast<float>(iy)) * 256);
    const Texel* a = tex.texels.data() + static_cast<size_t>(iy) * static_cast<size_t>(tex.width);
    const Texel* b = a + tex.width;
    // Only where one of the two rows is not clear.
    const auto i = static_cast<size_t>(iy);
    const int first = std::min(tex.first[i], tex.first[i + 1]), last = std::max(tex.last[i], tex.last[i + 1]);
    if (first >= last) continue;
    const float from = flip ? wide - static_cast<float>(last) : static_cast<float>(first);
    const float to = flip ? wide - static_cast<float>(first) : static_cast<float>(last);
    const int x0 = clip_low(left + (from - 1) / kx - 0.5f),
              x1 = clip_high(left + (to + 1) / kx - 0.5f, canvas.width);
    float tx = (static_cast<float>(x0) + 0.5f - left) * kx - 0.5f;
    if (flip) tx = wide - 1 - tx;
    auto at = static_cast<int32_t>(tx * 65536);
    Pixel* row = canvas.row(y);
    for (int x = x0; x < x1; ++x, at += step) {
      const int32_t position = std::clamp(at, 0, limit);
      const int ix = position >> 16;
      const auto fx = static_cast<uint32_t>(position >> 8 & 255);
      const uint32_t t = between(between(a[ix], a[ix + 1], fx), between(b[ix], b[ix + 1], fx), fy);
      const int opacity = static_cast<int>(t >> 24);
      if (opacity < 2) continue;
      const int clear = 256 - opacity - (opacity >> 7);
      Pixel& q = row[x];
      const int hazy = opacity + (opacity >> 7);
      const int red = (q.r * clear + static_cast<int>(t & 255) * keep + (hr * hazy >> 8)) >> 8;
      const int green = (q.g * clear + static_cast<int>(t >> 8 & 255) * keep + (hg * hazy >> 8)) >> 8;
      const int blue = (q.b * clear + static_cast<int>(t >> 16 & 255) * keep + (hb * hazy >> 8)) >> 8;
      q.r = static_cast<uint8_t>(std::min(red, 255));
      q.g = static_cast<uint8_t>(std::min(green, 255));
      q.b = static_cast<uint8_t>(std::min(blue, 255));
      if (opacity >= 128) q.label = kVegetation;
    }
  }
}

}  // namespace anomaly::scene
