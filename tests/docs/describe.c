/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the registry knows of a plugin's elements, one fact a line, tab-separated, for elements_test.py:
 *
 *   element   NAME
 *   pad       ELEMENT NAME direction presence formats (joined by commas)
 *   property  ELEMENT NAME type default while-playing (yes, no, controllable, read only, inherited) values
 * blurb signal    ELEMENT NAME
 *
 * usage: describe PLUGIN */
#include <gst/gst.h>
#include <math.h>

/* As people write it: 0.6, not the nearest float's digits. */
static const gchar* number(gdouble value) {
  static gchar text[2][G_ASCII_DTOSTR_BUF_SIZE];
  static guint turn;
  return g_ascii_formatd(text[turn++ % 2], G_ASCII_DTOSTR_BUF_SIZE, "%.12g", value);
}

/* "integer, 0 to 64"; limits that are the type's own go unsaid. */
static gchar* range(const gchar* type, gdouble low, gdouble high, gboolean has_low, gboolean has_high) {
  if (has_low && has_high) return g_strdup_printf("%s, %s to %s", type, number(low), number(high));
  if (has_low) return g_strdup_printf("%s, from %s", type, number(low));
  return g_strdup(type);
}

static gchar* type_of(GParamSpec* spec) {
  if (G_IS_PARAM_SPEC_BOOLEAN(spec)) return g_strdup("boolean");
  if (G_IS_PARAM_SPEC_STRING(spec)) return g_strdup("string");
  if (G_IS_PARAM_SPEC_ENUM(spec)) return g_strdup("enum");
  if (G_IS_PARAM_SPEC_FLAGS(spec)) return g_strdup("flags");
  if (G_IS_PARAM_SPEC_INT(spec)) {
    GParamSpecInt* s = G_PARAM_SPEC_INT(spec);
    return range("integer", s->minimum, s->maximum, s->minimum != G_MININT, s->maximum != G_MAXINT);
  }
  if (G_IS_PARAM_SPEC_UINT(spec)) {
    GParamSpecUInt* s = G_PARAM_SPEC_UINT(spec);
    return range("integer", s->minimum, s->maximum, TRUE, s->maximum != G_MAXUINT);
  }
  if (G_IS_PARAM_SPEC_UINT64(spec)) {
    GParamSpecUInt64* s = G_PARAM_SPEC_UINT64(spec);
    return range("integer", (gdouble)s->minimum, (gdouble)s->maximum, TRUE, s->maximum < G_MAXINT64);
  }
  if (G_IS_PARAM_SPEC_FLOAT(spec)) {
    GParamSpecFloat* s = G_PARAM_SPEC_FLOAT(spec);
    return range("number", s->minimum, s->maximum, s->minimum != -G_MAXFLOAT, s->maximum != G_MAXFLOAT);
  }
  if (G_IS_PARAM_SPEC_DOUBLE(spec)) {
    GParamSpecDouble* s = G_PARAM_SPEC_DOUBLE(spec);
    return range("number", s->minimum, s->maximum, s->minimum != -G_MAXDOUBLE, s->maximum != G_MAXDOUBLE);
  }
  if (GST_IS_PARAM_SPEC_ARRAY_LIST(spec)) return g_strdup("array of numbers");
  if (spec->value_type == GST_TYPE_STRUCTURE) return g_strdup("structure");
  return g_strdup(g_type_name(spec->value_type));
}

/* A property of a base class has the default that the element gave it. */
static gchar* default_of(GParamSpec* spec, GstElement* element) {
  GValue own = G_VALUE_INIT;
  if (spec->owner_type != G_OBJECT_TYPE(element) && G_IS_PARAM_SPEC_BOOLEAN(spec)) {
    g_object_get_property(G_OBJECT(element), spec->name, &own);
    return g_strdup(g_value_get_boolean(&own) ? "true" : "false");
  }
  const GValue* value = g_param_spec_get_default_value(spec);
  if (G_IS_PARAM_SPEC_BOOLEAN(spec)) return g_strdup(g_value_get_boolean(value) ? "true" : "false");
  if (G_IS_PARAM_SPEC_STRING(spec)) {
    const gchar* text = g_value_get_string(value);
    return text ? g_strdup_printf("\"%s\"", text) : g_strdup("unset");
  }
  if (G_IS_PARAM_SPEC_ENUM(spec)) {
    GEnumValue* entry = g_enum_get_value(G_PARAM_SPEC_ENUM(spec)->enum_class, g_value_get_enum(value));
    return g_strdup(entry ? entry->value_nick : "?");
  }
  if (G_IS_PARAM_SPEC_FLAGS(spec)) {
    const GFlagsClass* flags = G_PARAM_SPEC_FLAGS(spec)->flags_class;
    GString* text = g_string_new(NULL);
    for (guint i = 0; i < flags->n_values; i++)
      if (g_value_get_flags(value) & flags->values[i].value)
        g_string_append_printf(text, "%s%s", text->len > 0 ? "+" : "", flags->values[i].value_nick);
    if (text->len == 0) g_string_append(text, "none");
    return g_string_free(text, FALSE);
  }
  if (G_IS_PARAM_SPEC_FLOAT(spec)) return g_strdup(number(round(g_value_get_float(value) * 1e6) / 1e6));
  if (G_IS_PARAM_SPEC_DOUBLE(spec)) return g_strdup(number(g_value_get_double(value)));
  if (GST_IS_PARAM_SPEC_ARRAY_LIST(spec)) return g_strdup("empty");
  if (spec->value_type == GST_TYPE_STRUCTURE) return g_strdup("");
  GValue text = G_VALUE_INIT;
  g_value_init(&text, G_TYPE_STRING);
  g_value_transform(value, &text);
  gchar* out = g_value_dup_string(&text);
  g_value_unset(&text);
  return out;
}

