/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* anomalyoverlay writes only what is its own: shared frames are copied, memory that is not there is not
 * touched, and nothing of one frame appears on another. */
#include "tests/gst/overlayframes.h"

/* A frame that somebody else holds is copied before it is drawn on; one that nobody holds is not. */
GST_START_TEST(test_shared_frame) {
  const GstVideoInfo info = make_info("I420", 32, 16);
  GstHarness* harness = overlay_new(&info, "opacity=1");
  GstBuffer *frame = test_frame_new(&info), *before = gst_buffer_copy_deep(frame);
  GstMapInfo map;
  add_constant(frame, 1);
  GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_ref(frame));
  fail_unless(out != frame);
  fail_unless(gst_buffer_map(before, &map, GST_MAP_READ));
  fail_unless_equals_int(gst_buffer_memcmp(frame, 0, map.data, map.size), 0);
  fail_if(gst_buffer_memcmp(out, 0, map.data, map.size) == 0);
  gst_buffer_unmap(before, &map);
  fail_unless(gst_buffer_get_anomaly_meta(out) != NULL);
  gst_buffer_unref(out);

  GstMemory* memory = gst_buffer_peek_memory(frame, 0);
  GstBuffer* same = gst_harness_push_and_pull(harness, frame);
  fail_unless(same == frame && gst_buffer_peek_memory(same, 0) == memory);
  gst_buffer_unref(same);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* A buffer too small for its caps is passed on as it is, with a warning for whoever looks. */
GST_START_TEST(test_short_buffer) {
  const GstVideoInfo info = make_info("NV12", 32, 16);
  GstHarness* harness = overlay_new(&info, "opacity=1 contours=true legend=true");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(overlay, bus);
  GstBuffer *frame = gst_buffer_new_allocate(NULL, 32 * 16, NULL), *before;
  GstMapInfo map;
  gst_buffer_memset(frame, 0, 77, 32 * 16);
  before = gst_buffer_copy_deep(frame);
  add_constant(frame, 1);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  fail_unless(gst_buffer_map(before, &map, GST_MAP_READ));
  fail_unless_equals_int(gst_buffer_memcmp(out, 0, map.data, map.size), 0);
  gst_buffer_unmap(before, &map);
  GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING);
  fail_unless(message != NULL);
  gst_message_unref(message);
  gst_buffer_unref(before);
  gst_buffer_unref(out);
  gst_element_set_bus(overlay, NULL);
  gst_object_unref(bus);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Neither does video metadata that promises more than the buffer holds make the element write there: the
 * frame passes as it is with a warning, or, where it would have to be copied, the stream ends with an error.
 */
