// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties of a running anomalydetect: how they are set, read, and taken over.
#pragma once

#include "gst/plugin/gstanomalydetectstate.h"

namespace anomaly {

// For the class: installs all properties, and the functions that set and get them.
void install_properties(GObjectClass* klass);

// What the properties say now. Any thread.
DetectConfig config_now(GstAnomalyDetect* self);
EventSettings event_settings_now(GstAnomalyDetect* self);

// The element has started. What the properties say of regions is looked at here, and from now on when they
// are set. Throws Error, and the element has not started then.
void start_regions(GstAnomalyDetect* self, RegionConfig regions, const std::vector<std::string>& classes);

}  // namespace anomaly
