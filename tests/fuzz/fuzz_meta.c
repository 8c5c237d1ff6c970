/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: bytes from anyone, read as metadata. What is accepted must survive every transform and be
 * written as the same bytes again. */
#include "gst/lib/gstanomalymeta.h"
#include "tests/fuzz/replay.h"

/* What GStreamer 1.28 hands over with "gst-video-matrix". */
typedef struct {
  const GstVideoInfo* in_info;
  GstVideoRectangle in_rectangle;
  const GstVideoInfo* out_info;
  GstVideoRectangle out_rectangle;
  gfloat matrix[3][3];
} Matrix;

/* A crop between borders, mirrored; and a quarter turn, enlarged beyond all bounds. */
static void transform_by_matrices(GstBuffer* buffer, GstMeta* meta, const GstVideoInfo* in,
                                  const GstVideoInfo* out) {
  const Matrix matrices[] = {
      {in, {100, 50, 200, 100}, out, {0, 40, 320, 100}, {{-1.6f, 0, 320}, {0, 1, 0}, {0, 0, 1}}},
      {in, {0, 0, 640, 360}, out, {0, 0, 320, 180}, {{0, -1e30f, 320}, {1e30f, 0, 0}, {0, 0, 1}}}};
  for (gsize i = 0; i < G_N_ELEMENTS(matrices); i++) {
    Matrix matrix = matrices[i];
    GstBuffer* turned = gst_buffer_new();
    meta->info->transform_func(turned, meta, buffer, g_quark_from_static_string("gst-video-matrix"), &matrix);
    gst_buffer_unref(turned);
  }
}

static void transform_all(GstBuffer* buffer, GstMeta* meta) {
  GstVideoInfo in, out;
  gst_video_info_set_format(&in, GST_VIDEO_FORMAT_GRAY8, 640, 360);
  gst_video_info_set_format(&out, GST_VIDEO_FORMAT_GRAY8, 320, 180);
  GstVideoMetaTransform scale = {&in, &out};
  GstBuffer* scaled = gst_buffer_new();
  meta->info->transform_func(scaled, meta, buffer, gst_video_meta_transform_scale_get_quark(), &scale);
  gst_buffer_unref(scaled);
  transform_by_matrices(buffer, meta, &in, &out);
  gst_buffer_unref(gst_buffer_copy_deep(buffer));
}

int LLVMFuzzerTestOneInput(const guint8* data, gsize size) {
  if (!gst_is_initialized()) {
    g_setenv("GST_REGISTRY_DISABLE", "yes", TRUE);
    gst_init(NULL, NULL);
  }
  GstBuffer* buffer = gst_buffer_new();
  GBytes* bytes = g_bytes_new(data, size);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta_from_bytes(buffer, bytes, NULL);
  if (meta != NULL) {
    gdouble score;
    GBytes* again = gst_anomaly_meta_serialize(meta);
    /* Older versions are written as today's. */
    if (data[4] == 2) g_assert_true(g_bytes_equal(again, bytes));
    g_bytes_unref(again);
    gst_anomaly_meta_get_score_at(meta, 0, 0, &score);
    gst_anomaly_meta_get_plane(meta, "labels");
    transform_all(buffer, &meta->meta);
  } else {
    g_assert_null(gst_buffer_get_anomaly_meta(buffer));
  }
  g_bytes_unref(bytes);
  gst_buffer_unref(buffer);
  return 0;
}
