// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace anomaly {

// Whether a label of a map (height x width) differs from that of its left, right, upper or lower neighbour.
inline bool is_label_edge(const uint8_t* map, int64_t height, int64_t width, int64_t y, int64_t x) {
  const uint8_t* at = map + y * width + x;
  return (x > 0 && at[-1] != *at) || (x + 1 < width && at[1] != *at) || (y > 0 && at[-width] != *at) ||
         (y + 1 < height && at[width] != *at);
}

}  // namespace anomaly