GST_START_TEST(test_lying_video_meta) {
  static const struct {
    gint stride;
    gsize offset;
  } lies[] = {{32 * 3 + 16, 0},         {32 * 3, 1}, {G_MAXINT, 0},        {-32 * 3, 0},
              {32 * 3 - 1, 0},          {0, 0},      {32 * 3, 32 * 3 * 8}, {-32 * 3, 32 * 3 * 14},
              {32 * 3, 32 * 3 * 16 - 1}};
  static const gchar* modes[] = {"opacity=1", "opacity=1 mode=side-by-side"};
  const GstVideoInfo info = make_info("RGB", 32, 16);
  for (guint i = 0; i < 2 * G_N_ELEMENTS(lies); i++) {
    GstHarness* harness = overlay_new(&info, modes[i % 2]);
    GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
    GstBus* bus = gst_bus_new();
    gst_element_set_bus(overlay, bus);
    GstBuffer* frame = gst_buffer_new_allocate(NULL, 32 * 3 * 16, NULL);
    gsize offsets[GST_VIDEO_MAX_PLANES] = {lies[i / 2].offset};
    gint strides[GST_VIDEO_MAX_PLANES] = {lies[i / 2].stride};
    gst_buffer_memset(frame, 0, 77, 32 * 3 * 16);
    gst_buffer_add_video_meta_full(frame, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 32, 16, 1, offsets,
                                   strides);
    GstBuffer* before = gst_buffer_copy_deep(frame);
    add_constant(frame, 1);
    const GstFlowReturn flow = gst_harness_push(harness, gst_buffer_ref(frame));
    fail_unless_equals_int(flow, i % 2 == 0 ? GST_FLOW_OK : GST_FLOW_ERROR);
    GstMapInfo map;
    fail_unless(gst_buffer_map(before, &map, GST_MAP_READ));
    fail_unless_equals_int(gst_buffer_memcmp(frame, 0, map.data, map.size), 0);
    GstBuffer* out = gst_harness_try_pull(harness);
    fail_unless((out != NULL) == (i % 2 == 0));
    if (out != NULL)
      fail_unless(gst_buffer_memcmp(out, 0, map.data, map.size) == 0, "stride %d, offset %d",
                  lies[i / 2].stride, (gint)lies[i / 2].offset);
    gst_buffer_unmap(before, &map);
    GstMessage* message = gst_bus_pop_filtered(bus, i % 2 == 0 ? GST_MESSAGE_WARNING : GST_MESSAGE_ERROR);
    fail_unless(message != NULL, "stride %d, offset %d", lies[i / 2].stride, (gint)lies[i / 2].offset);
    gst_message_unref(message);
    gst_buffer_unref(before);
    gst_buffer_unref(frame);
    gst_clear_buffer(&out);
    gst_element_set_bus(overlay, NULL);
    gst_object_unref(bus);
    gst_object_unref(overlay);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

/* The buffer is this element's alone, its memory is not: another buffer shows the same picture. */
GST_START_TEST(test_shared_memory) {
  const GstVideoInfo info = make_info("NV12", 32, 16);
  GstHarness* harness = overlay_new(&info, "opacity=1");
  GstBuffer *frame = padded(test_frame_new(&info), &info, 24), *before = gst_buffer_copy_deep(frame),
            *other = gst_buffer_copy(frame);
  GstMapInfo map;
  fail_unless(gst_buffer_peek_memory(frame, 0) == gst_buffer_peek_memory(other, 0));
  add_constant(frame, 1);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  fail_unless(gst_buffer_map(before, &map, GST_MAP_READ));
  fail_unless_equals_int(gst_buffer_memcmp(other, 0, map.data, map.size), 0);
  fail_if(gst_buffer_memcmp(out, 0, map.data, map.size) == 0);
  gst_buffer_unmap(before, &map);
  gst_buffer_unref(out);
  gst_buffer_unref(other);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Only one of two branches behind a tee draws: the other's picture stays clean. */
GST_START_TEST(test_tee) {
  GstElement* pipeline = gst_parse_launch(
      "appsrc name=in format=time ! tee name=t t. ! queue ! anomalyoverlay opacity=1 ! appsink name=drawn "
      "sync=false t. ! queue ! appsink name=clean sync=false",
      NULL);
  const gchar* names[] = {"drawn", "clean"};
  const GstVideoInfo info = make_info("I420", 32, 16);
  GstElement* in = gst_bin_get_by_name(GST_BIN(pipeline), "in");
  GstCaps* caps = gst_video_info_to_caps((GstVideoInfo*)&info);
  GstBuffer *frame = test_frame_new(&info), *before = gst_buffer_copy_deep(frame);
  GstFlowReturn flow;
  GstMapInfo map;
  add_constant(frame, 1);
  g_object_set(in, "caps", caps, NULL);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_signal_emit_by_name(in, "push-buffer", frame, &flow);
  gst_buffer_unref(frame);
  fail_unless(gst_buffer_map(before, &map, GST_MAP_READ));
  for (guint i = 0; i < 2; i++) {
    GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), names[i]);
    GstSample* sample = NULL;
    g_signal_emit_by_name(sink, "pull-sample", &sample);
    const gint differs = gst_buffer_memcmp(gst_sample_get_buffer(sample), 0, map.data, map.size);
    fail_unless((differs != 0) == (i == 0), "%s", names[i]);
    gst_sample_unref(sample);
    gst_object_unref(sink);
  }
  gst_buffer_unmap(before, &map);
  gst_buffer_unref(before);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_caps_unref(caps);
  gst_object_unref(in);
  gst_object_unref(pipeline);
}
GST_END_TEST;

/* A frame without metadata after one with it: nothing of the one before is drawn, in no mode. */
GST_START_TEST(test_nothing_stale) {
  static const gchar* modes[] = {"opacity=1 legend=true score-bar=true contours=true", "mode=map",
                                 "mode=side-by-side legend=true"};
  const GstVideoInfo info = make_info("YUY2", 240, 230);
  for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
    GstHarness *used = overlay_new(&info, modes[i]), *fresh = overlay_new(&info, modes[i]);
    GstBuffer *with = test_frame_new(&info), *without = gst_buffer_copy_deep(with);
    const GstAnomalyRegion region = {
        .id = 1, .width = 99, .height = 99, .area = 9, .max = 1, .label = "road"};
    gst_anomaly_meta_add_region(add_constant(with, 1), &region);
    GstBuffer* drawn = gst_harness_push_and_pull(used, with);
    GstBuffer *after = gst_harness_push_and_pull(used, gst_buffer_ref(without)),
              *expected = gst_harness_push_and_pull(fresh, gst_buffer_ref(without));
    GstMapInfo map;
    fail_unless(gst_buffer_map(expected, &map, GST_MAP_READ));
    fail_unless_equals_int(gst_buffer_get_size(after), map.size);
    fail_unless(gst_buffer_memcmp(after, 0, map.data, map.size) == 0, "%s", modes[i]);
    fail_if(gst_buffer_memcmp(drawn, 0, map.data, map.size) == 0);
    gst_buffer_unmap(expected, &map);
    gst_buffer_unref(drawn);
    gst_buffer_unref(after);
    gst_buffer_unref(expected);
    gst_buffer_unref(without);
    gst_harness_teardown(used);
    gst_harness_teardown(fresh);
  }
}
GST_END_TEST;

