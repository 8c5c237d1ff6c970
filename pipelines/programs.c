/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs.h"

#include <gst/video/video.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <unistd.h>

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
  g_printerr("%s%s: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", g_get_prgname(), text);
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

DetectorOptions programs_detector = {.threshold = -1, .interval = G_MININT, .min_area = -1, .threads = -1};

static const GOptionEntry detector_entries[] = {
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &programs_detector.model,
     "bundle of weights (default: the built-in one)", "FILE"},
    {"device", 'd', 0, G_OPTION_ARG_STRING, &programs_detector.device, "auto, cpu or cuda[:N]", "DEVICE"},
    {"method", 0, 0, G_OPTION_ARG_STRING, &programs_detector.method,
     "synboost, resynthesis, softmax-entropy, softmax-distance or perceptual-difference", "METHOD"},
    {"threshold", 't', 0, G_OPTION_ARG_DOUBLE, &programs_detector.threshold,
     "score from which a pixel counts (default: the bundle's)", "T"},
    {"roi", 'r', 0, G_OPTION_ARG_STRING, &programs_detector.roi, "region that counts, frame pixels",
     "X,Y,W,H"},
    {"ignore-mask", 0, 0, G_OPTION_ARG_FILENAME, &programs_detector.mask,
     "grey picture, stretched over the frame: what is black in it does not count", "FILE"},
    {"classes", 0, 0, G_OPTION_ARG_STRING, &programs_detector.classes,
     "only what stands on these counts, \"road,sidewalk\"", "NAMES"},
    {"min-area", 0, 0, G_OPTION_ARG_INT, &programs_detector.min_area,
     "smallest region reported, frame pixels", "N"},
    {"normalization", 0, 0, G_OPTION_ARG_STRING, &programs_detector.normalization,
     "frame, fixed or temporal (temporal: scores of different frames compare)", "MODE"},
    {"interval", 'i', 0, G_OPTION_ARG_INT, &programs_detector.interval,
     "frames skipped after each computed one; -1: as many as it takes to keep pace", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &programs_detector.threads,
     "threads that compute (default: all cores)", "N"},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

void programs_add_detector_options(GOptionContext* context) {
  g_option_context_add_main_entries(context, detector_entries, NULL);
}

gboolean programs_set_detector(GstElement* detect, const gchar* normalization) {
  const DetectorOptions* of = &programs_detector;
  return programs_set_option(detect, "model", "model", of->model) &&
         programs_set_option(detect, "device", "device", of->device) &&
         programs_set_option(detect, "method", "method", of->method) &&
         programs_set_option(detect, "roi", "roi", of->roi) &&
         programs_set_option(detect, "ignore-mask", "ignore-mask", of->mask) &&
         programs_set_option(detect, "classes", "classes", of->classes) &&
         programs_set_option(detect, "normalization", "normalization",
                             of->normalization ? of->normalization : normalization) &&
         (of->threshold < 0 || programs_set_number(detect, "threshold", "threshold", of->threshold)) &&
         (of->min_area < 0 || programs_set_number(detect, "min-area", "min-area", of->min_area)) &&
         (of->interval == G_MININT || programs_set_number(detect, "interval", "interval", of->interval)) &&
         (of->threads < 0 || programs_set_number(detect, "threads", "threads", of->threads));
}

gboolean programs_end_with(GstMessage* message, GMainLoop* loop, int* status) {
  GError* error = NULL;
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
      g_main_loop_quit(loop);
      return TRUE;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error(message, &error, NULL);
      if (*status == 0) {
        programs_complain("%s", error->message);
        *status = 1;
      }
      g_clear_error(&error);
      g_main_loop_quit(loop);
      return FALSE;
    default:
      return FALSE;
  }
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
