/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What lies beside a clip: its picture, and its figures as JSON.
 */
#include <gst/video/video.h>
#include <string.h>

#include "programs.h"
#include "record-clips.h"

gchar* clip_beside(const gchar* path, const gchar* ending) {
  const gchar* dot = strrchr(path, '.');
  return g_strdup_printf("%.*s%s", (int)(dot - path), path, ending);
}

static void add_text(GString* json, const gchar* name, const gchar* text) {
  g_string_append_printf(json, "\"%s\": ", name);
  programs_append_json(json, text);
}

static void add_number(GString* json, const gchar* name, gdouble value) {
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf(json, "\"%s\": %s", name, g_ascii_formatd(text, sizeof text, "%.6g", value));
}

static void add_seconds(GString* json, const gchar* name, GstClockTime time) {
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];
  if (GST_CLOCK_TIME_IS_VALID(time))
    g_string_append_printf(json, "\"%s\": %s", name,
                           g_ascii_formatd(text, sizeof text, "%.3f", time / (gdouble)GST_SECOND));
  else
    g_string_append_printf(json, "\"%s\": null", name);
}

/* The highest event's picture; FALSE where there is none. */
static gboolean write_picture(const Clip* clip, const gchar* path) {
  const Event* highest = NULL;
  for (guint i = 0; i < clip->events->len; i++) {
    const Event* event = clip->events->pdata[i];
    if (event->picture && (!highest || event->peak > highest->peak)) highest = event;
  }
  if (!highest) return FALSE;
  GstCaps* jpeg = gst_caps_new_empty_simple("image/jpeg");
  GError* error = NULL;
  GstSample* sample = gst_video_convert_sample(highest->picture, jpeg, 10 * GST_SECOND, &error);
  GstMapInfo map;
  gboolean ok = sample && gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ);
  if (ok) {
    ok = g_file_set_contents(path, (const gchar*)map.data, (gssize)map.size, &error);
    gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
  }
  if (error) programs_complain("%s: %s", path, error->message);
  g_clear_error(&error);
  if (sample) gst_sample_unref(sample);
  gst_caps_unref(jpeg);
  return ok;
}

gboolean clip_write_facts(const Clip* clip, const gchar* source) {
  gchar* picture = clip_beside(clip->path, ".jpg");
  if (!write_picture(clip, picture)) g_clear_pointer(&picture, g_free);
  GString* json = g_string_new("{");
  gchar *name = g_path_get_basename(clip->path),
        *picture_name = picture ? g_path_get_basename(picture) : NULL;
  add_text(json, "clip", name);
  g_string_append(json, ",\n ");
  add_text(json, "picture", picture_name);
  g_string_append(json, ",\n ");
  add_text(json, "source", source);
  g_string_append(json, ",\n ");
  add_seconds(json, "begin", clip->begin);
  g_string_append(json, ",\n ");
  add_seconds(json, "end", clip->last);
  g_string_append_printf(json, ",\n \"frames\": %u,\n \"events\": [", clip->frames);
  for (guint i = 0; i < clip->events->len; i++) {
    const Event* event = clip->events->pdata[i];
    g_string_append_printf(json, "%s\n  {\"id\": %u, ", i ? "," : "", event->id);
    add_seconds(json, "start", event->start);
    g_string_append(json, ", ");
    add_seconds(json, "end", event->end);
    g_string_append(json, ", ");
    add_number(json, "peak", event->peak);
    g_string_append(json, ", ");
    add_seconds(json, "peak_at", event->peak_at);
    g_string_append(json, ", ");
    add_text(json, "reason", event->reason);
    g_string_append(json, ", ");
    add_text(json, "model", event->model);
    g_string_append_c(json, '}');
  }
  g_string_append(json, "]}\n");
  gchar* path = clip_beside(clip->path, ".json");
  GError* error = NULL;
  const gboolean ok = g_file_set_contents(path, json->str, (gssize)json->len, &error);
  if (!ok) programs_complain("%s: %s", path, error->message);
  g_clear_error(&error);
  g_free(path);
  g_free(name);
  g_free(picture_name);
  g_free(picture);
  g_string_free(json, TRUE);
  return ok;
}
