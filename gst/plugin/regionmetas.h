// SPDX-License-Identifier: LGPL-2.1-or-later
// Regions as GstVideoRegionOfInterestMeta, with the parameters that DL Streamer's elements read.
#pragma once

#include <gst/video/video.h>

#include <functional>
#include <vector>

#include "gst/plugin/gstanomalydetectstandard.h"

namespace anomaly {

// One for each region: its type is the region's label, or "anomaly" where that is unknown. Parameters:
//   detection  x_min, x_max, y_min, y_max: doubles, parts of the frame's size; confidence: double, the
//              highest score, 0 to 1; label_id: int, the label's train id, -1 = unknown; model_name: the
//              bundle; source: "anomalydetect"
//   object_id  id: int, the region's number from frame to frame
// ids: of the analytics metadata's objects, which the metas take over, so that readers of both know what
// belongs together; for regions beyond them the metas have numbers of their own. `buffer` is writable.
void add_region_metas(GstBuffer* buffer, const StandardFindings& findings, const std::vector<guint>& ids);

// Whether a meta tells of an object of ours in the analytics metadata.
using IsObject = std::function<bool(const GstVideoRegionOfInterestMeta&)>;

// Removes those that an anomalydetect added. GStreamer's scalers drop the parameters; what is left of ours is
// known by its id, or by the object that it tells of.
void remove_region_metas(GstBuffer* buffer, const IsObject& is_object);

// The confidence that standard metadata gives a score, which may lie beyond 0 and 1.
double confidence_of(double score);

// What a region is called where it has to have a name.
const char* label_of(const GstAnomalyRegion& region);

}  // namespace anomaly
