/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From decoded video to the file: detect, paint, publish, encode, mux.
 */
#include <gst/video/video.h>

#include "annotate.h"
#include "programs.h"

GstElement* make(GstBin* bin, const gchar* factory, const gchar* needed) {
  GstElement* element = gst_element_factory_make(factory, NULL);
  if (!element) {
    programs_complain("the GStreamer element %s is missing; it comes with %s", factory, needed);
    return NULL;
  }
  if (bin) gst_bin_add(bin, element);
  return element;
}

GstElement* make_encoded_queue(GstBin* bin) {
  GstElement* queue = make(bin, "queue", "GStreamer");
  if (queue)
    g_object_set(queue, "max-size-buffers", 0, "max-size-time", (guint64)0, "max-size-bytes", 64u << 20,
                 NULL);
  return queue;
}

static GstPadProbeReturn on_finished_frame(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  App* app = data;
  GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  if (GST_BUFFER_PTS_IS_VALID(buffer)) {
    g_mutex_lock(&app->lock);
    app->position = GST_BUFFER_PTS(buffer);
    g_mutex_unlock(&app->lock);
  }
  g_atomic_int_inc(&app->frames);
  (void)pad;
  return GST_PAD_PROBE_OK;
}

/* decode .. detect .. encode, and its entry. */
gboolean build_video(App* app) {
  GstBin* bin = GST_BIN(app->pipeline);
  GstElement* deinterlace = make(bin, "deinterlace", "gstreamer1.0-plugins-good");
  GstElement* flip = make(bin, "videoflip", "gstreamer1.0-plugins-good");
  GstElement* in = make(bin, "videoconvert", "gstreamer1.0-plugins-base");
  GstElement* detect = make(bin, "anomalydetect", "this project (GST_PLUGIN_PATH)");
  GstElement* ahead = make(bin, "queue", "GStreamer");
  GstElement* overlay = make(bin, "anomalyoverlay", "this project (GST_PLUGIN_PATH)");
  GstElement* publish = make(bin, "anomalypublish", "this project (GST_PLUGIN_PATH)");
  GstElement* out = make(bin, "videoconvert", "gstreamer1.0-plugins-base");
  GstElement* filter = make(bin, "capsfilter", "GStreamer");
  GstElement* box = make(bin, "videobox", "gstreamer1.0-plugins-good");
  GstElement* encode = make(bin, "x264enc", "gstreamer1.0-plugins-ugly");
  GstElement* parse = make(bin, "h264parse", "gstreamer1.0-plugins-bad");
  GstElement* queue = make_encoded_queue(bin);
  app->mux = make(bin, "mp4mux", "gstreamer1.0-plugins-good");
  GstElement* sink = make(bin, "filesink", "GStreamer");
  if (!deinterlace || !flip || !in || !detect || !ahead || !overlay || !publish || !out || !filter || !box ||
      !encode || !parse || !queue || !app->mux || !sink)
    return FALSE;

  gchar* weights = opt.weights ? g_strdup_printf("<%s>", opt.weights) : NULL;
  gboolean ok = programs_set_detector(detect, NULL) &&
                programs_set_option(detect, "ensemble-weights", "ensemble-weights", weights) &&
                (opt.opacity < 0 || programs_set_number(overlay, "opacity", "opacity", opt.opacity)) &&
                programs_set_option(overlay, "colormap", "colormap", opt.colormap);
  g_free(weights);
  if (!ok) return FALSE;

  g_object_set(flip, "video-direction", GST_VIDEO_ORIENTATION_AUTO, NULL);
  g_object_set(publish, "location", app->lines_part, NULL);
  gst_util_set_object_arg(G_OBJECT(filter), "caps", "video/x-raw, format=I420");
  gst_util_set_object_arg(G_OBJECT(encode), "pass", "qual");
  gst_util_set_object_arg(G_OBJECT(encode), "speed-preset", "veryfast");
  g_object_set(encode, "quantizer", CLAMP(opt.quality, 0, 50), NULL);
  g_object_set(ahead, "max-size-buffers", 3, NULL);
  /* Its copy of the media lies beside the output: /tmp may be small. */
  gchar* copy = g_strdup_printf("%s.media", app->output_part);
  g_object_set(app->mux, "faststart", TRUE, "faststart-file", copy, NULL);
  g_free(copy);
  g_object_set(sink, "location", app->output_part, NULL);

  app->video_in = deinterlace;
  app->detect = detect;
  app->sink = sink;
  if (!gst_element_link_many(deinterlace, flip, in, detect, ahead, overlay, publish, out, filter, box, encode,
                             parse, queue, app->mux, sink, NULL)) {
    programs_complain(
        "the elements could not be linked; check the installation with gst-inspect-1.0 anomalydetect");
    return FALSE;
  }
  GstPad* pad = gst_element_get_static_pad(publish, "src");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_finished_frame, app, NULL);
  gst_object_unref(pad);
  programs_keep_even(box);
  return TRUE;
}
