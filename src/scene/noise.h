// SPDX-License-Identifier: LGPL-2.1-or-later
// Hash-based randomness. No std::random distributions: they differ between standard libraries, and any frame
// must be computable without those before it.
#pragma once

#include <cmath>
#include <cstdint>

namespace anomaly::scene {

// The finaliser of SplitMix64.
inline uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}
inline uint64_t hash(uint64_t a, uint64_t b) {
  return mix(a ^ mix(b));
}
inline uint64_t hash(uint64_t a, uint64_t b, uint64_t c) {
  return hash(hash(a, b), c);
}
inline float unit(uint64_t h) {
  return static_cast<float>(h >> 40) * (1.0f / 16777216.0f);
}  // [0, 1)

// A short stream of random numbers from one key.
class Dice {
 public:
  explicit Dice(uint64_t key) : state_(key) {}
  uint64_t bits() { return mix(state_++); }
  float roll() { return unit(bits()); }  // [0, 1)
  float range(float low, float high) { return low + (high - low) * roll(); }
  int pick(int n) { return static_cast<int>((bits() >> 33) % static_cast<uint64_t>(n)); }  // 0..n-1
  bool chance(float p) { return roll() < p; }

 private:
  uint64_t state_;
};

inline float clamp01(float x) {
  return x < 0 ? 0 : x > 1 ? 1 : x;
}
inline float mixf(float a, float b, float t) {
  return a + (b - a) * t;
}
inline float smooth(float low, float high, float x) {
  const float t = clamp01((x - low) / (high - low));
  return t * t * (3 - 2 * t);
}
inline int floor_int(float x) {
  const int i = static_cast<int>(x);
  return i - (static_cast<float>(i) > x);
}

// Value noise in [0, 1], smooth, period `period` lattice cells in both directions (0 = none).
inline float value_noise(uint64_t key, float x, float y, int period = 0) {
  const int xi = floor_int(x), yi = floor_int(y);
  float fx = x - static_cast<float>(xi), fy = y - static_cast<float>(yi);
  fx = fx * fx * (3 - 2 * fx);
  fy = fy * fy * (3 - 2 * fy);
  auto at = [&](int i, int j) {
    if (period) i = ((i % period) + period) % period, j = ((j % period) + period) % period;
    return unit(hash(key, static_cast<uint64_t>(static_cast<uint32_t>(i)),
                     static_cast<uint64_t>(static_cast<uint32_t>(j))));
  };
  return mixf(mixf(at(xi, yi), at(xi + 1, yi), fx), mixf(at(xi, yi + 1), at(xi + 1, yi + 1), fx), fy);
}

// Sum of `octaves` octaves of value noise, scaled back to [0, 1].
inline float fractal_noise(uint64_t key, float x, float y, int octaves, int period = 0) {
  float sum = 0, amplitude = 0.5f, total = 0;
  for (int o = 0; o < octaves; ++o) {
    sum += amplitude * value_noise(key + static_cast<uint64_t>(o), x, y, period);
    total += amplitude;
    amplitude *= 0.5f;
    x *= 2;
    y *= 2;
    period *= 2;
  }
  return sum / total;
}

}  // namespace anomaly::scene
