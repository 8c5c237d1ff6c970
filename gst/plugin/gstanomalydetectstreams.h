// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties by which anomalydetect gets on with others on its engine, and with a live source.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <string>

namespace anomaly {

enum StreamProperty : guint {
  PROP_ENGINE_ID = 300,  // behind those of DetectProperty, EventProperty and RegionProperty
  PROP_BATCH_SIZE,
  PROP_BATCH_TIMEOUT,
  PROP_MAX_LATENCY,
};

struct StreamConfig {
  uint64_t caller = 0;    // the element's number among the callers of engines
  std::string engine_id;  // empty: none
  int batch_size = 1;
  guint64 batch_timeout = 0;  // nanoseconds
  GstClockTime max_latency = GST_CLOCK_TIME_NONE;
};

void install_stream_properties(GObjectClass* klass);
// False for another property.
bool set_stream_property(StreamConfig& config, guint id, const GValue* value);
bool get_stream_property(const StreamConfig& config, guint id, GValue* value);

}  // namespace anomaly
