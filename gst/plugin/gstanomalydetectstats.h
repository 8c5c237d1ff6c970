// SPDX-License-Identifier: LGPL-2.1-or-later
// What anomalydetect did since it started, for its property `stats` and its answer to latency queries.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <mutex>
#include <string>

#include "gst/plugin/gstanomalydetectmemory.h"
#include "src/engine/shared_engine.h"

namespace anomaly {

// Any thread.
class DetectStats {
 public:
  void start(int max_in_flight, std::shared_ptr<const BufferMemory> maps);
  void stop();
  // What computes from now on.
  void model(const ModelInfo& model, const char* method, const std::shared_ptr<EngineShare>& share);
  void passed();    // a frame left without metadata
  void repeated();  // a frame left with an earlier frame's map
  // The frame that left was not waited for any longer, for that long.
  void late(double held_ms);
  // A map came too late for its own frame.
  void computed_late(double inference_ms, int batch);
  // A frame left with its own map. held_ms: from its arrival until the map was there. batch: frames that were
  // computed together.
  void computed(double held_ms, double inference_ms, int batch);

  // How long the element holds a frame: measured over the recent ones, 0 before there are any.
  GstClockTime latency() const;
  // How long a stream may be held up by it. frame_duration: of the stream, or GST_CLOCK_TIME_NONE.
  GstClockTime max_latency(GstClockTime frame_duration) const;
  // True, once, when latency() has changed enough for the pipeline to ask again.
  bool latency_changed();

  GstStructure* to_structure() const;

 private:
  void held(double held_ms);  // under the lock

  mutable std::mutex mutex_;
  guint64 frames_ = 0, computed_ = 0, skipped_ = 0, late_ = 0, batches_sum_ = 0;
  double inference_sum_ms_ = 0, inference_last_ms_ = 0;
  double held_ms_ = 0, announced_ms_ = 0;  // at its worst of late
  int max_in_flight_ = 1;
  std::shared_ptr<const BufferMemory> maps_;  // from start to stop
  guint64 map_buffers_ = 0;                   // of the last run
  std::weak_ptr<EngineShare> share_;          // from start to stop
  std::string model_, path_, license_, device_, precision_, trunk_precision_, method_;
};

}  // namespace anomaly
