// SPDX-License-Identifier: LGPL-2.1-or-later
// Presets whose texts come back as they were saved.
#pragma once

#include <gst/gst.h>

namespace anomaly {

// For G_IMPLEMENT_INTERFACE with GST_TYPE_PRESET. GStreamer's own code escapes a text property such as
// "0,0,960,480" twice on saving and once on loading; here properties that are texts or arrays are saved as
// the preset's metadata, which it stores as they are. Presets of the usual form load as everywhere.
void init_preset_interface(gpointer interface, gpointer data);

}  // namespace anomaly
