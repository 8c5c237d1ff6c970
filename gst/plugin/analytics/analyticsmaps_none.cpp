// SPDX-License-Identifier: LGPL-2.1-or-later
// For GStreamer 1.24, whose analytics library has no maps.
#include "gst/plugin/analytics/analyticsmaps.h"

namespace anomaly {

guint supported_maps() {
  return 0;
}

GstBuffer* region_mask(const MapStatistics&, int, int) {
  return nullptr;
}

guint add_segmentation(GstAnalyticsRelationMeta*, const StandardFindings&) {
  g_assert_not_reached();  // there is no mask
}

void add_tensor(GstBuffer*, const StandardFindings&) {}

void remove_tensor(GstBuffer*) {}

}  // namespace anomaly
