/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs.h"

#include <gst/video/video.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void programs_run_long(void) {
#ifdef __GLIBC__
  /* Every new pipeline's threads would get heaps of their own, which keep what was freed there: a server grew
   * by a third in fifty clients that came one after the other, and not at all with few heaps. */
  mallopt(M_ARENA_MAX, 2);
#endif
}

void programs_give_back_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

void programs_find_plugin(void) {
  GstElementFactory* known = gst_element_factory_find("anomalydetect");
  gchar* program = g_file_read_link("/proc/self/exe", NULL);
  if (known == NULL && program != NULL) {
    gchar* folder = g_path_get_dirname(program);
    gchar* plugins = g_build_filename(folder, "..", PLUGINS_FROM_PREFIX, NULL);
    gst_registry_scan_path(gst_registry_get(), plugins);
    g_free(plugins);
    g_free(folder);
  }
  g_free(program);
  gst_clear_object(&known);
}

void programs_complain(const gchar* format, ...) {
  va_list args;
  va_start(args, format);
  gchar* text = g_strdup_vprintf(format, args);
  va_end(args);
  g_printerr("%s: %s\n", g_get_prgname(), text);
  g_free(text);
}

gboolean programs_set_text(GstElement* element, const gchar* property, const gchar* text) {
  GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), property);
  GValue value = G_VALUE_INIT;
  if (!spec) return FALSE;
  g_value_init(&value, spec->value_type);
  const gboolean ok =
      gst_value_deserialize_with_pspec(&value, text, spec) && !g_param_value_validate(spec, &value);
  if (ok) g_object_set_property(G_OBJECT(element), property, &value);
  g_value_unset(&value);
  return ok;
}

gboolean programs_set_option(GstElement* element, const gchar* property, const gchar* option,
                             const gchar* text) {
  if (!text || programs_set_text(element, property, text)) return TRUE;
  programs_complain("--%s: \"%s\" is not a value that %s takes (see gst-inspect-1.0 %s)", option, text,
                    GST_OBJECT_NAME(gst_element_get_factory(element)),
                    GST_OBJECT_NAME(gst_element_get_factory(element)));
  return FALSE;
}

gboolean programs_set_number(GstElement* element, const gchar* property, const gchar* option,
                             gdouble number) {
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];
  return programs_set_option(element, property, option, g_ascii_dtostr(text, sizeof text, number));
}

gboolean programs_set_seconds(GstElement* element, const gchar* property, const gchar* option,
                              gdouble seconds) {
  if (!(seconds >= 0) || seconds > 86400) {
    programs_complain("--%s: seconds from 0 to a day", option);
    return FALSE;
  }
  g_object_set(element, property, (guint64)(seconds * GST_SECOND), NULL);
  return TRUE;
}

static GstPadProbeReturn on_caps(GstPad* pad, GstPadProbeInfo* info, gpointer box) {
  GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
  if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
    GstCaps* caps;
    GstVideoInfo video;
    gst_event_parse_caps(event, &caps);
    if (gst_video_info_from_caps(&video, caps))
      g_object_set(box, "right", -(video.width & 1), "bottom", -(video.height & 1), NULL);
  }
  (void)pad;
  return GST_PAD_PROBE_OK;
}

void programs_keep_even(GstElement* videobox) {
  GstPad* pad = gst_element_get_static_pad(videobox, "sink");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_caps, videobox, NULL);
  gst_object_unref(pad);
}

void programs_append_json(GString* json, const gchar* text) {
  if (!text || !g_utf8_validate(text, -1, NULL)) {
    g_string_append(json, "null");
    return;
  }
  g_string_append_c(json, '"');
  for (const gchar* c = text; *c; c++) {
    if (*c == '"' || *c == '\\')
      g_string_append_printf(json, "\\%c", *c);
    else if ((guchar)*c < 0x20 || *c == 0x7f)
      g_string_append_printf(json, "\\u%04x", (guint)(guchar)*c);
    else
      g_string_append_c(json, *c);
  }
  g_string_append_c(json, '"');
}
