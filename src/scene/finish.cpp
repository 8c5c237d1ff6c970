// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/finish.h"

#include <algorithm>
#include <cmath>

namespace anomaly::scene {
namespace {
constexpr size_t kNoise = 1 << 16;
}

Finish::Finish(const Drive& drive) : key_(hash(drive.key, 0x66696e69)) {
  const auto w = static_cast<size_t>(drive.options.width), h = static_cast<size_t>(drive.options.height);
  noise_.resize(kNoise + 3 * w);
  for (size_t i = 0; i < noise_.size(); ++i) {
    // The sum of four uniform numbers is normal enough; its variance is 1/3.
    const uint64_t bits = hash(key_, i);
    float sum = -2;
    for (int k = 0; k < 4; ++k) sum += static_cast<float>((bits >> (16 * k)) & 0xffff) / 65536.0f;
    noise_[i] =
        static_cast<int8_t>(std::clamp(std::lround(sum * 1.7320508f * drive.weather.noise), -40L, 40L));
  }
  auto fall = [](size_t i, size_t n) {
    const float d = (static_cast<float>(i) + 0.5f) / static_cast<float>(n) * 2 - 1;
    return static_cast<uint16_t>(5200 * d * d);
  };
  for (size_t x = 0; x < w; ++x) column_fall_.push_back(fall(x, w));
  for (size_t y = 0; y < h; ++y) row_fall_.push_back(fall(y, h));
}

void Finish::develop(int64_t index, const Canvas& canvas, std::vector<uint8_t>& rgb) const {
  const int w = canvas.width, h = canvas.height;
  const size_t stride = 3 * static_cast<size_t>(w);
  rgb.resize(stride * static_cast<size_t>(h));
  std::vector<uint16_t> vertical(stride);
  for (int y = 0; y < h; ++y) {
    const Pixel* up = canvas.pixels.data() + static_cast<size_t>(std::max(0, y - 1)) * static_cast<size_t>(w);
    const Pixel* here = canvas.pixels.data() + static_cast<size_t>(y) * static_cast<size_t>(w);
    const Pixel* down =
        canvas.pixels.data() + static_cast<size_t>(std::min(h - 1, y + 1)) * static_cast<size_t>(w);
    // The lens: 1 6 1 in both directions.
    for (int x = 0; x < w; ++x) {
      uint16_t* v = vertical.data() + 3 * static_cast<size_t>(x);
      v[0] = static_cast<uint16_t>(up[x].r + 6 * here[x].r + down[x].r);
      v[1] = static_cast<uint16_t>(up[x].g + 6 * here[x].g + down[x].g);
      v[2] = static_cast<uint16_t>(up[x].b + 6 * here[x].b + down[x].b);
    }
    const uint64_t place = hash(key_, static_cast<uint64_t>(index), static_cast<uint64_t>(y));
    const int8_t* noise = noise_.data() + (place & (kNoise - 1));
    uint8_t* out = rgb.data() + stride * static_cast<size_t>(y);
    const uint32_t light = 65535u - row_fall_[static_cast<size_t>(y)];
    for (int x = 0; x < w; ++x) {
      const uint32_t gain = light - column_fall_[static_cast<size_t>(x)];
      const uint16_t* v = vertical.data() + 3 * x;
      const uint16_t* left = x > 0 ? v - 3 : v;
      const uint16_t* right = x + 1 < w ? v + 3 : v;
      for (int c = 0; c < 3; ++c) {
        const uint32_t soft = (left[c] + 6u * v[c] + right[c]);  // 64 times the value
        const int value = static_cast<int>((soft * gain) >> 22) + noise[3 * x + c];
        out[3 * x + c] = static_cast<uint8_t>(std::clamp(value, 0, 255));
      }
    }
  }
}

}  // namespace anomaly::scene
