// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/finish.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace anomaly::scene {
namespace {
constexpr size_t kNoise = 1 << 16;
}

Finish::Finish(const Drive& drive) : key_(hash(drive.key, 0x66696e69)) {
  const auto w = static_cast<size_t>(drive.options.width), h = static_cast<size_t>(drive.options.height);
  noise_.resize(kNoise + 4 * w);
  for (size_t i = 0; i < noise_.size(); ++i) {
    // The sum of four uniform numbers is normal enough; its variance is 1/3.
    const uint64_t bits = hash(key_, i);
    float sum = -2;
    for (int k = 0; k < 4; ++k) sum += static_cast<float>((bits >> (16 * k)) & 0xffff) / 65536.0f;
    noise_[i] =
        static_cast<int16_t>(std::clamp(std::lround(sum * 1.7320508f * drive.weather.noise), -40L, 40L));
  }
  auto fall = [](size_t i, size_t n) {
    const float d = (static_cast<float>(i) + 0.5f) / static_cast<float>(n) * 2 - 1;
    return static_cast<uint16_t>(5200 * d * d);
  };
  for (size_t x = 0; x < w; ++x) column_fall_.insert(column_fall_.end(), 4, fall(x, w));
  for (size_t y = 0; y < h; ++y) row_fall_.push_back(fall(y, h));
}

// Works on whole rows of four bytes a pixel, labels included, so that the loops are free of gaps; the labels'
// quarter of the result is dropped at the end.
void Finish::develop(int64_t index, const Canvas& canvas, std::vector<uint8_t>& rgb) const {
  const int w = canvas.width, h = canvas.height;
  const size_t n = 4 * static_cast<size_t>(w);
  rgb.resize(3 * static_cast<size_t>(w) * static_cast<size_t>(h));
  std::vector<uint16_t> vertical(n + 8);
  std::vector<uint8_t> line(n);
  const auto* bytes = reinterpret_cast<const uint8_t*>(canvas.pixels.data());
  for (int y = 0; y < h; ++y) {
    const uint8_t* up = bytes + static_cast<size_t>(std::max(0, y - 1)) * n;
    const uint8_t* here = bytes + static_cast<size_t>(y) * n;
    const uint8_t* down = bytes + static_cast<size_t>(std::min(h - 1, y + 1)) * n;
    // The lens: 1 6 1 in both directions, the outermost pixels twice.
    uint16_t* v = vertical.data() + 4;
    for (size_t i = 0; i < n; ++i) v[i] = static_cast<uint16_t>(up[i] + 6 * here[i] + down[i]);
    for (size_t i = 0; i < 4; ++i) vertical[i] = v[i], v[n + i] = v[n - 4 + i];
    const uint64_t place = hash(key_, static_cast<uint64_t>(index), static_cast<uint64_t>(y));
    const int16_t* noise = noise_.data() + (place & (kNoise - 1));
    const auto light = static_cast<uint16_t>(65535 - row_fall_[static_cast<size_t>(y)]);
    const uint16_t* fall = column_fall_.data();
    const uint16_t* left = vertical.data();
    for (size_t i = 0; i < n; ++i) {
      const auto soft = static_cast<uint16_t>((left[i] + 6 * left[i + 4] + left[i + 8]) * 4);  // value * 256
      const auto gain = static_cast<uint16_t>(light - fall[i]);
      const auto dim = static_cast<uint16_t>((static_cast<uint32_t>(soft) * gain) >> 16);
      const auto value = static_cast<int16_t>((dim >> 8) + noise[i]);
      line[i] = static_cast<uint8_t>(std::min<int16_t>(std::max<int16_t>(value, 0), 255));
    }
    uint8_t* out = rgb.data() + 3 * static_cast<size_t>(w) * static_cast<size_t>(y);
    for (int x = 0; x + 1 < w; ++x)
      std::memcpy(out + 3 * x, line.data() + 4 * x, 4);  // the next one covers the label
    std::memcpy(out + 3 * (w - 1), line.data() + n - 4, 3);
  }
}

}  // namespace anomaly::scene
