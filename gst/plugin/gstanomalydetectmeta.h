// SPDX-License-Identifier: LGPL-2.1-or-later
// From the engine's result to a frame's metadata, without copying a map.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <vector>

#include "gst/lib/gstanomalymeta.h"
#include "gst/plugin/gstanomalydetectmemory.h"
#include "gst/plugin/gstanomalydetectmodel.h"
#include "gst/plugin/gstanomalydetectstandard.h"
#include "src/engine/engine.h"
#include "src/engine/region_tracker.h"

namespace anomaly {

// Takes away whatever GstAnomalyMeta a writable buffer carries.
void remove_findings(GstBuffer* buffer);

// What one computed picture yielded, ready to be attached to it and to the frames after it. Movable, not
// copyable.
class Findings {
 public:
  // sightings: one for each region of the result. memory: where the result's maps lie. standard: which
  // standard metadata to attach (StandardFlags). computed_at: running time of the frame.
  Findings(Result result, const std::vector<Sighting>& sightings, BufferMemory& memory, float threshold,
           const DetectModel& model, guint standard, GstClockTime computed_at);
  ~Findings();
  Findings(const Findings&) = delete;
  Findings& operator=(const Findings&) = delete;

  // Adds metadata to `buffer`, which is writable. width, height: of the picture. surface: which one of the
  // buffer's. number: of the frame, as the sightings count them.
  void attach(GstBuffer* buffer, int width, int height, guint surface, guint age, int64_t number);

 private:
  struct Map {
    Plane plane;  // without its numbers
    GstBuffer* values;
  };
  void add_map(Plane plane, BufferMemory& memory);
  void attach_standard(GstBuffer* buffer, int width, int height);

  std::vector<Map> maps_;             // the score map first
  GstBuffer* region_mask_ = nullptr;  // for standard metadata
  std::vector<GstAnomalyRegion> regions_;
  std::vector<int64_t> first_frames_;  // of the regions
  std::vector<int> class_ids_;         // train ids of the regions' labels
  MapStatistics statistics_;
  double threshold_, inference_ms_;
  const char* method_;
  const char* model_;
  guint standard_;
  GstClockTime computed_at_;
};

}  // namespace anomaly
