/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each property of anomalyoverlay draws. */
#include "tests/gst/overlayframes.h"

/* Properties take effect from the next frame on. */
GST_START_TEST(test_properties) {
  const GstVideoInfo info = make_info("RGB", 4, 4);
  GstHarness* harness = overlay_new(&info, "name=overlay colormap=hot opacity=1");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBuffer *frame = black(&info), *out;
  add_constant(frame, 1);

  out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_unless_pixel(out, 5, 255, 255, 255); /* the hot end of the map */
  gst_buffer_unref(out);

  gst_util_set_object_arg(G_OBJECT(overlay), "colormap", "jet");
  out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_unless_pixel(out, 5, 128, 0, 0);
  gst_buffer_unref(out);

  g_object_set(overlay, "opacity", 0.5f, NULL);
  out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_unless_pixel(out, 5, 64, 0, 0);
  gst_buffer_unref(out);

  g_object_set(overlay, "opacity", 0.f, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));

  g_object_set(overlay, "opacity", 1.f, "threshold", 1.5f, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));

  /* Below the metadata's threshold and above the element's. */
  gst_buffer_unref(frame);
  frame = black(&info);
  add_constant(frame, 0.25f);
  g_object_set(overlay, "threshold", -1.f, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));
  g_object_set(overlay, "threshold", 0.125f, NULL);
  out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_if(gst_buffer_memcmp(out, 0, "\0\0\0", 3) == 0);
  gst_buffer_unref(out);

  gst_buffer_unref(frame);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_boxes) {
  const GstVideoInfo info = make_info("RGB", 40, 30);
  GstHarness* harness = overlay_new(&info, "opacity=0 labels=false colormap=jet");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBuffer *before = black(&info), *frame = gst_buffer_copy_deep(before);
  const GstAnomalyRegion region = {
      .id = 1, .x = 10, .y = 5, .width = 20, .height = 10, .area = 200, .mean = 0.75, .max = 1};
  gst_anomaly_meta_add_region(add_constant(frame, 1), &region);
  GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  guint8* changed = differences(&info, before, out);
  fail_unless_equals_int(count_changed(changed, 40, 0, 0, 40, 30), 2 * 20 + 2 * 8);
  fail_unless_equals_int(count_changed(changed, 40, 10, 5, 20, 10), 2 * 20 + 2 * 8);
  fail_unless_equals_int(count_changed(changed, 40, 11, 6, 18, 8), 0);
  fail_unless_pixel(out, 5 * 40 + 10, 128, 0, 0);
  g_free(changed);
  gst_buffer_unref(out);

  /* A region that does not reach the element's threshold is not drawn, nor is any without boxes. */
  g_object_set(overlay, "threshold", 1.25f, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));
  g_object_set(overlay, "threshold", -1.f, "boxes", FALSE, "labels", TRUE, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));
  gst_buffer_unref(frame);
  gst_buffer_unref(before);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Wide lines have a rim of the other brightness, so that they are seen on light and dark ground. */
