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

/* GStreamer tells metadata of crops, flips and turns from 1.28 on. */
static gboolean tells_all(void) {
  guint major, minor, micro, nano;
  gst_version(&major, &minor, &micro, &nano);
  return major > 1 || minor >= 27;
}

/* A picture that grows brighter to the right and downwards, and its brightness / 255 as the score of each
 * pixel: whatever becomes of the picture, the map can be computed anew from it. Black, as in borders, is
 * darker than any of it. */
static GstBuffer* ramp_new(const GstVideoInfo* info) {
  gfloat* scores = g_new(gfloat, WIDTH * HEIGHT);
  GstBuffer* buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(info), NULL);
  GstVideoFrame frame;
  gst_buffer_memset(buffer, 0, 128, GST_VIDEO_INFO_SIZE(info));
  fail_unless(gst_video_frame_map(&frame, info, buffer, GST_MAP_WRITE));
  guint8* luma = GST_VIDEO_FRAME_PLANE_DATA(&frame, 0);
  for (gint i = 0; i < WIDTH * HEIGHT; i++) {
    const gint x = i % WIDTH, y = i / WIDTH, level = 60 + 2 * x + y;
    luma[y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0) + x] = (guint8)level;
    scores[i] = (gfloat)level / 255;
  }
  gst_video_frame_unmap(&frame);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  meta->width = WIDTH;
  meta->height = HEIGHT;
  gst_anomaly_meta_set_map(meta, WIDTH, HEIGHT, test_floats_new(WIDTH, HEIGHT, scores));
  g_free(scores);
  GST_BUFFER_PTS(buffer) = 0;
  GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
  return buffer;
}

/* Whether the metadata is still there; then every pixel's score must be what its brightness says, and borders
 * have none. */
static gboolean right_or_gone(const gchar* launch, GstBuffer* out, GstCaps* caps) {
  GstVideoInfo info;
  GstVideoFrame frame;
  const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(out);
  if (meta == NULL) return FALSE;
  fail_unless(gst_video_info_from_caps(&info, caps) && GST_VIDEO_INFO_FORMAT(&info) == GST_VIDEO_FORMAT_I420);
  fail_unless(gst_video_frame_map(&frame, &info, out, GST_MAP_READ));
  for (gint y = 0; y < info.height; y++)
    for (gint x = 0; x < info.width; x++) {
      const guint8* luma = GST_VIDEO_FRAME_PLANE_DATA(&frame, 0);
      const gint level = luma[y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0) + x];
      gdouble score = 0;
      const gboolean covered = gst_anomaly_meta_get_score_at(meta, x, y, &score);
      fail_unless(covered == (level > 50), "%s: %d,%d of brightness %d is %scovered", launch, x, y, level,
                  covered ? "" : "not ");
      if (covered)
        fail_unless(ABS(score * 255 - level) < 6, "%s: score %.1f at %d,%d, where it should be %d", launch,
                    score * 255, x, y, level);
    }
  gst_video_frame_unmap(&frame);
  return TRUE;
}

static gboolean ramp_through(const gchar* launch) {
  GstVideoInfo info;
  GstHarness* harness = gst_harness_new_parse(launch);
  GstCaps* caps = gst_caps_from_string(CAPS);
  fail_unless(gst_video_info_from_caps(&info, caps));
  gst_harness_set_src_caps(harness, caps);
  GstBuffer* out = gst_harness_push_and_pull(harness, ramp_new(&info));
  fail_unless(out != NULL);
  GstCaps* out_caps = gst_pad_get_current_caps(harness->sinkpad);
  const gboolean there = right_or_gone(launch, out, out_caps);
  gst_caps_unref(out_caps);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
  return there;
}

static void recomputed(const gchar* launch) {
  fail_unless(ramp_through(launch), "%s lost the metadata", launch);
}

static void told_or_gone(const gchar* launch) {
  const gboolean there = ramp_through(launch);
  fail_if(there && !tells_all(), "%s kept metadata without being able to tell it", launch);
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
    recomputed("videoscale ! capsfilter caps=video/x-raw,width=32,height=16");
    recomputed("videoscale ! capsfilter caps=video/x-raw,width=131,height=65");
    recomputed("videoscale ! capsfilter caps=video/x-raw,width=40,height=64");
  }
  if (have("videoconvertscale")) {
    scaled("videoconvertscale ! capsfilter caps=video/x-raw,format=BGRx,width=128,height=64", 128, 64);
    recomputed("videoconvertscale ! capsfilter caps=video/x-raw,width=48,height=24");
  }
}
GST_END_TEST;

/* Square pixels and another shape: videoscale adds borders and, before 1.28, does not say so. */
GST_START_TEST(test_letterbox) {
  if (have("videoscale"))
    told_or_gone("videoscale ! capsfilter caps=video/x-raw,width=64,height=64,pixel-aspect-ratio=1/1");
  if (have("videoconvertscale"))
    told_or_gone(
        "videoconvertscale ! capsfilter caps=video/x-raw,width=128,height=40,pixel-aspect-ratio=1/1");
}
GST_END_TEST;

