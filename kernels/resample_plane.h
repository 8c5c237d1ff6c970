// SPDX-License-Identifier: LGPL-2.1-or-later
// Bicubic resize of one float plane, row by row, so that who looks at each row once need not hold the result.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/portable.h"
#include "kernels/resample_filter.h"

namespace anomaly {

// The source sample whose cell holds the centre of sample i: floor((i + 0.5) * in / out), in exact integers.
ANOMALY_HD inline int nearest_index(int i, int in_size, int out_size) {
  return static_cast<int>((2 * static_cast<int64_t>(i) + 1) * in_size / (2 * static_cast<int64_t>(out_size)));
}

// Pillow's mode "F": sums in double, stored as float after each pass; a pass that changes no size is left
// out.
class PlaneResampler {
 public:
  // Runs the horizontal pass. `in` (in_height x in_width) is not needed afterwards, unless no width changes.
  PlaneResampler(const float* in, int in_width, int in_height, int out_width, int out_height);

  // Row y of the result, out_width values. Thread safe.
  void row(int y, float* out) const;

  // True if every value of row y is below `limit`, found without computing them; false if that is not
  // certain.
  bool row_is_below(int y, float limit) const;

 private:
  int width_;
  bool down_;
  ResampleFilter vertical_;
  std::vector<float> owned_;
  const float* across_;                  // in_height x out_width, after the horizontal pass
  std::vector<float> lowest_, highest_;  // of each row of across_
};

}  // namespace anomaly
