// SPDX-License-Identifier: LGPL-2.1-or-later
// Where a component's surroundings lie (surroundings.h), on the CPU and on a GPU.
#pragma once

#include <cstdint>

#include "kernels/portable.h"

namespace anomaly {

inline constexpr int kBandLeast = 3;  // cells of the label map: so far a segmentation's borders may be off
inline constexpr int kBandSamples = 64;

// How a pixel of a run is marked.
enum RunMark : uint8_t { kNoRun = 0, kRunKept = 1, kRunDropped = 2 };

struct Box {
  int left, top, right, bottom;  // the last two beyond it
};

ANOMALY_HD inline int cells_in_pixels(int cells, int frame_size, int label_size) {
  return static_cast<int>((static_cast<int64_t>(cells) * frame_size + label_size - 1) / label_size);
}

// The frame's part of the band's outer rectangle.
ANOMALY_HD inline Box band_of(const Box& box, int label_width, int label_height, int frame_width,
                              int frame_height) {
  const int width = box.right - box.left, height = box.bottom - box.top;
  const int least_across = cells_in_pixels(kBandLeast, frame_width, label_width);
  const int least_below = cells_in_pixels(kBandLeast, frame_height, label_height);
  const int across = width / 4 > least_across ? width / 4 : least_across;
  const int below = height / 4 > least_below ? height / 4 : least_below;
  return {box.left > across ? box.left - across : 0, box.top + height / 2,
          box.right + across < frame_width ? box.right + across : frame_width,
          box.bottom + below < frame_height ? box.bottom + below : frame_height};
}

// Samples begin at begin + step / 2.
ANOMALY_HD inline int band_step(int begin, int end) {
  const int step = (end - begin + kBandSamples - 1) / kBandSamples;
  return step > 1 ? step : 1;
}

}  // namespace anomaly
