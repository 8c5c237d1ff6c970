/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The streams of a recording: the first video to the detector, sound to the muxer, the rest nowhere.
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "annotate.h"

static void link_to(GstPad* from, GstElement* to) {
  GstPad* sink = gst_element_get_static_pad(to, "sink");
  if (GST_PAD_LINK_FAILED(gst_pad_link(from, sink)))
    GST_ELEMENT_ERROR(to, STREAM, FORMAT, ("This stream cannot be linked to %s", GST_OBJECT_NAME(to)),
                      (NULL));
  gst_object_unref(sink);
}

static GstElement* add_playing(App* app, const gchar* factory) {
  GstElement* element = make(GST_BIN(app->pipeline), factory, "GStreamer's base and good plugins");
  return element;
}

/* decodebin has found raw data: video to the detector, audio through an AAC encoder. */
static void on_decoded(GstElement* decode, GstPad* pad, App* app) {
  GstCaps* caps = gst_pad_get_current_caps(pad);
  const gchar* name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
  if (g_str_has_prefix(name, "video/")) {
    link_to(pad, app->video_in);
  } else if (g_str_has_prefix(name, "audio/")) {
    const gchar* encoders[] = {"fdkaacenc", "avenc_aac", "voaacenc", NULL};
    GstElement *convert = add_playing(app, "audioconvert"), *resample = add_playing(app, "audioresample");
    GstElement *encode = NULL, *parse = add_playing(app, "aacparse"), *queue = add_playing(app, "queue");
    for (guint i = 0; encoders[i] && !encode; i++) encode = gst_element_factory_make(encoders[i], NULL);
    if (convert && resample && encode && parse && queue) {
      gst_bin_add(GST_BIN(app->pipeline), encode);
      g_object_set(queue, "max-size-buffers", 0, "max-size-time", (guint64)0, "max-size-bytes", 64u << 20,
                   NULL);
      if (gst_element_link_many(convert, resample, encode, parse, queue, app->mux, NULL))
        link_to(pad, convert);
      GstElement* all[] = {queue, parse, encode, resample, convert};
      for (guint i = 0; i < G_N_ELEMENTS(all); i++) gst_element_sync_state_with_parent(all[i]);
    }
  }
  gst_caps_unref(caps);
  (void)decode;
}

static void decode_stream(App* app, GstPad* pad) {
  GstElement *queue = add_playing(app, "queue"), *decode = add_playing(app, "decodebin");
  g_signal_connect(decode, "pad-added", G_CALLBACK(on_decoded), app);
  gst_element_link(queue, decode);
  link_to(pad, queue);
  gst_element_sync_state_with_parent(decode);
  gst_element_sync_state_with_parent(queue);
}

/* parsebin has found a stream. */
static void on_stream(GstElement* parse, GstPad* pad, App* app) {
  GstCaps* caps = gst_pad_get_current_caps(pad);
  if (!caps) caps = gst_pad_query_caps(pad, NULL);
  const gchar* name = gst_caps_is_any(caps) || gst_caps_is_empty(caps)
                          ? "?"
                          : gst_structure_get_name(gst_caps_get_structure(caps, 0));
  g_mutex_lock(&app->lock);
  gboolean first_video =
      (g_str_has_prefix(name, "video/") || g_str_has_prefix(name, "image/")) && !app->video_linked;
  if (first_video) app->video_linked = TRUE;
  g_mutex_unlock(&app->lock);

  if (first_video) {
    decode_stream(app, pad);
  } else if (g_str_has_prefix(name, "audio/")) {
    GstPadTemplate* audio = gst_element_get_pad_template(app->mux, "audio_%u");
    GstCaps* able = gst_pad_template_get_caps(audio);
    if (gst_caps_can_intersect(caps, able)) {
      GstElement* queue = add_playing(app, "queue");
      g_object_set(queue, "max-size-buffers", 0, "max-size-time", (guint64)0, "max-size-bytes", 64u << 20,
                   NULL);
      gst_element_link(queue, app->mux);
      link_to(pad, queue);
      gst_element_sync_state_with_parent(queue);
    } else {
      decode_stream(app, pad);
    }
    gst_caps_unref(able);
  } else {
    if (!app->quiet) complain("a stream of type %s is left out", name);
    GstElement* drop = add_playing(app, "fakesink");
    g_object_set(drop, "sync", FALSE, "async", FALSE, NULL);
    link_to(pad, drop);
    gst_element_sync_state_with_parent(drop);
  }
  gst_caps_unref(caps);
  (void)parse;
}

gboolean lacks_video(GstMessage* message) {
  GstStreamCollection* streams = NULL;
  gst_message_parse_stream_collection(message, &streams);
  if (!streams) return FALSE;
  guint count = gst_stream_collection_get_size(streams), videos = 0;
  for (guint i = 0; i < count; i++)
    if (gst_stream_get_stream_type(gst_stream_collection_get_stream(streams, i)) & GST_STREAM_TYPE_VIDEO)
      videos++;
  gst_object_unref(streams);
  return count > 0 && videos == 0;
}

gboolean build_file_source(App* app) {
  GstBin* bin = GST_BIN(app->pipeline);
  GstElement* source = NULL;
  if (gst_uri_is_valid(app->input)) {
    GError* error = NULL;
    source = gst_element_make_from_uri(GST_URI_SRC, app->input, NULL, &error);
    if (!source) {
      complain("%s cannot be opened: %s", app->input, error ? error->message : "no element reads such a URI");
      g_clear_error(&error);
      return FALSE;
    }
    gst_bin_add(bin, source);
  } else {
    if (!g_file_test(app->input, G_FILE_TEST_IS_REGULAR) || g_access(app->input, R_OK) != 0) {
      complain("%s: no such file, or it cannot be read", app->input);
      return FALSE;
    }
    source = make(bin, "filesrc", "GStreamer");
    g_object_set(source, "location", app->input, NULL);
  }
  app->parse = make(bin, "parsebin", "gstreamer1.0-plugins-base");
  if (!app->parse || !gst_element_link(source, app->parse)) return FALSE;
  g_signal_connect(app->parse, "pad-added", G_CALLBACK(on_stream), app);
  return TRUE;
}

gboolean build_sample_source(App* app) {
  GstElement* source = make(GST_BIN(app->pipeline), "anomalytestsrc", "this project (GST_PLUGIN_PATH)");
  if (!source) return FALSE;
  g_object_set(source, "num-buffers", opt.frames, NULL);
  app->parse = source;
  return gst_element_link(source, app->video_in);
}
