// SPDX-License-Identifier: LGPL-2.1-or-later
// One frame as one line of JSON, schema 1.
#pragma once

#include <string>
#include <vector>

#include "gst/lib/gstanomalymeta.h"

namespace anomaly {

// What a line says of the frame itself.
struct FrameFacts {
  std::string stream;
  guint64 frame = 0;                       // counted from 0
  GstClockTime pts = GST_CLOCK_TIME_NONE;  // nanoseconds; GST_CLOCK_TIME_NONE is written as null
  GstClockTime running_time = GST_CLOCK_TIME_NONE;
  int width = 0, height = 0;  // pixels
  bool batched = false;       // one of several pictures of a buffer: the line says which
};

// The metadata of a buffer that holds a batch of pictures, one each; empty for any other buffer.
std::vector<const GstAnomalyMeta*> metas_of_batch(GstBuffer* buffer);

// The line with its newline, plain ASCII but for the strings' own UTF-8, the same in every locale. `meta` may
// be null: then every figure is null and there are no regions. NaN and infinities are written as null, bytes
// that are no UTF-8 as U+FFFD; finite numbers as the shortest text that reads back as the same double, or, of
// a value that a float holds (0.4f is 0.4000000059604645), as the same float (0.4).
std::string json_line(const FrameFacts& frame, const GstAnomalyMeta* meta);

}  // namespace anomaly
