// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties of anomalysource: what they are called, what they may hold, and what they hold.
#pragma once

#include <gst/gst.h>

#include "gst/plugin/sourceinput.h"

namespace anomaly {

enum SourceProperty : guint {
  SOURCE_PROP_0,
  SOURCE_LOCATION,
  SOURCE_USER_ID,
  SOURCE_USER_PW,
  SOURCE_TRANSPORT,
  SOURCE_LATENCY,
  SOURCE_TLS_VERIFY,
  SOURCE_IS_LIVE,
  SOURCE_LOOP,
  SOURCE_FRAMERATE,
  SOURCE_RECONNECT,
  SOURCE_RECONNECT_MIN_DELAY,
  SOURCE_RECONNECT_MAX_DELAY,
  SOURCE_TIMEOUT,
  SOURCE_STATS,
};

void install_source_properties(GObjectClass* klass);

// All but SOURCE_STATS; get: all but SOURCE_USER_PW, too. False for another property.
bool set_source_property(SourceConfig& config, guint id, const GValue* value);
bool get_source_property(const SourceConfig& config, guint id, GValue* value);

}  // namespace anomaly
