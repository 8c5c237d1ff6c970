// SPDX-License-Identifier: LGPL-2.1-or-later
// The queries that anomalydetect answers itself.
#pragma once

#include <gst/base/gstbasetransform.h>

namespace anomaly {

// LATENCY: upstream's answer, and what this element adds: `own` at least, and up to `most`. False where
// upstream has none.
bool answer_latency(GstBaseTransform* trans, GstQuery* query, GstClockTime own, GstClockTime most);

// SCHEDULING: raw video is pushed.
void answer_scheduling(GstQuery* query);

// ALLOCATION: downstream's answer, for the buffers pass through. The element reads any layout that a video
// meta describes, and holds up to `held` buffers for a time.
void answer_allocation(GstBaseTransform* trans, GstQuery* query, guint held);

}  // namespace anomaly
