/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* anomalyoverlay draws where the metadata says, in every format, and nowhere else. */
#include "tests/gst/overlayframes.h"

GST_START_TEST(test_untouched) {
  GArray* names = formats();
  fail_unless_equals_int(names->len, 25);
  for (guint i = 0; i < names->len; i++) {
    const GstVideoInfo info = make_info(g_array_index(names, gchar*, i), 35, 17);
    GstHarness* harness = overlay_new(&info, "score-bar=true");
    GstBuffer* quiet = test_frame_new(&info);
    same_buffer(harness, test_frame_new(&info));
    add_constant(quiet, 0.25f)->score = 0;
    same_buffer(harness, quiet);
    gst_harness_teardown(harness);
  }
  formats_free(names);
}
GST_END_TEST;

static void check_halves(const gchar* format, gint width, gint height, gint padding) {
  const GstVideoInfo info = make_info(format, width, height);
  GstHarness* harness = overlay_new(&info, "colormap=turbo opacity=1");
  GstBuffer* before = test_frame_new(&info);
  if (padding > 0) before = padded(before, &info, padding);
  GstBuffer* frame = gst_buffer_copy_deep(before);
  add_halves(frame, width, height);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  const gint left = count_changed(changed, width, 0, 0, width / 2, height);
  const gint right = count_changed(changed, width, width / 2, 0, width / 2, height);
  fail_unless(right == 0, "%s %dx%d: %d pixels below the threshold changed", format, width, height, right);
  fail_unless(left > width / 2 * height * 9 / 10, "%s %dx%d: only %d pixels changed", format, width, height,
              left);
  if (padding > 0) {
    /* Nothing outside the rows was written. */
    GstMapInfo map;
    GstVideoMeta* meta = gst_buffer_get_video_meta(out);
    fail_unless(gst_buffer_map(out, &map, GST_MAP_READ));
    const guint8* end = map.data + meta->offset[0] + meta->stride[0];
    for (gint i = 1; i <= padding; i++) fail_unless_equals_int(end[-i], 0xa5);
    for (gint i = 0; i < padding; i++) fail_unless_equals_int(map.data[i], 0xa5);
    gst_buffer_unmap(out, &map);
  }
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}

GST_START_TEST(test_formats) {
  GArray* names = formats();
  for (guint i = 0; i < names->len; i++) {
    const gchar* name = g_array_index(names, gchar*, i);
    check_halves(name, 36, 18, 0);
    check_halves(name, 36, 17, 0);
    check_halves(name, 36, 18, 24);
  }
  formats_free(names);
}
GST_END_TEST;

/* However small the frame, in every format. */
GST_START_TEST(test_tiny) {
  GArray* names = formats();
  for (guint i = 0; i < names->len; i++) {
    for (gint size = 1; size <= 3; size++) {
      const GstVideoInfo info = make_info(g_array_index(names, gchar*, i), size, 4 - size);
      GstHarness* harness = overlay_new(&info, "opacity=1 score-bar=true contours=true legend=true");
      GstBuffer* frame = test_frame_new(&info);
      const GstAnomalyRegion all = {
          .id = 1, .width = size, .height = 4 - size, .area = 3, .mean = 1, .max = 1, .label = "road"};
      gst_anomaly_meta_add_region(add_constant(frame, 1), &all);
      GstBuffer* out = gst_harness_push_and_pull(harness, frame);
      fail_unless(out != NULL);
      gst_buffer_unref(out);
      gst_harness_teardown(harness);
    }
  }
  formats_free(names);
}
GST_END_TEST;

