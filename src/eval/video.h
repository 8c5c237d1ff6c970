// SPDX-License-Identifier: LGPL-2.1-or-later
// What only consecutive frames can tell: how steady the maps are, what they are worth once they are finished,
// and how often a normal drive is interrupted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "src/engine/region_tracker.h"

namespace anomaly::eval {

// How much maps change from frame to frame. A change is explained where the picture changed as well: what is
// left is the detector's own unrest.
class SteadinessCounter {
 public:
  // A pixel has changed in the picture if any of its colours has by more than this, of 255.
  static constexpr int kPictureChange = 8;

  // The next frame. map: scores; rgb: the picture at the map's size, `pixels` x 3. A frame of another size
  // begins anew.
  void add(const float* map, const uint8_t* rgb, size_t pixels);

  // Mean over all pairs of consecutive frames and all pixels of |score - score before|.
  std::optional<double> flicker() const;
  // 1 - the same mean over the pixels whose picture has not changed.
  std::optional<double> temporal_consistency() const;

 private:
  std::vector<float> map_;
  std::vector<uint8_t> rgb_;
  double change_ = 0, unexplained_ = 0;
  int64_t pixels_ = 0, still_ = 0;
};

// Streaming, after Li et al., "Towards Streaming Perception" (ECCV 2020): frame i is current from i / fps on.
// A detector that takes `latency` seconds a frame begins with frame 0; whenever it is done it takes the frame
// that is current, or waits for the next one where it has had that. Pairs {frame of the map, frame that is
// current when the map is finished}, for all maps that are finished within `frames` frames.
std::vector<std::pair<int64_t, int64_t>> arrivals(int64_t frames, double fps, double latency);

// False alarms: 8-connected regions of at least `min_area` pixels at or over the threshold in which no pixel
// is anomalous and at least one is normal. One that stays is counted once: anomaly::RegionTracker follows it.
class AlarmCounter {
 public:
  explicit AlarmCounter(int64_t min_area) : min_area_(min_area) {}
  // The next frame: scores and targets (kNormal, kAnomalous, else ignored) of width x height frame pixels.
  void add(const float* scores, const uint8_t* targets, int width, int height, float threshold);
  // A frame whose targets are not known: regions of the frames around it are not joined across many of them.
  void skip();

  int64_t frames() const { return frames_; }    // with targets
  int64_t regions() const { return regions_; }  // false ones, in every frame anew
  int64_t alarms() const { return static_cast<int64_t>(seen_); }
  int64_t frames_with_alarm() const { return frames_with_alarm_; }

 private:
  int64_t min_area_;
  RegionTracker tracker_;
  int64_t frame_ = 0, frames_ = 0, regions_ = 0, frames_with_alarm_ = 0;
  uint32_t seen_ = 0;  // highest id so far: the tracker counts from 1
};

}  // namespace anomaly::eval
