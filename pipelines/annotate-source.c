/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The streams of a recording: the first video to the detector, sound to the muxer, the rest nowhere.
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "annotate.h"
#include "programs.h"

static void link_to(GstPad* from, GstElement* to) {
  GstPad* sink = gst_element_get_static_pad(to, "sink");
  if (GST_PAD_LINK_FAILED(gst_pad_link(from, sink)))
    GST_ELEMENT_ERROR(to, STREAM, FORMAT, ("This stream cannot be linked to %s", GST_OBJECT_NAME(to)),
                      (NULL));
  gst_object_unref(sink);
}

/* A stream that has no place in the output is read and forgotten: the demuxer sends it all the same. */
static void drop_stream(App* app, GstPad* pad) {
  GstElement* drop = make(GST_BIN(app->pipeline), "fakesink", "GStreamer");
  if (!drop) return;
  g_object_set(drop, "sync", FALSE, "async", FALSE, NULL);
  link_to(pad, drop);
  gst_element_sync_state_with_parent(drop);
}

static GstElement* make_aac_encoder(void) {
  const gchar* encoders[] = {"fdkaacenc", "avenc_aac", "voaacenc"};
  GstElement* encode = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(encoders) && !encode; i++)
    encode = gst_element_factory_make(encoders[i], NULL);
  return encode;
}

static void encode_audio(App* app, GstPad* pad) {
  GstBin* bin = GST_BIN(app->pipeline);
  GstElement* encode = make_aac_encoder();
  if (!encode) {
    programs_complain("no AAC encoder is installed (gstreamer1.0-libav has one): the sound is left out");
    drop_stream(app, pad);
    return;
  }
  gst_bin_add(bin, encode);
  GstElement* convert = make(bin, "audioconvert", "gstreamer1.0-plugins-base");
  GstElement* resample = make(bin, "audioresample", "gstreamer1.0-plugins-base");
  GstElement* parse = make(bin, "aacparse", "gstreamer1.0-plugins-good");
  GstElement* queue = make_encoded_queue(bin);
  if (!convert || !resample || !parse || !queue ||
      !gst_element_link_many(convert, resample, encode, parse, queue, app->mux, NULL)) {
    GST_ELEMENT_ERROR(app->pipeline, CORE, MISSING_PLUGIN, ("The sound cannot be encoded"), (NULL));
    return;
  }
  link_to(pad, convert);
  GstElement* all[] = {queue, parse, encode, resample, convert};
  for (guint i = 0; i < G_N_ELEMENTS(all); i++) gst_element_sync_state_with_parent(all[i]);
}

/* decodebin has found raw data: video to the detector, audio through an AAC encoder. */
static void on_decoded(GstElement* decode, GstPad* pad, App* app) {
  GstCaps* caps = gst_pad_get_current_caps(pad);
  const gchar* name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
  if (g_str_has_prefix(name, "video/")) {
    link_to(pad, app->video_in);
  } else if (g_str_has_prefix(name, "audio/")) {
    encode_audio(app, pad);
  }
  gst_caps_unref(caps);
  (void)decode;
}

static void decode_stream(App* app, GstPad* pad) {
  GstElement* queue = make(GST_BIN(app->pipeline), "queue", "GStreamer");
  GstElement* decode = make(GST_BIN(app->pipeline), "decodebin", "gstreamer1.0-plugins-base");
  if (!queue || !decode) {
    GST_ELEMENT_ERROR(app->pipeline, CORE, MISSING_PLUGIN, ("A stream cannot be decoded"), (NULL));
    return;
  }
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
      GstElement* queue = make_encoded_queue(GST_BIN(app->pipeline));
      gst_element_link(queue, app->mux);
      link_to(pad, queue);
      gst_element_sync_state_with_parent(queue);
    } else {
      decode_stream(app, pad);
    }
    gst_caps_unref(able);
  } else {
    if (!app->quiet) programs_complain("a stream of type %s is left out", name);
    drop_stream(app, pad);
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
      programs_complain("%s cannot be opened: %s", app->input,
                        error ? error->message : "no element reads such a URI");
      g_clear_error(&error);
      return FALSE;
    }
    gst_bin_add(bin, source);
  } else {
    if (!g_file_test(app->input, G_FILE_TEST_IS_REGULAR) || g_access(app->input, R_OK) != 0) {
      programs_complain("%s: no such file, or it cannot be read", app->input);
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
