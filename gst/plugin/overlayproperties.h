// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties of anomalyoverlay: their specs, and where their values are held.
#pragma once

#include <glib-object.h>

#include "gst/plugin/overlaydraw.h"

namespace anomaly {

// What the properties hold. The element guards it by its object lock.
struct OverlaySettings {
  OverlaySettings();

  gint colormap;       // cv::ColormapTypes
  OverlayStyle style;  // but for the colours, which follow from the number
};

void install_overlay_properties(GObjectClass* klass);

// False where there is no such property.
bool set_overlay_property(OverlaySettings& settings, guint id, const GValue* value);
bool get_overlay_property(const OverlaySettings& settings, guint id, GValue* value);

}  // namespace anomaly
