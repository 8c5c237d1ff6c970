// SPDX-License-Identifier: LGPL-2.1-or-later
// One frame's metadata as an ONVIF document (Analytics Service Specification, scene description).
#pragma once

#include <string>

#include "gst/lib/gstanomalymeta.h"

namespace anomaly {

// A whole document, `tt:MetadataStream` with one `tt:Frame`. `width`, `height`: of the frame, pixels, at
// least 1. `utc`: microseconds since 1970. Boxes are in ONVIF's default coordinates: x from -1 (left edge of
// the frame) to 1, y from -1 (bottom) to 1 (top); the likelihood of an object's one class, Anomaly, is its
// highest score, clamped to 0 to
// 1. What ONVIF has no word for stands in attributes of the namespace `urn:x-gst-anomaly:metadata:1`, which
// the schema allows on every type. Figures that are no finite numbers, and names that are unknown, are left
// out; what XML cannot hold becomes U+FFFD.
std::string onvif_document(const GstAnomalyMeta& meta, int width, int height, gint64 utc);

// `value` as the text of an attribute in double quotes, whatever bytes it holds.
std::string xml_escaped(const char* value);

}  // namespace anomaly
