// SPDX-License-Identifier: LGPL-2.1-or-later
// 8-bit maps, as the networks were trained on them.
#pragma once

#include <cstdint>

namespace anomaly {

struct Bounds {
  float min = 0, max = 0;
};

Bounds map_bounds(const float* map, int64_t count);

// entropy: trunc(255 * clamp((v - min) / max)); range 0 where max is 0.
void quantize_entropy(const float* entropy, int64_t count, Bounds bounds, uint8_t* out);
// distance: with r = 1 - distance (= max p - second max p): trunc(255 * clamp(1 - (r - min r) / max r)); 255
// where max r is 0. `bounds` are those of `distance` itself.
void quantize_distance(const float* distance, int64_t count, Bounds bounds, uint8_t* out);
// perceptual: trunc(255 * clamp((v - min) / (max - min))); 0 where max == min.
void quantize_perceptual(const float* value, int64_t count, Bounds bounds, uint8_t* out);

}  // namespace anomaly