GST_START_TEST(test_moved) {
  static const gchar* launches[][2] = {
      {"videocrop", "left=8 top=4"},
      {"videocrop", "right=8 bottom=4"},
      {"videocrop", "left=10 right=2 top=2 bottom=6"},
      {"videobox", "left=8"},
      {"videobox", "left=-8 bottom=-4"},
      {"videobox", "left=-8 right=8 top=4 bottom=-4"},
      {"videoflip", "video-direction=horiz"},
      {"videoflip", "video-direction=vert"},
      {"videoflip", "video-direction=180"},
      {"videoflip", "video-direction=90r"},
      {"videoflip", "video-direction=90l"},
      {"videoflip", "video-direction=ul-lr"},
      {"videoflip", "video-direction=ur-ll"},
      {"rotate", "angle=0.5 ! videoconvert ! capsfilter caps=video/x-raw,format=I420"}};
  for (guint i = 0; i < G_N_ELEMENTS(launches); i++) {
    if (!have(launches[i][0])) continue;
    const gchar* before = strcmp(launches[i][0], "rotate") == 0 ? "videoconvert ! " : "";
    gchar* launch = g_strdup_printf("%s%s %s", before, launches[i][0], launches[i][1]);
    told_or_gone(launch);
    g_free(launch);
  }
}
GST_END_TEST;

/* The same elements, told to move nothing. */
GST_START_TEST(test_not_moved) {
  recomputed("identity");
  recomputed("queue");
  if (have("videocrop")) recomputed("videocrop");
  if (have("videobox")) recomputed("videobox");
  if (have("videoflip")) ramp_through("videoflip video-direction=identity"); /* may be lost, not wrong */
  if (have("videorate")) recomputed("videorate drop-only=true");
}
GST_END_TEST;

/* Where the element behind it takes a GstVideoCropMeta, videocrop leaves pixels and metadata as they were:
 * both are the frame's before cropping. */
GST_START_TEST(test_crop_meta) {
  GstVideoInfo info;
  if (!have("videocrop")) return;
  GstHarness* harness = gst_harness_new_parse("videocrop left=8 top=4");
  GstCaps* caps = gst_caps_from_string(CAPS);
  GstBuffer* expected = gst_buffer_new();
  fail_unless(gst_video_info_from_caps(&info, caps));
  gst_harness_add_propose_allocation_meta(harness, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_add_propose_allocation_meta(harness, GST_VIDEO_CROP_META_API_TYPE, NULL);
  gst_harness_set_src_caps(harness, caps);
  GstBuffer* buffer = test_frame_new(&info);
  gst_buffer_add_video_meta(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, WIDTH, HEIGHT);
  test_meta_add(buffer, WIDTH, HEIGHT);
  GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
  fail_unless(out != NULL && gst_buffer_get_video_crop_meta(out) != NULL);
  fail_unless_equals_int(gst_buffer_get_size(out), GST_VIDEO_INFO_SIZE(&info));
  test_metas_equal(gst_buffer_get_anomaly_meta(out), test_meta_add(expected, WIDTH, HEIGHT));
  gst_buffer_unref(expected);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
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

/* One frame as a compositor places it. */
static void composed(gint x, gint width, gint height, gboolean over_another) {
  GstVideoInfo info;
  if (!have("compositor")) return;
  GstHarness* harness = gst_harness_new_with_padnames("compositor", "sink_0", "src");
  gst_util_set_object_arg(G_OBJECT(harness->element), "background", "black");
  GstCaps* caps = gst_caps_from_string(CAPS);
  fail_unless(gst_video_info_from_caps(&info, caps));
  gst_harness_set_sink_caps_str(harness, "video/x-raw,format=I420,width=80,height=40,framerate=25/1");
  gst_harness_set_src_caps(harness, caps);
  GstPad* pad = gst_element_get_static_pad(harness->element, "sink_0");
  g_object_set(pad, "xpos", x, "width", width, "height", height, "zorder", 1, NULL);
  gst_object_unref(pad);
  GstHarness* other = over_another ? gst_harness_new_with_element(harness->element, "sink_1", NULL) : NULL;
  if (other != NULL) {
    gst_harness_set_src_caps(other, gst_caps_from_string(CAPS));
    fail_unless_equals_int(gst_harness_push(other, ramp_new(&info)), GST_FLOW_OK);
    fail_unless(gst_harness_push_event(other, gst_event_new_eos()));
  }
  fail_unless_equals_int(gst_harness_push(harness, ramp_new(&info)), GST_FLOW_OK);
  fail_unless(gst_harness_push_event(harness, gst_event_new_eos()));
  GstBuffer* out = gst_harness_pull(harness);
  fail_unless(out != NULL);
  GstCaps* out_caps = gst_pad_get_current_caps(harness->sinkpad);
  gchar* what = g_strdup_printf("compositor of %dx%d at %d", width, height, x);
  /* With two pictures there may be the metadata of either, which does not cover the other's. */
  if (other == NULL || !tells_all()) fail_if(right_or_gone(what, out, out_caps) && !tells_all(), "%s", what);
  g_free(what);
  gst_caps_unref(out_caps);
  gst_buffer_unref(out);
  if (other != NULL) gst_harness_teardown(other);
  gst_harness_teardown(harness);
}

/* A mixed picture is another picture. */
GST_START_TEST(test_compositor) {
  composed(0, 64, 32, FALSE);
  composed(16, 32, 16, FALSE);
  composed(0, 80, 40, FALSE);
  composed(8, 32, 16, TRUE);
}
GST_END_TEST;

static Suite* anomalymetaflow_suite(void) {
  Suite* suite = suite_create("anomalymetaflow");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_carried);
  tcase_add_test(tests, test_scaled);
  tcase_add_test(tests, test_letterbox);
  tcase_add_test(tests, test_moved);
  tcase_add_test(tests, test_not_moved);
  tcase_add_test(tests, test_crop_meta);
  tcase_add_test(tests, test_tee);
  tcase_add_test(tests, test_compositor);
  return suite;
}

GST_CHECK_MAIN(anomalymetaflow);
