/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench_overlay [WIDTH HEIGHT [FRAMES]]: milliseconds a frame that the metadata costs (attached, carried over
 * one copy, written as bytes and read again) and that drawing costs in each mode, per format, in one thread.
 * Prints a table; not a test. Default: 960x540, 100 frames. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "gst/lib/gstanomalymeta.h"

#define MAP_WIDTH 512
#define MAP_HEIGHT 256
#define REGIONS 8

/* A low background with some bumps over the threshold of 0.5: what a driving frame gives. */
static GstBuffer* map_new(void) {
  gfloat* scores = g_new(gfloat, MAP_WIDTH * MAP_HEIGHT);
  for (gint i = 0; i < MAP_WIDTH * MAP_HEIGHT; i++) {
    const gint column = i % MAP_WIDTH, row = i / MAP_WIDTH;
    const gfloat x = (gfloat)column, y = (gfloat)row;
    scores[i] = 0.2f + 0.05f * sinf(0.9f * x) * cosf(0.7f * y);
    for (gint n = 0; n < REGIONS; n++) {
      const gfloat dx = x - 40 - 60 * (gfloat)n, dy = y - 150 - 10 * (gfloat)(n % 3);
      scores[i] += 0.7f * expf(-(dx * dx + dy * dy) / 100);
    }
  }
  return gst_buffer_new_wrapped(scores, MAP_WIDTH * MAP_HEIGHT * sizeof(gfloat));
}

static void attach(GstBuffer* buffer, GstBuffer* map, const GstVideoInfo* info) {
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  meta->width = info->width;
  meta->height = info->height;
  meta->threshold = 0.5;
  meta->score = 0.8;
  gst_anomaly_meta_set_names(meta, "synboost", "bench");
  gst_anomaly_meta_set_map(meta, MAP_WIDTH, MAP_HEIGHT, gst_buffer_ref(map));
  for (gint n = 0; n < REGIONS; n++) {
    const GstAnomalyRegion region = {.id = (guint)n,
                                     .x = (30 + 60 * n) * info->width / MAP_WIDTH,
                                     .y = (140 + 10 * (n % 3)) * info->height / MAP_HEIGHT,
                                     .width = 20 * info->width / MAP_WIDTH,
                                     .height = 20 * info->height / MAP_HEIGHT,
                                     .area = 300,
                                     .mean = 0.7,
                                     .max = 0.9,
                                     .label = "road"};
    gst_anomaly_meta_add_region(meta, &region);
  }
}

