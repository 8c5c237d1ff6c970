// SPDX-License-Identifier: LGPL-2.1-or-later
// What one stream of frames carries from each frame to the next. No LibTorch here: the elements include it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/normalize.h"

namespace anomaly {

// Belongs to a stream, not to an engine: one engine may serve several streams. A stream that jumps (a seek, a
// flush, new caps, another bundle or other settings) begins a new one. Used by one thread at a time, with the
// stream's frames in order; the same frames with the same times give the same bounds.
class StreamState {
 public:
  enum class Map { Entropy, Distance, Perceptual };

  // Nanoseconds in which a bound goes 63 % of its way outwards, and inwards. Quick to widen, slow to narrow:
  // an anomaly that raises a map's maximum is soon within the bounds, and ordinary frames after it are not
  // stretched up to it again.
  static constexpr int64_t kWidening = 250'000'000, kNarrowing = 8'000'000'000;
  // Between frames whose times are not known, or do not rise.
  static constexpr int64_t kUnknownStep = 40'000'000;  // nanoseconds
  // Mean difference of two frames' thumbnails, of 255, from which the scene has changed: a cut. Measured:
  // frames 40 ms apart differ by less than 5, on the motorway and in drawn streets; two moments of different
  // drives by more than 25 in 999 of 1000 cases. Frames a second apart may reach 48 in a bend: they count as
  // a cut then.
  static constexpr double kCut = 20;

  // Mean colour of each cell of a frame, row by row, three channels, 0..255: of every kThumbnailStep-th row
  // and column, counted from the cell's first.
  static constexpr int kThumbnailColumns = 16, kThumbnailRows = 9, kThumbnailStep = 2;
  using Thumbnail = std::array<float, kThumbnailColumns * kThumbnailRows * 3>;
  // rgb: height x width x 3 at the network's size.
  static Thumbnail thumbnail_of(const uint8_t* rgb, int width, int height);

  // One of the two is to be called first for every frame. time: nanoseconds of running time, -1 = unknown.
  void begin_frame(const Thumbnail& thumbnail, int64_t time);
  void begin_frame(const uint8_t* rgb, int width, int height, int64_t time) {
    begin_frame(thumbnail_of(rgb, width, height), time);
  }

  // Whether the frame shows another scene than the one before: the bounds began anew with it.
  bool cut() const { return cut_; }
  // How far the frame's thumbnail lies from that of the frame before, 0..255; 0 for the first.
  double thumbnail_difference() const { return difference_; }

  // Bounds to scale this frame's map with, from those of the map itself: b += (own - b) * (1 - exp(-dt / T))
  // for each, dt = the time since the frame before, T = kWidening where it moves outwards, else kNarrowing;
  // the own bounds on the first frame and at a cut. Once for each map of a frame.
  Bounds smoothed(Map map, Bounds own);

  // The same where the bounds are computed on a GPU: what smoothed() would start from, by map (a map that is
  // not known takes its own bounds; else they move by `widening` or `narrowing`), and what it would have
  // returned.
  struct Smoothing {
    std::array<Bounds, 3> bounds;
    std::array<bool, 3> known;
    double widening, narrowing;
  };
  Smoothing smoothing() const;
  void set_smoothed(Map map, Bounds bounds);

 private:
  std::array<Bounds, 3> bounds_{};
  std::array<bool, 3> known_{};
  Thumbnail thumbnail_{};
  bool first_ = true, cut_ = false;
  double difference_ = 0, widening_ = 1, narrowing_ = 1;  // the last two: how far a bound moves on this frame
  int64_t time_ = -1;
};

}  // namespace anomaly
