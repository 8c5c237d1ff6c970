/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A small pipeline of its own, which takes one frame at a time: what asks for pictures neither holds up the
 * pipeline that the frames come from, nor fails it.
 */
#include "paint.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>

#include "programs.h"

#define PATIENCE (10 * GST_SECOND) /* far more than a picture takes */

struct _Painter {
  guint widest;
  GstElement *pipeline, *in, *size, *out; /* NULL until the first frame, and after a failure */
  GstCaps* caps;                          /* of the frame before */
};

const gchar* painter_lacks(const gchar** package) {
  static const gchar* const needed[][2] = {{"anomalyoverlay", "this project, built with OpenCV"},
                                           {"appsrc", "gstreamer1.0-plugins-base"},
                                           {"videoscale", "gstreamer1.0-plugins-base"},
                                           {"videoconvert", "gstreamer1.0-plugins-base"},
                                           {"jpegenc", "gstreamer1.0-plugins-good"}};
  for (guint i = 0; i < G_N_ELEMENTS(needed); i++) {
    if (gst_registry_check_feature_version(gst_registry_get(), needed[i][0], 0, 0, 0)) continue;
    *package = needed[i][1];
    return needed[i][0];
  }
  return NULL;
}

Painter* painter_new(guint widest) {
  Painter* painter = g_new0(Painter, 1);
  painter->widest = widest;
  return painter;
}

static void close_pipeline(Painter* painter) {
  if (painter->pipeline) gst_element_set_state(painter->pipeline, GST_STATE_NULL);
  gst_clear_object(&painter->in);
  gst_clear_object(&painter->size);
  gst_clear_object(&painter->out);
  gst_clear_object(&painter->pipeline);
  gst_clear_caps(&painter->caps);
}

void painter_free(Painter* painter) {
  close_pipeline(painter);
  g_free(painter);
}

static gboolean open_pipeline(Painter* painter) {
  GError* error = NULL;
  /* Borders would cost the metadata: the pictures have the frames' proportions. JPEG means full range BT.601
   * by YCbCr, whatever the frames mean: from RGB the encoder makes it. */
  painter->pipeline = gst_parse_launch_full(
      "appsrc name=in format=time ! videoscale add-borders=false ! capsfilter name=size ! anomalyoverlay ! "
      "videoconvert ! video/x-raw,format=RGB ! jpegenc quality=80 ! appsink name=out sync=false",
      NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!painter->pipeline) {
    programs_complain("pictures cannot be made: %s", error->message);
    g_clear_error(&error);
    return FALSE;
  }
  painter->in = gst_bin_get_by_name(GST_BIN(painter->pipeline), "in");
  painter->size = gst_bin_get_by_name(GST_BIN(painter->pipeline), "size");
  painter->out = gst_bin_get_by_name(GST_BIN(painter->pipeline), "out");
  if (gst_element_set_state(painter->pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE) return TRUE;
  close_pipeline(painter);
  return FALSE;
}

static gboolean set_size(Painter* painter, GstCaps* caps) {
  GstVideoInfo info;
  if (painter->caps && gst_caps_is_equal(painter->caps, caps)) return TRUE;
  if (!gst_video_info_from_caps(&info, caps) || info.width < 1 || info.height < 1) return FALSE;
  const guint width = MIN((guint)info.width, painter->widest);
  const guint height =
      (guint)MAX(1, gst_util_uint64_scale_int_round((guint64)info.height, (gint)width, info.width));
  GstCaps* size = gst_caps_new_simple("video/x-raw", "width", G_TYPE_INT, (gint)width, "height", G_TYPE_INT,
                                      (gint)height, NULL);
  g_object_set(painter->size, "caps", size, NULL);
  gst_caps_unref(size);
  gst_caps_replace(&painter->caps, caps);
  return TRUE;
}

GBytes* painter_paint(Painter* painter, GstBuffer* frame, GstCaps* caps) {
  GBytes* picture = NULL;
  if (!painter->pipeline && !open_pipeline(painter)) return NULL;
  if (!set_size(painter, caps)) return NULL;
  GstSample* given = gst_sample_new(frame, caps, NULL, NULL);
  const GstFlowReturn flow = gst_app_src_push_sample(GST_APP_SRC(painter->in), given);
  gst_sample_unref(given);
  GstSample* made =
      flow == GST_FLOW_OK ? gst_app_sink_try_pull_sample(GST_APP_SINK(painter->out), PATIENCE) : NULL;
  GstMapInfo map;
  if (made && gst_buffer_map(gst_sample_get_buffer(made), &map, GST_MAP_READ)) {
    picture = g_bytes_new(map.data, map.size);
    gst_buffer_unmap(gst_sample_get_buffer(made), &map);
  }
  if (made) gst_sample_unref(made);
  if (!picture) close_pipeline(painter); /* the next one begins anew */
  return picture;
}
