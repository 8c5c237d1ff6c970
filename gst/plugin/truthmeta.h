// SPDX-License-Identifier: LGPL-2.1-or-later
// The truth about a synthetic frame, as a custom meta: an application needs no header of ours to read it, and
// nothing takes it for a detection.
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <vector>

#include "kernels/statistics.h"

namespace anomaly {

// gst_buffer_get_custom_meta(buffer, kTruthMeta), then gst_custom_meta_get_structure():
//   frame   guint64         number of the frame in its scene, from 0
//   width   gint            of the frame, pixels
//   height  gint
//   mask    GstBuffer       width * height bytes, row-major, no padding: 255 where an anomaly is visible,
//   else 0 boxes   GstValueArray   of arrays of four gint: x, y, width, height of each visible anomaly,
//   pixels labels  GstBuffer       only if asked for: width * height Cityscapes train ids, 255 where an
//   anomaly is
// Scaling scales it (nearest neighbour); crops, flips and rotations drop it.
inline constexpr const char* kTruthMeta = "GstAnomalyTruthMeta";

void register_truth_meta();  // once or more

// Takes both buffers; `labels` may be null. The buffer must be writable.
void add_truth_meta(GstBuffer* buffer, guint64 frame, int width, int height, GstBuffer* mask,
                    GstBuffer* labels, const std::vector<Rect>& boxes);

}  // namespace anomaly
