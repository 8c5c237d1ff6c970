// SPDX-License-Identifier: LGPL-2.1-or-later
// The two passes of the 8-bit resize, a row at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/resample_filter.h"

namespace anomaly {

// Planar rows of 16-bit samples (0..255) -> one row of R G B bytes, filter.out_size wide.
class HorizontalPass {
 public:
  explicit HorizontalPass(const ResampleFilter& filter);

  // Samples that must be readable behind a row's last one; their values do not matter.
  static constexpr int kPadding = 16;

  void row(const int16_t* const plane[3], uint8_t* out) const;

  // The same without processor-specific code.
  void row_portable(const int16_t* const plane[3], uint8_t* out) const;

 private:
  void row_avx2(const int16_t* const plane[3], uint8_t* out) const;

  int out_size_, taps_, groups_ = 0;
  std::vector<int> first_, count_;
  std::vector<int32_t> weight_;
  // For AVX2: by output sample and group of eight taps the weights' upper and lower part, eight 16-bit values
  // each.
  std::vector<int16_t> split_;
};

// out[i] = the weighted sum of rows[0..count-1][i].
void vertical_pass(const uint8_t* const* rows, const int32_t* weights, int count, int64_t size, uint8_t* out);

}  // namespace anomaly