/* Frames larger than their caps: the crop meta names the part that they show; without one, it is the first
 * corner. */
GST_START_TEST(test_crop_meta) {
  const GstVideoInfo shown = make_info("NV12", 32, 16), whole = make_info("NV12", 64, 40);
  for (guint i = 0; i < 2; i++) {
    const gint x = i == 0 ? 0 : 20, y = i == 0 ? 0 : 10;
    GstHarness* harness = overlay_new(&shown, "opacity=1");
    GstBuffer *before = test_frame_new(&whole), *frame = gst_buffer_copy_deep(before);
    gst_buffer_add_video_meta(frame, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, 64, 40);
    if (i == 1) {
      GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(frame);
      crop->x = (guint)x;
      crop->y = (guint)y;
      crop->width = 32;
      crop->height = 16;
    }
    add_constant(frame, 1);
    GstBuffer* out = gst_harness_push_and_pull(harness, frame);
    guint8* changed = differences(&whole, before, out);
    const gint all = count_changed(changed, 64, 0, 0, 64, 40);
    fail_unless_equals_int(count_changed(changed, 64, x, y, 32, 16), all);
    fail_unless(all > 32 * 16 * 9 / 10);
    g_free(changed);
    gst_buffer_unref(out);
    gst_buffer_unref(before);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

typedef struct {
  GObject* overlay;
  gint stop;
} Fiddler;

static gpointer fiddle(gpointer data) {
  static const gchar* modes[] = {"blend", "map", "side-by-side"};
  static const gchar* colormaps[] = {"turbo", "hot", "bone", "viridis"};
  Fiddler* fiddler = data;
  for (guint i = 0; !g_atomic_int_get(&fiddler->stop); i++) {
    gint mode;
    gst_util_set_object_arg(fiddler->overlay, "mode", modes[i / 3 % 3]);
    gst_util_set_object_arg(fiddler->overlay, "colormap", colormaps[i % 4]);
    g_object_set(fiddler->overlay, "opacity", i % 5 / 4.f, "threshold", (i % 3) / 2.f, "legend", i % 2 == 0,
                 "boxes", i % 7 != 0, "contours", i % 5 == 0, "score-bar", i % 3 == 0, NULL);
    g_object_get(fiddler->overlay, "mode", &mode, NULL);
  }
  return NULL;
}

/* Another thread changes every property while frames flow: each frame comes out whole, in one of the two
 * sizes. */
GST_START_TEST(test_fiddling) {
  const GstVideoInfo info = make_info("NV12", 320, 240);
  GstHarness* harness = overlay_new(&info, "");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  Fiddler fiddler = {G_OBJECT(overlay), 0};
  const GstAnomalyRegion region = {
      .id = 1, .x = 50, .y = 60, .width = 99, .height = 99, .area = 9, .max = 1, .label = "road"};
  GThread* thread = g_thread_new("fiddler", fiddle, &fiddler);
  for (guint i = 0; i < 200; i++) {
    GstBuffer* frame = test_frame_new(&info);
    gst_anomaly_meta_add_region(add_halves(frame, 320, 240), &region);
    GstBuffer* out = gst_harness_push_and_pull(harness, frame);
    fail_unless(out != NULL);
    const gsize size = gst_buffer_get_size(out);
    fail_unless(size == info.size || size == 2 * info.size, "%" G_GSIZE_FORMAT, size);
    test_rectangle_equals(gst_buffer_get_anomaly_meta(out), 0, 0, 320, 240);
    gst_buffer_unref(out);
  }
  g_atomic_int_set(&fiddler.stop, 1);
  g_thread_join(thread);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

static Suite* anomalyoverlaymemory_suite(void) {
  Suite* suite = suite_create("anomalyoverlaymemory");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_shared_frame);
  tcase_add_test(tests, test_short_buffer);
  tcase_add_test(tests, test_lying_video_meta);
  tcase_add_test(tests, test_shared_memory);
  tcase_add_test(tests, test_tee);
  tcase_add_test(tests, test_nothing_stale);
  tcase_add_test(tests, test_crop_meta);
  tcase_add_test(tests, test_fiddling);
  return suite;
}

GST_CHECK_MAIN(anomalyoverlaymemory);
