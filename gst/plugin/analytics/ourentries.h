// SPDX-License-Identifier: LGPL-2.1-or-later
// Our entries among those of others, within the analytics room.
#pragma once

#include <gst/analytics/analytics.h>

#include "gst/plugin/analytics/analyticsmetas.h"

namespace anomaly {

// Adds the mark that says that the next `entries` entries are ours.
void mark_entries(GstAnalyticsRelationMeta* relations, guint entries, GstAnalyticsMtd* mark);

// Entries of an anomalydetect in a frame's relation meta: ids first to last - 1.
struct OurEntries {
  guint first = 0, last = 0;
  bool holds(guint id) const { return id >= first && id < last; }
};
OurEntries our_entries(GstBuffer* buffer);

// See remove_analytics_metas(); not of tensors.
void remove_our_entries(GstBuffer* buffer);

}  // namespace anomaly
