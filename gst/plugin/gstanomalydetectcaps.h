// SPDX-License-Identifier: LGPL-2.1-or-later
// What caps say beyond size and format: scan, transfer function.
#pragma once

#include <gst/video/video.h>

namespace anomaly {

// Warnings about a stream, each posted once from the element's start to its stop.
struct CapsWarnings {
  bool transfer = false, interlaced = false;
};

// Whether frames of these caps can be looked at. Posts an error that says why not, or a warning where they
// can but are not what the networks know: interlaced frames, PQ and HLG.
bool check_caps(GstElement* element, const GstVideoInfo& info, CapsWarnings& warned);

}  // namespace anomaly
