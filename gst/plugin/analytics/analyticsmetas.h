// SPDX-License-Identifier: LGPL-2.1-or-later
// Findings as metadata of GStreamer's analytics library (1.24), where the build has it.
//
// One GstAnalyticsRelationMeta a frame holds, behind whatever others put into it:
//   gst-anomaly       marks the entries that follow as an anomalydetect's
//   classification    of the frame: "anomaly", with its score. It contains the objects and the segmentation
//   object detection  of each region: box, highest score, its label as type. It is part of the frame's
//                     classification and relates to the next two
//   classification    of the region: "anomaly", with its highest score, and its label without a confidence
//   tracking          the region's number from frame to frame, when it was first and last seen
//   segmentation      (1.26) the mask; it contains the objects, and its region ids relate, one by one, to a
//                     further classification
// The score map is a GstTensor (1.26) beside it.
#pragma once

#include <gst/gst.h>

#include <vector>

#include "gst/plugin/gstanomalydetectstandard.h"
#include "gst/plugin/regionmetas.h"
#include "kernels/statistics.h"

namespace anomaly {

// More objects would make the meta large: it holds a matrix of all relations. The largest regions stay.
inline constexpr size_t kMaxObjects = 255;

// Those StandardFlags that the analytics library has metadata for.
guint supported_analytics();

// Whether a region-of-interest meta tells of an object that an anomalydetect added to `buffer`: by its id,
// its type and its box, which GStreamer scales alike. Valid until that is changed.
IsObject our_objects(GstBuffer* buffer);

// Takes our entries and tensors away; those of others stay, with the relations among them. `buffer` is
// writable, in the next function too.
void remove_analytics_metas(GstBuffer* buffer);

// Adds what `flags` ask for. Returns the ids of the objects: of the first regions, in their order.
std::vector<guint> add_analytics_metas(GstBuffer* buffer, guint flags, const StandardFindings& findings);

// A GRAY8 picture of the frame's size, with its video meta: 0, or 1 + the index of the pixel's region. Pixels
// of regions behind the first kMaxObjects are 0. Transfer full; null where there are no regions or the
// library has no use for it.
GstBuffer* region_mask(const MapStatistics& statistics, int width, int height);

}  // namespace anomaly
