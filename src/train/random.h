// SPDX-License-Identifier: LGPL-2.1-or-later
// A small seeded generator whose numbers are the same everywhere. A training sample's generator is made from
// (seed, stage, step, position), so that a resumed run draws what an uninterrupted one would have drawn.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace anomaly::train {

class Random {
 public:
  explicit Random(std::initializer_list<uint64_t> keys) {
    for (const uint64_t key : keys) {
      state_ ^= key * 0x9E3779B97F4A7C15u;
      next();
    }
  }

  uint64_t next() {  // splitmix64
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double log_uniform(double low, double high) { return std::exp(uniform(std::log(low), std::log(high))); }
  int64_t below(int64_t n) { return static_cast<int64_t>(uniform() * static_cast<double>(n)); }  // [0, n)
  bool chance(double p) { return uniform() < p; }
  double normal() {  // Box and Muller
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * M_PI * uniform());
  }

 private:
  uint64_t state_ = 0x8E9D5A3B7C1F2640u;
};

}  // namespace anomaly::train
