// SPDX-License-Identifier: LGPL-2.1-or-later
// Maps as metadata of GStreamer's analytics library: from 1.26; before, these do nothing.
#pragma once

#include <gst/analytics/analytics.h>

#include "gst/plugin/analytics/analyticsmetas.h"

namespace anomaly {

// What the analytics library takes for a class without a confidence.
inline constexpr gfloat kNoConfidence = -1;

// kStandardSegmentation and kStandardTensor, or 0.
guint supported_maps();

// The region mask of `findings`, not null, as an instance segmentation, and a classification whose entries
// are the classes of its region ids: two entries. Returns the id of the former.
guint add_segmentation(GstAnalyticsRelationMeta* relations, const StandardFindings& findings);

// The score map as the tensor "gst-anomaly-scores", height x width float32, row-major, not copied.
void add_tensor(GstBuffer* buffer, const StandardFindings& findings);
// Takes that tensor away; those of others stay.
void remove_tensor(GstBuffer* buffer);

}  // namespace anomaly
