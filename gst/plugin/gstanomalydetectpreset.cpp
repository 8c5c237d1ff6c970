// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectpreset.h"

#include <functional>
#include <string>

namespace anomaly {

namespace {

GstPresetInterface usual;  // GStreamer's own functions

constexpr const char* kSaving = "anomaly-preset-saving";

bool is_text(const GParamSpec* spec) {
  return spec->value_type == G_TYPE_STRING || spec->value_type == GST_TYPE_ARRAY;
}

std::string tag_of(const GParamSpec* spec) {
  return std::string("property-") + spec->name;
}

// Calls `use` with every property that presets hold as metadata.
void for_each_text(GstPreset* preset, const std::function<void(GParamSpec*)>& use) {
  guint count = 0;
  GParamSpec** specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(preset), &count);
  for (guint i = 0; i < count; ++i)
    if (is_text(specs[i]) && (specs[i]->flags & G_PARAM_READWRITE) == G_PARAM_READWRITE &&
        specs[i]->owner_type == G_OBJECT_TYPE(preset))
      use(specs[i]);
  g_free(specs);
}

// While one is saved, texts are no properties.
gchar** property_names(GstPreset* preset) {
  gchar** names = usual.get_property_names(preset);
  if (!names || !g_object_get_data(G_OBJECT(preset), kSaving)) return names;
  gchar** kept = names;
  for (gchar** name = names; *name; ++name) {
    const GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(preset), *name);
    if (spec && is_text(spec))
      g_free(*name);
    else
      *kept++ = *name;
  }
  *kept = nullptr;
  return names;
}

// One line, in quotes that keep the spaces at its ends.
void save_text(GstPreset* preset, const gchar* name, GParamSpec* spec) {
  GValue value = G_VALUE_INIT;
  g_object_get_property(G_OBJECT(preset), spec->name, &value);
  gchar* text = G_VALUE_HOLDS_STRING(&value) ? g_value_dup_string(&value) : gst_value_serialize(&value);
  gchar* escaped = g_strescape(text ? text : "", nullptr);
  gst_preset_set_meta(preset, name, tag_of(spec).c_str(), (std::string("\"") + escaped + "\"").c_str());
  g_free(escaped);
  g_free(text);
  g_value_unset(&value);
}

void load_text(GstPreset* preset, const gchar* name, GParamSpec* spec) {
  gchar* stored = nullptr;
  if (!gst_preset_get_meta(preset, name, tag_of(spec).c_str(), &stored) || !stored) return;
  const std::string quoted = stored;
  g_free(stored);
  if (quoted.size() < 2 || quoted.front() != '"' || quoted.back() != '"') return;
  gchar* text = g_strcompress(quoted.substr(1, quoted.size() - 2).c_str());
  GValue value = G_VALUE_INIT;
  g_value_init(&value, spec->value_type);
  bool known = true;
  if (G_VALUE_HOLDS_STRING(&value))
    g_value_set_string(&value, text);
  else
    known = gst_value_deserialize_with_pspec(&value, text, spec);
  if (known) g_object_set_property(G_OBJECT(preset), spec->name, &value);
  g_value_unset(&value);
  g_free(text);
}

gboolean save(GstPreset* preset, const gchar* name) {
  g_object_set_data(G_OBJECT(preset), kSaving, GINT_TO_POINTER(1));
  const gboolean saved = usual.save_preset(preset, name);
  g_object_set_data(G_OBJECT(preset), kSaving, nullptr);
  if (saved) for_each_text(preset, [&](GParamSpec* spec) { save_text(preset, name, spec); });
  return saved;
}

gboolean load(GstPreset* preset, const gchar* name) {
  if (!usual.load_preset(preset, name)) return FALSE;
  for_each_text(preset, [&](GParamSpec* spec) { load_text(preset, name, spec); });
  return TRUE;
}

}  // namespace

void init_preset_interface(gpointer interface, [[maybe_unused]] gpointer data) {
  auto* preset = static_cast<GstPresetInterface*>(interface);
  usual = *preset;
  preset->get_property_names = property_names;
  preset->save_preset = save;
  preset->load_preset = load;
}

}  // namespace anomaly
