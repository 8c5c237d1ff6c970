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
  guint8 inside[3];
  gst_buffer_extract(out, (5 * 40 + 20) * 3, inside, 3);
  fail_unless(inside[0] > 20 && inside[0] > inside[1] && inside[0] > inside[2]);
  gst_buffer_unref(out);
  /* A frame that nobody looked at is no map. */
  same_buffer(harness, test_frame_new(&info));
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* The left half is the picture, the right half what blending makes of it. */
GST_START_TEST(test_side_by_side) {
  GArray* names = formats();
  for (guint i = 0; i < names->len; i++) {
    const GstVideoInfo info = make_info(g_array_index(names, gchar*, i), 36, 17);
    const GstVideoInfo wide = make_info(g_array_index(names, gchar*, i), 72, 17);
    GstHarness *blend = overlay_new(&info, "opacity=1"),
               *sides = overlay_new(&info, "opacity=1 mode=side-by-side");
    GstBuffer* frame = padded(test_frame_new(&info), &info, 8);
    GstBuffer* plain = gst_harness_push_and_pull(sides, gst_buffer_copy_deep(frame));
    add_halves(frame, 36, 17);
    GstBuffer* blended = gst_harness_push_and_pull(blend, gst_buffer_copy_deep(frame));
    GstBuffer* both = gst_harness_push_and_pull(sides, gst_buffer_copy_deep(frame));
    GstCaps* caps = gst_pad_get_current_caps(sides->sinkpad);
    gint width;
    fail_unless(gst_structure_get_int(gst_caps_get_structure(caps, 0), "width", &width));
    fail_unless_equals_int(width, 72);
    gst_caps_unref(caps);
    test_rectangle_equals(gst_buffer_get_anomaly_meta(both), 0, 0, 36, 17);

    /* Against the picture twice, only the right half's drawing shows; and it is the blended one's. */
    guint8 *changed = differences(&wide, plain, both), *expected = differences(&info, frame, blended);
    fail_unless_equals_int(count_changed(changed, 72, 0, 0, 36, 17), 0);
    for (gint y = 0; y < 17; y++) fail_unless(memcmp(changed + y * 72 + 36, expected + y * 36, 36) == 0);
    g_free(expected);
    g_free(changed);
    gst_buffer_unref(plain);
    gst_buffer_unref(both);
    gst_buffer_unref(blended);
    gst_buffer_unref(frame);
    gst_harness_teardown(sides);
    gst_harness_teardown(blend);
  }
  formats_free(names);
}
GST_END_TEST;

/* To side by side and back between two frames; an odd width has no other side. */
GST_START_TEST(test_mode_while_playing) {
  const GstVideoInfo info = make_info("RGB", 8, 4), odd = make_info("RGB", 7, 4);
  GstHarness* harness = overlay_new(&info, "opacity=1");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBuffer* frame = test_frame_new(&info);
  same_buffer(harness, gst_buffer_copy_deep(frame));
  gst_util_set_object_arg(G_OBJECT(overlay), "mode", "side-by-side");
  GstBuffer* both = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_unless_equals_int(gst_buffer_get_size(both), 2 * 8 * 3 * 4);
  for (guint y = 0; y < 4; y++) {
    GstMapInfo map;
    fail_unless(gst_buffer_map(frame, &map, GST_MAP_READ));
    fail_unless_equals_int(gst_buffer_memcmp(both, y * 48, map.data + y * 24, 24), 0);
    fail_unless_equals_int(gst_buffer_memcmp(both, y * 48 + 24, map.data + y * 24, 24), 0);
    gst_buffer_unmap(frame, &map);
  }
  gst_buffer_unref(both);
  gst_util_set_object_arg(G_OBJECT(overlay), "mode", "blend");
  same_buffer(harness, gst_buffer_copy_deep(frame));
  gst_buffer_unref(frame);

  gst_util_set_object_arg(G_OBJECT(overlay), "mode", "side-by-side");
  GstCaps* caps = gst_video_info_to_caps((GstVideoInfo*)&odd);
  fail_if(gst_pad_query_accept_caps(GST_PAD_PEER(harness->srcpad), caps));
  gst_caps_unref(caps);
  gst_object_unref(overlay);
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
  tcase_add_test(tests, test_labels);
  tcase_add_test(tests, test_score_bar);
  tcase_add_test(tests, test_contours);
  tcase_add_test(tests, test_map_mode);
  tcase_add_test(tests, test_side_by_side);
  tcase_add_test(tests, test_mode_while_playing);
  tcase_add_test(tests, test_legend);
  return suite;
}

GST_CHECK_MAIN(anomalyoverlaystyle);