static const gchar* mutability_of(GParamSpec* spec, GType owner) {
  if (spec->owner_type != owner) return "inherited";
  if (!(spec->flags & G_PARAM_WRITABLE)) return "read only";
  if (spec->flags & GST_PARAM_CONTROLLABLE) return "controllable";
  return spec->flags & GST_PARAM_MUTABLE_PLAYING ? "yes" : "no";
}

/* Names of an enum's or flags' values, or of a structure's fields, joined by commas. */
static gchar* values_of(GParamSpec* spec, GstElement* element) {
  GString* names = g_string_new(NULL);
  if (G_IS_PARAM_SPEC_ENUM(spec)) {
    GEnumClass* class = G_PARAM_SPEC_ENUM(spec)->enum_class;
    for (guint i = 0; i < class->n_values; i++)
      g_string_append_printf(names, "%s%s", i ? "," : "", class->values[i].value_nick);
  } else if (G_IS_PARAM_SPEC_FLAGS(spec)) {
    GFlagsClass* class = G_PARAM_SPEC_FLAGS(spec)->flags_class;
    for (guint i = 0; i < class->n_values; i++)
      g_string_append_printf(names, "%s%s", i ? "," : "", class->values[i].value_nick);
  } else if (spec->value_type == GST_TYPE_STRUCTURE) {
    GstStructure* structure = NULL;
    g_object_get(element, spec->name, &structure, NULL);
    for (gint i = 0; structure && i < gst_structure_n_fields(structure); i++)
      g_string_append_printf(names, "%s%s", i ? "," : "", gst_structure_nth_field_name(structure, (guint)i));
    g_clear_pointer(&structure, gst_structure_free);
  }
  return g_string_free(names, FALSE);
}

static void describe_properties(const gchar* name, GstElement* element) {
  guint count;
  GParamSpec** specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count);
  for (guint i = 0; i < count; i++) {
    gchar *type = type_of(specs[i]), *preset = default_of(specs[i], element),
          *values = values_of(specs[i], element);
    g_print("property\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, specs[i]->name, type, preset,
            mutability_of(specs[i], G_OBJECT_TYPE(element)), values, g_param_spec_get_blurb(specs[i]));
    g_free(type);
    g_free(preset);
    g_free(values);
  }
  g_free(specs);
  guint* signals = g_signal_list_ids(G_OBJECT_TYPE(element), &count);
  for (guint i = 0; i < count; i++) g_print("signal\t%s\t%s\n", name, g_signal_name(signals[i]));
  g_free(signals);
}

static void describe_pads(const gchar* name, GstElementFactory* factory) {
  for (const GList* l = gst_element_factory_get_static_pad_templates(factory); l; l = l->next) {
    GstStaticPadTemplate* pad = l->data;
    static const gchar* presence[] = {"always", "sometimes", "request"};
    g_print("pad\t%s\t%s\t%s\t%s\t", name, pad->name_template,
            pad->direction == GST_PAD_SRC ? "source" : "sink", presence[pad->presence]);
    GstCaps* caps = gst_static_pad_template_get_caps(pad);
    for (guint i = 0; i < gst_caps_get_size(caps); i++) {
      const GValue* formats = gst_structure_get_value(gst_caps_get_structure(caps, i), "format");
      if (formats == NULL) continue;
      if (G_VALUE_HOLDS_STRING(formats)) g_print("%s,", g_value_get_string(formats));
      for (guint f = 0; GST_VALUE_HOLDS_LIST(formats) && f < gst_value_list_get_size(formats); f++)
        g_print("%s,", g_value_get_string(gst_value_list_get_value(formats, f)));
    }
    g_print("\n");
    gst_caps_unref(caps);
  }
}

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  GList* features = argc > 1 ? gst_registry_get_feature_list_by_plugin(gst_registry_get(), argv[1]) : NULL;
  for (GList* l = features; l; l = l->next) {
    if (!GST_IS_ELEMENT_FACTORY(l->data)) continue;
    const gchar* name = GST_OBJECT_NAME(l->data);
    GstElement* element = gst_element_factory_create(l->data, NULL);
    if (element == NULL) return 1;
    g_print("element\t%s\n", name);
    describe_pads(name, l->data);
    describe_properties(name, element);
    gst_object_unref(element);
  }
  gst_plugin_feature_list_free(features);
  return features ? 0 : 1;
}
