/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstAnomalyMeta through GStreamer's own elements: it arrives right, or it is gone. */
#include "tests/gst/frames.h"

#define WIDTH 64
#define HEIGHT 32
#define CAPS "video/x-raw,format=I420,width=64,height=32,framerate=25/1,pixel-aspect-ratio=1/1"

static gboolean have(const gchar* element) {
  GstElementFactory* factory = gst_element_factory_find(element);
  if (factory == NULL) {
    g_print("skipped: no element %s here\n", element);
    return FALSE;
  }
  gst_object_unref(factory);
  return TRUE;
}

/* One frame with metadata through `launch`. */
static GstBuffer* through(const gchar* launch) {
  GstVideoInfo info;
  GstHarness* harness = gst_harness_new_parse(launch);
  GstCaps* caps = gst_caps_from_string(CAPS);
  fail_unless(gst_video_info_from_caps(&info, caps));
  gst_harness_set_src_caps(harness, caps);
  GstBuffer* buffer = test_frame_new(&info);
  test_meta_add(buffer, WIDTH, HEIGHT);
  GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
  fail_unless(out != NULL);
  gst_harness_teardown(harness);
  return out;
}

static void carried(const gchar* launch) {
  GstBuffer *out = through(launch), *expected = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(out);
  fail_unless(meta != NULL, "%s lost the metadata", launch);
  test_metas_equal(meta, test_meta_add(expected, WIDTH, HEIGHT));
  gst_buffer_unref(expected);
  gst_buffer_unref(out);
}

static void scaled(const gchar* launch, gint width, gint height) {
  GstBuffer *out = through(launch), *expected = gst_buffer_new();
  GstAnomalyMeta *meta = gst_buffer_get_anomaly_meta(out), *original = test_meta_add(expected, WIDTH, HEIGHT);
  fail_unless(meta != NULL, "%s lost the metadata", launch);
  test_figures_equal(meta, original);
  test_planes_equal(&meta->map, &original->map);
  test_rectangle_equals(meta, 0, 0, width, height);
  test_region_equals(gst_anomaly_meta_get_region(meta, 0), 1, width / 4, height / 2, width / 4, height / 4,
                     (guint64)width / 4 * (height / 4));
  gst_buffer_unref(expected);
  gst_buffer_unref(out);
}

static void gone(const gchar* launch) {
  GstBuffer* out = through(launch);
  fail_unless(gst_buffer_get_anomaly_meta(out) == NULL, "%s kept metadata that is wrong after it", launch);
  gst_buffer_unref(out);
}

GST_START_TEST(test_carried) {
  carried("identity");
  carried("queue");
  carried("capsfilter caps=video/x-raw");
  if (have("videoconvert")) carried("videoconvert ! capsfilter caps=video/x-raw,format=RGB");
  if (have("videoconvertscale")) carried("videoconvertscale ! capsfilter caps=video/x-raw,format=NV12");
  if (have("videobalance")) carried("videobalance");
}
GST_END_TEST;

GST_START_TEST(test_scaled) {
  if (have("videoscale")) {
    scaled("videoscale ! capsfilter caps=video/x-raw,width=32,height=16", 32, 16);
    scaled("videoscale ! capsfilter caps=video/x-raw,width=640,height=320", 640, 320);
    /* The pixels' shape is free, so the picture fills the frame. */
    scaled("videoscale ! capsfilter caps=video/x-raw,width=64,height=64", 64, 64);
  }
  if (have("videoconvertscale"))
    scaled("videoconvertscale ! capsfilter caps=video/x-raw,format=BGRx,width=128,height=64", 128, 64);
}
GST_END_TEST;

/* Square pixels and another shape: videoscale adds borders and, before 1.28, does not say so. */
GST_START_TEST(test_letterbox) {
  guint major, minor, micro, nano;
  if (!have("videoscale")) return;
  gst_version(&major, &minor, &micro, &nano);
  const gchar* launch = "videoscale ! capsfilter caps=video/x-raw,width=64,height=64,pixel-aspect-ratio=1/1";
  if (major == 1 && minor < 27) {
    gone(launch);
    return;
  }
  GstBuffer* out = through(launch);
  test_rectangle_equals(gst_buffer_get_anomaly_meta(out), 0, 16, 64, 32);
  gst_buffer_unref(out);
}
GST_END_TEST;

