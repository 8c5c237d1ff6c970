// SPDX-License-Identifier: LGPL-2.1-or-later
// From the engine's result to a frame's metadata, without copying a map.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <vector>

#include "gst/lib/gstanomalymeta.h"
#include "src/engine/engine.h"

namespace anomaly {

// What one computed frame yielded, ready to be attached to it and to the frames after it. Movable, not
// copyable.
class Findings {
 public:
  // method, model: interned strings. classes: names by train id, interned.
  Findings(Result result, float threshold, const char* method, const char* model,
           const std::vector<const char*>& classes);
  ~Findings();
  Findings(const Findings&) = delete;
  Findings& operator=(const Findings&) = delete;

  // Replaces whatever anomaly metadata `buffer` (writable) carries. width, height: of the frame.
  void attach(GstBuffer* buffer, int width, int height, guint age) const;

 private:
  struct Map {
    Plane plane;
    GstBuffer* values;  // shares the plane's memory
  };
  std::vector<Map> maps_;  // the score map first
  std::vector<GstAnomalyRegion> regions_;
  MapStatistics statistics_;
  double threshold_, inference_ms_;
  const char* method_;
  const char* model_;
};

}  // namespace anomaly
