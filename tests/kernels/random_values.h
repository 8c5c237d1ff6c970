// SPDX-License-Identifier: LGPL-2.1-or-later
// Numbers that are the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace check {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint32_t bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 32);
  }
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 8) / 16777216.0f;
  }

 private:
  uint64_t state_;
};

inline std::vector<float> random_floats(size_t count, uint64_t seed, float low = -1, float high = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = random.uniform(low, high);
  return values;
}

}  // namespace check