GST_START_TEST(test_rims) {
  const GstVideoInfo info = make_info("RGB", 600, 540);
  const struct {
    gdouble score;
    guint8 line, rim;
  } cases[] = {{1, 255, 0}, {0, 0, 255}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    GstHarness* harness = overlay_new(&info, "opacity=0 labels=false colormap=bone threshold=0");
    const GstAnomalyRegion region = {
        .id = 1, .x = 100, .y = 100, .width = 50, .height = 50, .area = 9, .max = cases[i].score};
    GstBuffer* frame = black(&info);
    gst_buffer_memset(frame, 0, 128, gst_buffer_get_size(frame));
    gst_anomaly_meta_add_region(add_constant(frame, 1), &region);
    GstBuffer* out = gst_harness_push_and_pull(harness, frame);
    const guint8 line = cases[i].line, rim = cases[i].rim;
    fail_unless_pixel(out, 120 * 600 + 98, 128, 128, 128);
    fail_unless_pixel(out, 120 * 600 + 99, rim, rim, rim);
    fail_unless_pixel(out, 120 * 600 + 100, line, line, line);
    fail_unless_pixel(out, 120 * 600 + 101, line, line, line);
    fail_unless_pixel(out, 120 * 600 + 102, 128, 128, 128);
    fail_unless_pixel(out, 150 * 600 + 120, rim, rim, rim);
    fail_unless_pixel(out, 151 * 600 + 120, 128, 128, 128);
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

GST_START_TEST(test_labels) {
  const GstVideoInfo info = make_info("NV12", 320, 240);
  GstHarness* harness = overlay_new(&info, "opacity=0");
  GstBuffer *before = test_frame_new(&info), *frame = gst_buffer_copy_deep(before);
  const GstAnomalyRegion low = {
      .id = 1, .x = 100, .y = 120, .width = 60, .height = 50, .area = 9, .max = 0.875, .label = "road"};
  const GstAnomalyRegion top = {
      .id = 2, .x = 200, .y = 0, .width = 60, .height = 50, .area = 9, .max = 0.625};
  GstAnomalyMeta* meta = add_constant(frame, 1);
  gst_anomaly_meta_add_region(meta, &low);
  gst_anomaly_meta_add_region(meta, &top);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  /* Above the lower box; inside the one at the frame's edge. */
  fail_unless(count_changed(changed, 320, 100, 110, 30, 8) > 200);
  fail_unless(count_changed(changed, 320, 202, 2, 20, 6) > 100);
  fail_unless_equals_int(count_changed(changed, 320, 0, 180, 320, 60), 0);
  fail_unless_equals_int(count_changed(changed, 320, 104, 124, 52, 42), 0);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* The same text on the same plate, whatever lies under it. */
GST_START_TEST(test_labels_on_any_ground) {
  const GstVideoInfo info = make_info("RGB", 320, 240);
  GstHarness* harness = overlay_new(&info, "opacity=0");
  const GstAnomalyRegion region = {
      .id = 1, .x = 100, .y = 120, .width = 60, .height = 50, .area = 9, .max = 0.875, .label = "road"};
  GstMapInfo dark, light;
  GstBuffer* out[2];
  for (guint i = 0; i < 2; i++) {
    GstBuffer* frame = black(&info);
    gst_buffer_memset(frame, 0, i == 0 ? 0 : 255, gst_buffer_get_size(frame));
    gst_anomaly_meta_add_region(add_constant(frame, 1), &region);
    out[i] = gst_harness_push_and_pull(harness, frame);
  }
  fail_unless(gst_buffer_map(out[0], &dark, GST_MAP_READ) && gst_buffer_map(out[1], &light, GST_MAP_READ));
  guint inks = 0;
  for (gint y = 109; y < 120; y++)
    for (gint x = 100; x < 130; x++) {
      const guint8 *a = dark.data + (y * 320 + x) * 3, *b = light.data + (y * 320 + x) * 3;
      fail_unless(memcmp(a, b, 3) == 0, "%d,%d shows the ground", x, y);
      inks += a[0] + a[1] + a[2] > 600 || a[0] + a[1] + a[2] < 150;
    }
  fail_unless(inks > 20 && inks < 200, "%u", inks);
  gst_buffer_unmap(out[0], &dark);
  gst_buffer_unmap(out[1], &light);
  gst_buffer_unref(out[0]);
  gst_buffer_unref(out[1]);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Labels cover neither each other nor the bar: the highest score comes first, the others go where room is, or
 * nowhere. */
GST_START_TEST(test_label_places) {
  const GstVideoInfo info = make_info("RGB", 320, 240);
  GstHarness* harness = overlay_new(&info, "opacity=0");
  GstBuffer *before = test_frame_new(&info), *one = gst_buffer_copy_deep(before),
            *three = gst_buffer_copy_deep(before);
  const GstAnomalyRegion high = {
      .id = 1, .x = 100, .y = 120, .width = 20, .height = 20, .area = 9, .max = 0.875};
  GstAnomalyRegion other = high;
  other.max = 0.75;
  gst_anomaly_meta_add_region(add_constant(one, 1), &high);
  GstAnomalyMeta* meta = add_constant(three, 1);
  for (guint i = 0; i < 50; i++) gst_anomaly_meta_add_region(meta, &other);
  gst_anomaly_meta_add_region(meta, &high);
  GstBuffer* first = gst_harness_push_and_pull(harness, one);
  GstBuffer* all = gst_harness_push_and_pull(harness, three);
  guint8* changed = differences(&info, before, all);
  guint8* label = differences(&info, first, all);
  /* That of the highest score is as if it were alone. */
  fail_unless_equals_int(count_changed(label, 320, 100, 108, 20, 11), 0);
  /* One of the others is below; nothing is far away. */
  fail_unless(count_changed(changed, 320, 100, 141, 20, 8) > 150);
  fail_unless_equals_int(count_changed(changed, 320, 0, 0, 320, 100), 0);
  fail_unless_equals_int(count_changed(changed, 320, 0, 160, 320, 80), 0);
  g_free(label);
  g_free(changed);
  gst_buffer_unref(first);
  gst_buffer_unref(all);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_score_bar) {
  const GstVideoInfo info = make_info("GRAY8", 80, 90);
  GstHarness* harness = overlay_new(&info, "opacity=0 score-bar=true colormap=bone");
  GstBuffer *before = black(&info), *frame = gst_buffer_copy_deep(before);
  add_constant(frame, 0.25f);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  fail_unless_equals_int(count_changed(changed, 80, 0, 0, 80, 90), 20);
  fail_unless_equals_int(count_changed(changed, 80, 0, 89, 20, 1), 20);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* The line follows the threshold, wherever the map lies. */
GST_START_TEST(test_contours) {
  const GstVideoInfo info = make_info("GRAY8", 80, 40);
  GstHarness* harness = overlay_new(&info, "opacity=0 contours=true colormap=bone");
  GstBuffer *before = black(&info), *frame = gst_buffer_copy_deep(before),
            *low = gst_buffer_copy_deep(before);
  add_halves(frame, 80, 40)->x = -20;
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  /* The map is cut by the frame's left edge; its scores fall below the threshold at column 20. */
  fail_unless_equals_int(count_changed(changed, 80, 0, 0, 80, 40), 2 * 20 + 2 * 38);
  fail_unless_equals_int(count_changed(changed, 80, 19, 0, 1, 40), 40);
  fail_unless_equals_int(count_changed(changed, 80, 1, 1, 18, 38), 0);
  g_free(changed);
  gst_buffer_unref(out);
  add_constant(low, 0.25f);
  same_buffer(harness, low);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Nothing of the picture is left, and scores below the threshold are seen too. */
GST_START_TEST(test_map_mode) {
  const GstVideoInfo info = make_info("RGB", 40, 30);
  GstHarness* harness = overlay_new(&info, "mode=map colormap=hot");
  GstBuffer* frame = test_frame_new(&info);
  GstAnomalyMeta* meta = add_constant(frame, 0.25f);
  meta->x = 10;
  meta->width = 20;
  meta->height = 30;
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  fail_unless_pixel(out, 5 * 40 + 9, 0, 0, 0);
  fail_unless_pixel(out, 5 * 40 + 30, 0, 0, 0);
  fail_unless_pixel(out, 5 * 40 + 20, 160, 0, 0); /* the legend's colour of 0.25, not a darker one */
  gst_buffer_unref(out);
  /* A frame that nobody looked at is no map. */
  same_buffer(harness, test_frame_new(&info));
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_legend) {
  const GstVideoInfo info = make_info("I420", 300, 240);
  GstHarness* harness = overlay_new(&info, "legend=true colormap=hot");
  GstBuffer *before = test_frame_new(&info), *frame = gst_buffer_copy_deep(before);
  add_constant(frame, 0.25f);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  fail_unless_equals_int(count_changed(changed, 300, 0, 0, 260, 240), 0);
  fail_unless(count_changed(changed, 300, 288, 80, 6, 80) > 6 * 75);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  same_buffer(harness, test_frame_new(&info));
  gst_harness_teardown(harness);
}
GST_END_TEST;

static Suite* anomalyoverlaystyle_suite(void) {
  Suite* suite = suite_create("anomalyoverlaystyle");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_properties);
  tcase_add_test(tests, test_boxes);
  tcase_add_test(tests, test_rims);
  tcase_add_test(tests, test_labels);
  tcase_add_test(tests, test_labels_on_any_ground);
  tcase_add_test(tests, test_label_places);
  tcase_add_test(tests, test_score_bar);
  tcase_add_test(tests, test_contours);
  tcase_add_test(tests, test_map_mode);
  tcase_add_test(tests, test_legend);
  return suite;
}

GST_CHECK_MAIN(anomalyoverlaystyle);
