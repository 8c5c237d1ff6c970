// SPDX-License-Identifier: LGPL-2.1-or-later
// The property standard-metadata: what GStreamer itself has for results of an analysis, beside our own
// metadata.
#pragma once

#include <gst/gst.h>

#include <vector>

#include "gst/lib/gstanomalymeta.h"
#include "kernels/statistics.h"

namespace anomaly {

enum StandardFlags : guint {
  kStandardRegions = 1u << 0,       // a GstVideoRegionOfInterestMeta for each region
  kStandardObjects = 1u << 1,       // GstAnalyticsRelationMeta, from GStreamer 1.24
  kStandardSegmentation = 1u << 2,  // the regions' pixels, in it; from 1.26
  kStandardTensor = 1u << 3,        // GstTensorMeta, from 1.26
  kStandardAll = kStandardRegions | kStandardObjects | kStandardSegmentation | kStandardTensor,
};

enum StandardProperty : guint {
  PROP_STANDARD_METADATA = 400,  // behind those of the other property enums
};

void install_standard_properties(GObjectClass* klass);
// False for another property.
bool set_standard_property(guint& flags, guint id, const GValue* value);
bool get_standard_property(guint flags, guint id, GValue* value);

// Those of `flags` that this build can attach.
guint supported_standard(guint flags);

// What standard metadata tells of a frame. Borrowed for the call.
struct StandardFindings {
  int width = 0, height = 0;                       // frame pixels
  const std::vector<GstAnomalyRegion>* regions;    // frame pixels, the largest first
  const std::vector<int>* class_ids;               // train id of each region's label, -1 = unknown
  const char* model = nullptr;                     // the bundle's name, never null
  double score = 0;                                // of the frame
  GstClockTime computed_at = GST_CLOCK_TIME_NONE;  // running time of the frame that the findings are of
  GstBuffer* region_mask = nullptr;                // see standard_region_mask(); null = none
  GstBuffer* scores = nullptr;                     // the score map: floats, row-major
  guint map_width = 0, map_height = 0;
};

// The pixels of the regions, which the statistics must hold (runs), as kStandardSegmentation tells them: a
// GRAY8 picture of the frame's size. Transfer full; null where this build does not attach it.
GstBuffer* standard_region_mask(const MapStatistics& statistics, int width, int height);

// Replaces what an anomalydetect attached to `buffer` (writable) before by those of `flags`; what others
// attached stays. 0 = only removes.
void attach_standard_metadata(GstBuffer* buffer, guint flags, const StandardFindings& findings);

}  // namespace anomaly
