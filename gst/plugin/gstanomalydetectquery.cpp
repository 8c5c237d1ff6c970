// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectquery.h"

#include <gst/video/video.h>

namespace anomaly {

bool answer_latency(GstBaseTransform* trans, GstQuery* query, GstClockTime own, GstClockTime most) {
  if (!gst_pad_peer_query(GST_BASE_TRANSFORM_SINK_PAD(trans), query)) return false;
  gboolean live = FALSE;
  GstClockTime min = 0, max = GST_CLOCK_TIME_NONE;
  gst_query_parse_latency(query, &live, &min, &max);
  min += own;
  if (GST_CLOCK_TIME_IS_VALID(max)) max += most;
  gst_query_set_latency(query, live, min, max);
  GST_DEBUG_OBJECT(trans, "latency %" GST_TIME_FORMAT ", %" GST_TIME_FORMAT " of it here", GST_TIME_ARGS(min),
                   GST_TIME_ARGS(own));
  return true;
}

void answer_scheduling(GstQuery* query) {
  gst_query_set_scheduling(query, GST_SCHEDULING_FLAG_SEQUENTIAL, 1, -1, 0);
  gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
}

void answer_allocation(GstBaseTransform* trans, GstQuery* query, guint held) {
  gst_pad_peer_query(GST_BASE_TRANSFORM_SRC_PAD(trans), query);
  for (guint i = 0; i < gst_query_get_n_allocation_pools(query); ++i) {
    GstBufferPool* pool = nullptr;
    guint size = 0, min = 0, max = 0;
    gst_query_parse_nth_allocation_pool(query, i, &pool, &size, &min, &max);
    min = max ? MIN(min + held, max) : min + held;
    gst_query_set_nth_allocation_pool(query, i, pool, size, min, max);
    if (pool) gst_object_unref(pool);
  }
  if (!gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr))
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
}

}  // namespace anomaly
