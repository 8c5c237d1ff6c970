// SPDX-License-Identifier: LGPL-2.1-or-later
// What anomalydetect did since it started, for its property `stats` and its answer to latency queries.
#pragma once

#include <gst/gst.h>

#include <mutex>
#include <string>

#include "src/engine/engine.h"

namespace anomaly {

// Any thread.
class DetectStats {
 public:
  void start(const ModelInfo& model, const char* method, int max_in_flight);
  void passed();                                         // a frame left without being looked at
  void repeated();                                       // a frame left with an earlier frame's map
  void computed(double ingest_ms, double inference_ms);  // a frame left with its own map

  // How long the element holds a frame, by what recent frames took. frame_duration: of the stream, or
  // GST_CLOCK_TIME_NONE. A frame that waits in a queue of several leaves when a later frame arrives.
  GstClockTime latency(GstClockTime frame_duration) const;
  // True, once, when that has changed enough for the pipeline to ask again.
  bool latency_changed();

  GstStructure* to_structure() const;

 private:
  mutable std::mutex mutex_;
  guint64 frames_ = 0, computed_ = 0, skipped_ = 0;
  double inference_sum_ms_ = 0, inference_last_ms_ = 0;
  double cost_ms_ = 0, announced_ms_ = 0;  // of a frame, at its worst of late
  int max_in_flight_ = 1;
  std::string model_, path_, license_, device_, method_;
};

}  // namespace anomaly
