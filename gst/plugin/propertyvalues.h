// SPDX-License-Identifier: LGPL-2.1-or-later
// What the elements' properties have in common: types of their own, and texts.
#pragma once

#include <gst/gst.h>

#include <string>

namespace anomaly {

// A type that properties are of, just registered; named in the plugin's documentation.
inline GType plugin_type(GType type) {
  gst_type_mark_as_plugin_api(type, static_cast<GstPluginAPIFlags>(0));
  return type;
}

// Empty for NULL, and back.
inline std::string text_of(const GValue* value) {
  const char* text = g_value_get_string(value);
  return text ? text : "";
}
inline void give_text(GValue* value, const std::string& text) {
  g_value_set_string(value, text.empty() ? nullptr : text.c_str());
}

}  // namespace anomaly