/* The map covers its rectangle, wherever that lies, and nothing else. */
GST_START_TEST(test_rectangle) {
  static const gint rectangles[][6] = {/* x, width, then the columns that change: from, to */
                                       {20, 20, 20, 40},  {10, 8, 10, 18}, {-10, 20, 0, 10},
                                       {30, 100, 30, 40}, {50, 10, 0, 0},  {-20, 20, 0, 0}};
  const GstVideoInfo info = make_info("RGB", 40, 30);
  GstHarness* harness = overlay_new(&info, "opacity=1 colormap=hot");
  for (guint i = 0; i < G_N_ELEMENTS(rectangles); i++) {
    const gint* r = rectangles[i];
    GstBuffer *before = black(&info), *frame = gst_buffer_copy_deep(before);
    GstAnomalyMeta* meta = add_constant(frame, 1);
    meta->x = r[0];
    meta->width = r[1];
    meta->height = 30;
    GstBuffer* out = gst_harness_push_and_pull(harness, frame);
    guint8* changed = differences(&info, before, out);
    fail_unless_equals_int(count_changed(changed, 40, 0, 0, 40, 30), (r[3] - r[2]) * 30);
    fail_unless_equals_int(count_changed(changed, 40, r[2], 0, r[3] - r[2], 30), (r[3] - r[2]) * 30);
    g_free(changed);
    gst_buffer_unref(out);
    gst_buffer_unref(before);
  }
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Metadata of the frame before scaling lines up after it. */
GST_START_TEST(test_scaled) {
  GstElementFactory* factory = gst_element_factory_find("videoscale");
  if (factory == NULL) {
    g_print("skipped: no videoscale here\n");
    return;
  }
  gst_object_unref(factory);
  const GstVideoInfo info = make_info("RGB", 40, 30), large = make_info("RGB", 80, 60);
  GstHarness* harness = gst_harness_new_parse(
      "videoscale ! capsfilter caps=video/x-raw,width=80,height=60 ! anomalyoverlay opacity=1 colormap=hot "
      "labels=false");
  GstBuffer *frame = black(&info), *before = black(&large);
  const GstAnomalyRegion region = {.id = 1, .x = 30, .y = 20, .width = 5, .height = 5, .area = 25, .max = 1};
  gst_harness_set_src_caps(harness, gst_video_info_to_caps(&info));
  gst_anomaly_meta_add_region(add_halves(frame, 40, 30), &region);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&large, before, out);
  fail_unless_equals_int(count_changed(changed, 80, 0, 0, 40, 60), 40 * 60);
  fail_unless_equals_int(count_changed(changed, 80, 40, 0, 40, 60), 2 * 10 + 2 * 8);
  fail_unless_equals_int(count_changed(changed, 80, 60, 40, 10, 10), 2 * 10 + 2 * 8);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Another format and size in mid-stream. */
GST_START_TEST(test_renegotiation) {
  const GstVideoInfo first = make_info("RGB", 8, 8), second = make_info("P010_10LE", 20, 10);
  GstHarness* harness = overlay_new(&first, "opacity=1");
  GstBuffer* frame = test_frame_new(&first);
  add_constant(frame, 1);
  gst_buffer_unref(gst_harness_push_and_pull(harness, frame));
  gst_harness_set_src_caps(harness, gst_video_info_to_caps(&second));
  GstBuffer* before = test_frame_new(&second);
  frame = gst_buffer_copy_deep(before);
  add_halves(frame, 20, 10);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&second, before, out);
  fail_unless_equals_int(count_changed(changed, 20, 10, 0, 10, 10), 0);
  fail_unless(count_changed(changed, 20, 0, 0, 10, 10) > 90);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* The longest rows and columns, in every format. */
GST_START_TEST(test_long) {
  GArray* names = formats();
  for (guint i = 0; i < 2 * names->len; i++) {
    const gint width = i % 2 == 0 ? 8192 : 1, height = i % 2 == 0 ? 1 : 8192;
    const GstVideoInfo info = make_info(g_array_index(names, gchar*, i / 2), width, height);
    GstHarness* harness = overlay_new(&info, "opacity=1 score-bar=true contours=true legend=true");
    GstBuffer *before = test_frame_new(&info), *frame = gst_buffer_copy_deep(before);
    add_halves(frame, width, height);
    GstBuffer* out = gst_harness_push_and_pull(harness, frame);
    guint8* changed = differences(&info, before, out);
    fail_unless(count_changed(changed, width, 0, 0, width, height) > 2000);
    g_free(changed);
    gst_buffer_unref(out);
    gst_buffer_unref(before);
    gst_harness_teardown(harness);
  }
  formats_free(names);
}
GST_END_TEST;

GST_START_TEST(test_large) {
  const GstVideoInfo info = make_info("GRAY8", 8192, 8192);
  GstHarness* harness = overlay_new(&info, "opacity=1 contours=true legend=true colormap=bone");
  GstBuffer* frame = black(&info);
  guint8 corner = 0, middle = 0;
  const GstAnomalyRegion all = {.id = 1, .width = 8192, .height = 8192, .max = 1, .label = "road"};
  gst_anomaly_meta_add_region(add_halves(frame, 8192, 8192), &all);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  gst_buffer_extract(out, (gsize)4096 * 8192 + 1000, &middle, 1);
  gst_buffer_extract(out, (gsize)8192 * 8192 - 1, &corner, 1);
  fail_unless(middle > 200 && corner > 200);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* 100 times from NULL to PLAYING and back while frames flow. */
GST_START_TEST(test_state_churn) {
  GstElement* pipeline = gst_parse_launch(
      "videotestsrc ! video/x-raw,format=I420,width=16,height=16 ! anomalyoverlay legend=true ! fakesink "
      "sync=false",
      NULL);
  fail_unless(pipeline != NULL);
  for (guint i = 0; i < 100; i++) {
    fail_unless(gst_element_set_state(pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
    if (i % 4 == 0) gst_element_get_state(pipeline, NULL, NULL, GST_SECOND);
    fail_unless_equals_int(gst_element_set_state(pipeline, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  }
  gst_object_unref(pipeline);
}
GST_END_TEST;

static Suite* anomalyoverlay_suite(void) {
  Suite* suite = suite_create("anomalyoverlay");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_untouched);
  tcase_add_test(tests, test_formats);
  tcase_add_test(tests, test_tiny);
  tcase_add_test(tests, test_rectangle);
  tcase_add_test(tests, test_scaled);
  tcase_add_test(tests, test_renegotiation);
  tcase_add_test(tests, test_long);
  tcase_add_test(tests, test_large);
  tcase_add_test(tests, test_state_churn);
  return suite;
}

GST_CHECK_MAIN(anomalyoverlay);