GST_START_TEST(test_gone) {
  if (have("videocrop")) {
    gone("videocrop left=8 top=4");
    gone("videocrop right=8 bottom=4");
  }
  if (have("videobox")) {
    gone("videobox left=8");
    gone("videobox left=-8 bottom=-4");
  }
  if (have("videoflip")) {
    gone("videoflip video-direction=horiz");
    gone("videoflip video-direction=vert");
    gone("videoflip video-direction=180");
    gone("videoflip video-direction=90r");
    gone("videoflip video-direction=90l");
  }
}
GST_END_TEST;

/* Both branches have it, and neither can spoil the other's. */
GST_START_TEST(test_tee) {
  GstElement* pipeline = gst_parse_launch(
      "appsrc name=in caps=" CAPS
      " format=time ! tee name=t t. ! queue ! identity ! appsink name=a sync=false"
      " t. ! queue ! videoscale ! capsfilter caps=video/x-raw,width=32,height=16 ! appsink name=b sync=false",
      NULL);
  GstElement* in = gst_bin_get_by_name(GST_BIN(pipeline), "in");
  GstElement *a = gst_bin_get_by_name(GST_BIN(pipeline), "a"),
             *b = gst_bin_get_by_name(GST_BIN(pipeline), "b");
  GstCaps* caps = gst_caps_from_string(CAPS);
  GstVideoInfo info;
  GstFlowReturn flow;
  GstSample* sample = NULL;
  fail_unless(gst_video_info_from_caps(&info, caps));
  gst_caps_unref(caps);
  GstBuffer *buffer = test_frame_new(&info), *expected = gst_buffer_new();
  test_meta_add(buffer, WIDTH, HEIGHT);
  GstAnomalyMeta* original = test_meta_add(expected, WIDTH, HEIGHT);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_signal_emit_by_name(in, "push-buffer", buffer, &flow);
  gst_buffer_unref(buffer);
  fail_unless_equals_int(flow, GST_FLOW_OK);

  g_signal_emit_by_name(b, "pull-sample", &sample);
  test_rectangle_equals(gst_buffer_get_anomaly_meta(gst_sample_get_buffer(sample)), 0, 0, 32, 16);
  gst_sample_unref(sample);
  g_signal_emit_by_name(a, "pull-sample", &sample);
  test_metas_equal(gst_buffer_get_anomaly_meta(gst_sample_get_buffer(sample)), original);
  gst_sample_unref(sample);

  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_buffer_unref(expected);
  gst_object_unref(in);
  gst_object_unref(a);
  gst_object_unref(b);
  gst_object_unref(pipeline);
}
GST_END_TEST;

/* A mixed picture is another picture. */
GST_START_TEST(test_compositor) {
  guint major, minor, micro, nano;
  if (!have("compositor")) return;
  gst_version(&major, &minor, &micro, &nano);
  GstHarness* harness = gst_harness_new_with_padnames("compositor", "sink_0", "src");
  GstVideoInfo info;
  GstCaps* caps = gst_caps_from_string(CAPS);
  fail_unless(gst_video_info_from_caps(&info, caps));
  gst_harness_set_src_caps(harness, caps);
  GstPad* pad = gst_element_get_static_pad(harness->element, "sink_0");
  g_object_set(pad, "xpos", 16, "width", 32, "height", 16, NULL);
  gst_object_unref(pad);
  GstBuffer* buffer = test_frame_new(&info);
  test_meta_add(buffer, WIDTH, HEIGHT);
  fail_unless_equals_int(gst_harness_push(harness, buffer), GST_FLOW_OK);
  fail_unless(gst_harness_push_event(harness, gst_event_new_eos()));
  GstBuffer* out = gst_harness_pull(harness);
  fail_unless(out != NULL);
  GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(out);
  if (major == 1 && minor < 27)
    fail_unless(meta == NULL);
  else if (meta != NULL)
    test_rectangle_equals(meta, 16, 0, 32, 16);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}
GST_END_TEST;

static Suite* anomalymetaflow_suite(void) {
  Suite* suite = suite_create("anomalymetaflow");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_carried);
  tcase_add_test(tests, test_scaled);
  tcase_add_test(tests, test_letterbox);
  tcase_add_test(tests, test_gone);
  tcase_add_test(tests, test_tee);
  tcase_add_test(tests, test_compositor);
  return suite;
}

GST_CHECK_MAIN(anomalymetaflow);