/* Of this thread's own time, so that a busy machine measures the same; microseconds. */
static gint64 now(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (gint64)time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

static gdouble milliseconds_since(gint64 begin, guint frames) {
  return (gdouble)(now() - begin) / 1000 / frames;
}

static void bench_meta(GstBuffer* map, const GstVideoInfo* info, guint frames) {
  gdouble attached = 0, copied = 0, bytes = 0;
  for (guint i = 0; i < frames; i++) {
    GstBuffer *frame = gst_buffer_new(), *back = gst_buffer_new();
    gint64 begin = now();
    attach(frame, map, info);
    attached += milliseconds_since(begin, frames);
    begin = now();
    GstBuffer* copy = gst_buffer_copy(frame);
    copied += milliseconds_since(begin, frames);
    begin = now();
    GBytes* written = gst_anomaly_meta_serialize(gst_buffer_get_anomaly_meta(copy));
    gst_buffer_add_anomaly_meta_from_bytes(back, written, NULL);
    bytes += milliseconds_since(begin, frames);
    g_bytes_unref(written);
    gst_buffer_unref(copy);
    gst_buffer_unref(frame);
    gst_buffer_unref(back);
  }
  g_print("metadata: attach %.4f, copy %.4f, to bytes and back %.3f\n", attached, copied, bytes);
}

/* Milliseconds a frame of the element itself: the frames are made before. */
static gdouble bench_drawing(const gchar* properties, GstBuffer* map, const GstVideoInfo* info,
                             guint frames) {
  GError* error = NULL;
  GstElement* overlay = gst_parse_launch(properties, &error);
  if (overlay == NULL) g_error("%s", error->message);
  GstPad *sink = gst_element_get_static_pad(overlay, "sink"),
         *src = gst_element_get_static_pad(overlay, "src");
  GstElement* end = gst_element_factory_make("fakesink", NULL);
  GstPad* end_pad = gst_element_get_static_pad(end, "sink");
  GstSegment segment;
  GstCaps* caps = gst_video_info_to_caps(info);
  GstBuffer** buffers = g_new(GstBuffer*, frames);
  for (guint i = 0; i < frames; i++) {
    buffers[i] = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(info), NULL);
    gst_buffer_memset(buffers[i], 0, (guint8)(60 + i), GST_VIDEO_INFO_SIZE(info));
    attach(buffers[i], map, info);
  }
  g_object_set(end, "sync", FALSE, "async", FALSE, NULL);
  gst_pad_link(src, end_pad);
  gst_element_set_state(end, GST_STATE_PLAYING);
  gst_element_set_state(overlay, GST_STATE_PLAYING);
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_pad_send_event(sink, gst_event_new_stream_start("bench"));
  gst_pad_send_event(sink, gst_event_new_caps(caps));
  gst_pad_send_event(sink, gst_event_new_segment(&segment));
  gst_pad_chain(sink, buffers[0]); /* negotiates */
  const gint64 begin = now();
  for (guint i = 1; i < frames; i++) gst_pad_chain(sink, buffers[i]);
  const gdouble ms = milliseconds_since(begin, frames - 1);
  gst_element_set_state(overlay, GST_STATE_NULL);
  gst_element_set_state(end, GST_STATE_NULL);
  gst_caps_unref(caps);
  g_free(buffers);
  gst_object_unref(end_pad);
  gst_object_unref(sink);
  gst_object_unref(src);
  gst_object_unref(overlay);
  gst_object_unref(end);
  return ms;
}

int main(int argc, char** argv) {
  static const gchar* formats[] = {"NV12", "I420", "YUY2", "RGB", "BGRx", "P010_10LE", "GRAY8"};
  static const gchar* styles[][2] = {{"heatmap", "anomalyoverlay boxes=false"},
                                     {"default", "anomalyoverlay"},
                                     {"contours", "anomalyoverlay opacity=0 boxes=false contours=true"},
                                     {"all", "anomalyoverlay contours=true score-bar=true legend=true"},
                                     {"map", "anomalyoverlay mode=map"},
                                     {"sides", "anomalyoverlay mode=side-by-side"}};
  gst_init(&argc, &argv);
  const gint width = argc > 2 ? atoi(argv[1]) : 960, height = argc > 2 ? atoi(argv[2]) : 540;
  const guint frames = argc > 3 ? (guint)MAX(atoi(argv[3]), 2) : 100;
  GstBuffer* map = map_new();
  GstVideoInfo info;
  gst_video_info_init(&info);
  g_print("%dx%d, mean of %u frames, milliseconds of processor time a frame\n", width, height, frames);
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++) {
    if (!gst_video_info_set_format(&info, gst_video_format_from_string(formats[f]), width, height)) {
      g_printerr("usage: bench_overlay [WIDTH HEIGHT [FRAMES]]\n");
      return 2;
    }
    info.fps_n = 25;
    if (f == 0) {
      bench_meta(map, &info, frames);
      g_print("%-12s", "format");
      for (guint s = 0; s < G_N_ELEMENTS(styles); s++) g_print(" %10s", styles[s][0]);
      g_print("\n");
    }
    g_print("%-12s", formats[f]);
    for (guint s = 0; s < G_N_ELEMENTS(styles); s++)
      g_print(" %10.2f", bench_drawing(styles[s][1], map, &info, frames));
    g_print("\n");
  }
  gst_buffer_unref(map);
  return 0;
}
