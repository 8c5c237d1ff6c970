// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties of anomalypublish: what they are called, what they may hold, and what they hold.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>

#include "gst/plugin/publishqueue.h"

namespace anomaly {

enum PublishProperty : guint {
  PROP_0,
  PROP_LOCATION,
  PROP_STREAM,
  PROP_APPEND,
  PROP_USER_ID,
  PROP_USER_PW,
  PROP_CA_FILE,
  PROP_QUEUE_SIZE,
  PROP_POLICY,
  PROP_DRAIN_TIMEOUT,
  PROP_STATS,
};

struct PublishConfig {
  std::string location = "-";
  std::optional<std::string> stream;  // none = the element's name
  bool append = false;
  std::string user, password, ca_file;
  guint queue_size = 1000;
  PublishQueue::Policy policy = PublishQueue::Policy::DropOldest;
  GstClockTime drain_timeout = 5 * GST_SECOND;
};

void install_publish_properties(GObjectClass* klass);

// All but PROP_STATS; get: all but PROP_USER_PW, too. False for another property.
bool set_publish_property(PublishConfig& config, guint id, const GValue* value);
bool get_publish_property(const PublishConfig& config, guint id, GValue* value);

}  // namespace anomaly
