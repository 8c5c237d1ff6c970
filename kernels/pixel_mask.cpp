// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/resize.h"
#include "kernels/statistics.h"

namespace anomaly {

PixelMask PixelMask::resized(int to_width, int to_height) const {
  PixelMask out{to_width, to_height,
                std::vector<uint8_t>(static_cast<size_t>(to_width) * static_cast<size_t>(to_height))};
  resize_nearest_u8(counts.data(), width, height, 1, out.counts.data(), to_width, to_height);
  return out;
}

}  // namespace anomaly
