/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* anomalyoverlay mode=side-by-side: the frame twice, caps of twice the width. */
#include "tests/gst/overlayframes.h"

static gint output_width(GstHarness* harness) {
  gint width = 0;
  GstCaps* caps = gst_pad_get_current_caps(harness->sinkpad);
  fail_unless(gst_structure_get_int(gst_caps_get_structure(caps, 0), "width", &width));
  gst_caps_unref(caps);
  return width;
}

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
    fail_unless_equals_int(output_width(sides), 72);
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

/* To side by side and back between two frames. */
GST_START_TEST(test_mode_while_playing) {
  const GstVideoInfo info = make_info("RGB", 8, 4);
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
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Pixels that share chroma are not split: an odd width is refused, before the stream or in the midst of it.
 */
GST_START_TEST(test_odd_widths) {
  GArray* names = formats();
  guint taken = 0;
  for (guint i = 0; i < names->len; i++) {
    const gchar* name = g_array_index(names, gchar*, i);
    const GstVideoInfo odd = make_info(name, 7, 4);
    const gboolean shares = GST_VIDEO_FORMAT_INFO_W_SUB(odd.finfo, odd.finfo->n_components > 1 ? 1 : 0) > 0;
    GstHarness* harness = overlay_new(&odd, "");
    GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
    GstBus* bus = gst_bus_new();
    gint mode;
    gst_element_set_bus(overlay, bus);
    same_buffer(harness, test_frame_new(&odd));
    gst_util_set_object_arg(G_OBJECT(overlay), "mode", "side-by-side");
    g_object_get(overlay, "mode", &mode, NULL);
    GstMessage* warning = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING);
    fail_unless((warning != NULL) == shares, "%s", name);
    fail_unless((mode == 0) == shares, "%s", name);
    gst_clear_message(&warning);
    if (shares) {
      same_buffer(harness, test_frame_new(&odd));
    } else {
      GstBuffer* out = gst_harness_push_and_pull(harness, test_frame_new(&odd));
      fail_unless_equals_int(output_width(harness), 14);
      gst_buffer_unref(out);
      taken++;
    }
    gst_element_set_bus(overlay, NULL);
    gst_object_unref(bus);
    gst_object_unref(overlay);
    gst_harness_teardown(harness);

    harness = gst_harness_new_parse("anomalyoverlay mode=side-by-side");
    gst_harness_play(harness);
    GstCaps* caps = gst_video_info_to_caps((GstVideoInfo*)&odd);
    fail_unless(gst_pad_query_accept_caps(GST_PAD_PEER(harness->srcpad), caps) == !shares, "%s", name);
    gst_caps_unref(caps);
    gst_harness_teardown(harness);
  }
  fail_unless_equals_int(taken, 15);
  formats_free(names);
}
GST_END_TEST;

/* What the other side may be, from what one side may be; all but the width is as it was. */
GST_START_TEST(test_side_by_side_caps) {
  static const gchar* cases[][2] = {
      {"width=320,format=NV12,pixel-aspect-ratio=4/3", "width=640,format=NV12,pixel-aspect-ratio=4/3"},
      {"width=[1,101],format=NV12", "width=[4,200,4],format=NV12"},
      {"width=[1,101],format=GRAY8", "width=[2,202,2],format=GRAY8"},
      {"width={30,31},format=RGB", "width={60,62},format=RGB"},
      {"width={30,31},format=I420", "width={60},format=I420"}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    GstHarness* harness = gst_harness_new_parse("anomalyoverlay mode=side-by-side");
    gchar* one = g_strdup_printf("video/x-raw,height=240,framerate=25/1,%s", cases[i][0]);
    gchar* other = g_strdup_printf("video/x-raw,height=240,framerate=25/1,%s", cases[i][1]);
    GstCaps *from = gst_caps_from_string(one), *expected = gst_caps_from_string(other);
    /* Both ways: what upstream may send where the right is asked for, and what comes out where the left goes
     * in. */
    gst_harness_set_sink_caps(harness, gst_caps_ref(expected));
    GstCaps* before = gst_pad_peer_query_caps(harness->srcpad, NULL);
    fail_unless(gst_caps_can_intersect(before, from) && gst_caps_is_subset(before, from),
                "%s from %s, but before it came %" GST_PTR_FORMAT, other, one, before);
    gst_caps_unref(before);
    gst_harness_teardown(harness);
    gst_caps_unref(from);
    gst_caps_unref(expected);
    g_free(one);
    g_free(other);
  }
}
GST_END_TEST;

/* New caps in mid-stream, pixels that are not square, and metadata that tells of the left half. */
GST_START_TEST(test_side_by_side_renegotiation) {
  GstVideoInfo first = make_info("NV12", 16, 8), second = make_info("BGRA", 9, 5);
  gint n, d;
  GstHarness* harness = overlay_new(&first, "mode=side-by-side");
  gst_buffer_unref(gst_harness_push_and_pull(harness, test_frame_new(&first)));
  fail_unless_equals_int(output_width(harness), 32);
  second.par_n = 4;
  second.par_d = 3;
  gst_harness_set_src_caps(harness, gst_video_info_to_caps(&second));
  GstBuffer* frame = test_frame_new(&second);
  add_halves(frame, 9, 5);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  fail_unless_equals_int(output_width(harness), 18);
  fail_unless_equals_int(gst_buffer_get_size(out), 18 * 5 * 4);
  test_rectangle_equals(gst_buffer_get_anomaly_meta(out), 0, 0, 9, 5);
  GstCaps* caps = gst_pad_get_current_caps(harness->sinkpad);
  fail_unless(gst_structure_get_fraction(gst_caps_get_structure(caps, 0), "pixel-aspect-ratio", &n, &d));
  fail_unless(n == 4 && d == 3);
  gst_caps_unref(caps);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}
GST_END_TEST;

static Suite* anomalyoverlaysides_suite(void) {
  Suite* suite = suite_create("anomalyoverlaysides");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_side_by_side);
  tcase_add_test(tests, test_mode_while_playing);
  tcase_add_test(tests, test_odd_widths);
  tcase_add_test(tests, test_side_by_side_caps);
  tcase_add_test(tests, test_side_by_side_renegotiation);
  return suite;
}

GST_CHECK_MAIN(anomalyoverlaysides);
