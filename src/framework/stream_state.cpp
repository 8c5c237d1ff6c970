// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/framework/stream_state.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace anomaly {

StreamState::Thumbnail StreamState::thumbnail_of(const uint8_t* rgb, int width, int height) {
  constexpr int kColumns = kThumbnailColumns, kRows = kThumbnailRows, kStep = kThumbnailStep;
  Thumbnail thumbnail{};
  for (int row = 0; row < kRows; ++row)
    for (int column = 0; column < kColumns; ++column) {
      const int y0 = row * height / kRows, y1 = (row + 1) * height / kRows;
      const int x0 = column * width / kColumns, x1 = (column + 1) * width / kColumns;
      uint32_t sum[3] = {}, count = 0;
      for (int y = y0; y < y1; y += kStep)
        for (int x = x0; x < x1; x += kStep, ++count) {
          const uint8_t* pixel =
              rgb + (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3;
          for (int c = 0; c < 3; ++c) sum[c] += pixel[c];
        }
      for (int c = 0; c < 3; ++c)
        thumbnail[(static_cast<size_t>(row) * kColumns + static_cast<size_t>(column)) * 3 +
                  static_cast<size_t>(c)] =
            static_cast<float>(sum[c]) / static_cast<float>(std::max(count, 1u));
    }
  return thumbnail;
}

void StreamState::begin_frame(const Thumbnail& thumbnail, int64_t time) {
  double sum = 0;
  for (size_t i = 0; i < thumbnail.size(); ++i) sum += std::abs(thumbnail[i] - thumbnail_[i]);
  difference_ = first_ ? 0 : sum / static_cast<double>(thumbnail.size());
  cut_ = !first_ && difference_ >= kCut;
  if (first_ || cut_) known_.fill(false);

  const int64_t step = time >= 0 && time_ >= 0 && time > time_ ? time - time_ : kUnknownStep;
  widening_ = -std::expm1(-static_cast<double>(step) / static_cast<double>(kWidening));
  narrowing_ = -std::expm1(-static_cast<double>(step) / static_cast<double>(kNarrowing));
  thumbnail_ = thumbnail;
  time_ = time;
  first_ = false;
}

StreamState::Smoothing StreamState::smoothing() const {
  Smoothing out{bounds_, known_, widening_, narrowing_};
  for (size_t i = 0; i < bounds_.size(); ++i)
    out.known[i] = known_[i] && std::isfinite(bounds_[i].min) && std::isfinite(bounds_[i].max);
  return out;
}

void StreamState::set_smoothed(Map map, Bounds bounds) {
  bounds_[static_cast<size_t>(map)] = bounds;
  known_[static_cast<size_t>(map)] = true;
}

Bounds StreamState::smoothed(Map map, Bounds own) {
  const auto i = static_cast<size_t>(map);
  Bounds& bounds = bounds_[i];
  if (!known_[i] || !std::isfinite(bounds.min) || !std::isfinite(bounds.max)) {
    bounds = own;
    known_[i] = true;
    return bounds;
  }
  const auto towards = [this](float from, float to, bool outwards) {
    return static_cast<float>(from + (static_cast<double>(to) - from) * (outwards ? widening_ : narrowing_));
  };
  bounds = {towards(bounds.min, own.min, own.min < bounds.min),
            towards(bounds.max, own.max, own.max > bounds.max)};
  return bounds;
}

}  // namespace anomaly
