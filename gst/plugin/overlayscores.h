// SPDX-License-Identifier: LGPL-2.1-or-later
// The score map of a frame's metadata, wherever it lies.
#pragma once

#include "gst/lib/gstanomalymeta.h"
#include "kernels/paint_list.h"
#include "src/engine/frame_memory.h"

namespace anomaly {

// While this lives, the map stays where it is. One thread.
class Scores {
 public:
  // A map in host memory is mapped; one that stays in device memory is left there.
  explicit Scores(const GstAnomalyMeta& meta);
  ~Scores();
  Scores(const Scores&) = delete;
  Scores& operator=(const Scores&) = delete;

  bool there() const { return map_.values != nullptr; }
  // Whether a score reaches the threshold. A map in device memory is not looked at: its metadata's maximum
  // answers, which may say yes where only parts that were cropped away do.
  bool reach(float threshold) const;
  // The scores for the processor, downloaded where they lie in device memory. Throws Error where that fails.
  const ScoreMap& on_host();
  // The map in the memory of that GPU, null values where it is not there.
  ScoreMap on_device(int device) const;

 private:
  const GstAnomalyMeta& meta_;
  ScoreMap map_, host_;
  FrameMemory memory_;
  GstMapInfo info_ = {};
};

}  // namespace anomaly
