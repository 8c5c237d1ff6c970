// SPDX-License-Identifier: LGPL-2.1-or-later
// Which part of a frame and of its map figures are made of.
#pragma once

#include <algorithm>
#include <cstdint>

namespace anomaly {

struct Span {
  int begin, end;
};

// Map cells whose centres, in frame pixels, fall into [begin, end); the one nearest to the middle where there
// is none.
inline Span cells_inside(Span pixels, int frame_size, int map_size) {
  // Cell i's centre lies at (2 i + 1) * frame_size / (2 * map_size).
  const auto first_at_or_after = [&](int pixel) {
    const int64_t n = 2 * static_cast<int64_t>(pixel) * map_size - frame_size,
                  d = 2 * static_cast<int64_t>(frame_size);
    return static_cast<int>(n <= 0 ? 0 : std::min<int64_t>((n + d - 1) / d, map_size));
  };
  const Span cells{first_at_or_after(pixels.begin), first_at_or_after(pixels.end)};
  if (cells.begin < cells.end) return cells;
  const int64_t twice_middle = static_cast<int64_t>(pixels.begin) + pixels.end;
  const int nearest = static_cast<int>(
      std::min<int64_t>(twice_middle * map_size / (2 * static_cast<int64_t>(frame_size)), map_size - 1));
  return {nearest, nearest + 1};
}

inline Span clipped(int begin, int size, int limit) {
  const int64_t end = static_cast<int64_t>(begin) + size;
  return {std::clamp(begin, 0, limit), static_cast<int>(std::clamp<int64_t>(end, 0, limit))};
}

}  // namespace anomaly
