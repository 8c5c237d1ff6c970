// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalytestsrc: formats, times, seeks, the truth beside the pixels.
// Standard headers first: gst-check defines macros such as fail().
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "src/scene/scene.h"

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

namespace {

constexpr const char* kTruth = "GstAnomalyTruthMeta";
constexpr const char* kSmall = "video/x-raw,format=RGB,width=96,height=64,framerate=25/1";

GstHarness* harness(const std::string& properties, const char* caps) {
  GstHarness* h = gst_harness_new_parse(("anomalytestsrc " + properties).c_str());
  gst_harness_set_sink_caps_str(h, caps);
  gst_harness_use_systemclock(h);
  return h;
}

// The rows of one plane without their padding.
std::vector<guint8> packed(GstBuffer* buffer, const GstVideoInfo& info) {
  std::vector<guint8> out;
  GstVideoFrame frame;
  GstVideoInfo copy = info;
  fail_unless(gst_video_frame_map(&frame, &copy, buffer, GST_MAP_READ));
  for (gint y = 0; y < GST_VIDEO_FRAME_HEIGHT(&frame); ++y) {
    auto* row = static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
                static_cast<gssize>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
    out.insert(out.end(), row, row + GST_VIDEO_FRAME_WIDTH(&frame) * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, 0));
  }
  gst_video_frame_unmap(&frame);
  return out;
}

std::vector<guint8> packed_rgb(GstBuffer* buffer, guint width, guint height) {
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, width, height);
  return packed(buffer, info);
}

const GstStructure* truth_of(GstBuffer* buffer) {
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer, kTruth);
  return meta ? gst_custom_meta_get_structure(meta) : nullptr;
}

std::vector<guint8> plane(const GstStructure* truth, const char* name) {
  GstBuffer* buffer = nullptr;
  fail_unless(gst_structure_get(truth, name, GST_TYPE_BUFFER, &buffer, nullptr));
  std::vector<guint8> out(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, out.data(), out.size());
  gst_buffer_unref(buffer);
  return out;
}

// The boxes, four numbers each.
std::vector<int> boxes(const GstStructure* truth) {
  std::vector<int> out;
  const GValue* all = gst_structure_get_value(truth, "boxes");
  fail_unless(all != nullptr);
  for (guint i = 0; i < gst_value_array_get_size(all); ++i) {
    const GValue* box = gst_value_array_get_value(all, i);
    assert_equals_int(gst_value_array_get_size(box), 4);
    for (guint k = 0; k < 4; ++k) out.push_back(g_value_get_int(gst_value_array_get_value(box, k)));
  }
  return out;
}

void expect_scene(GstBuffer* buffer, const anomaly::Scene& scene, int64_t index, guint width, guint height) {
  anomaly::SceneFrame want;
  scene.render(index, want);
  fail_unless(packed_rgb(buffer, width, height) == want.rgb, "frame %d has other pixels",
              static_cast<int>(index));
  const GstStructure* truth = truth_of(buffer);
  fail_unless(truth != nullptr);
  for (guint8& m : want.mask) m = m ? 255 : 0;
  fail_unless(plane(truth, "mask") == want.mask, "frame %d has another mask", static_cast<int>(index));
  std::vector<int> rects;
  for (const anomaly::Rect& r : want.boxes) rects.insert(rects.end(), {r.x, r.y, r.width, r.height});
  fail_unless(boxes(truth) == rects);
  guint64 frame = 0;
  gint w = 0, h = 0;
  fail_unless(gst_structure_get(truth, "frame", G_TYPE_UINT64, &frame, "width", G_TYPE_INT, &w, "height",
                                G_TYPE_INT, &h, nullptr));
  assert_equals_uint64(frame, static_cast<guint64>(index));
  assert_equals_int(w, static_cast<int>(width));
  assert_equals_int(h, static_cast<int>(height));
}

// A pipeline into an appsink-like fakesink that keeps what came.
struct Pipeline {
  GstElement* pipeline = nullptr;
  GstElement* sink = nullptr;
  std::vector<GstBuffer*> buffers;

  explicit Pipeline(const std::string& description) {
    GError* error = nullptr;
    pipeline = gst_parse_launch(
        (description + " ! fakesink name=sink signal-handoffs=true sync=false").c_str(), &error);
    fail_unless(pipeline && !error, "%s", error ? error->message : "");
    sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
    g_signal_connect(sink, "handoff", G_CALLBACK(+[](GstElement*, GstBuffer* buffer, GstPad*, gpointer self) {
                       static_cast<Pipeline*>(self)->buffers.push_back(gst_buffer_ref(buffer));
                     }),
                     this);
  }
  ~Pipeline() {
    gst_element_set_state(pipeline, GST_STATE_NULL);
    clear();
    gst_object_unref(sink);
    gst_object_unref(pipeline);
  }
  void clear() {
    for (GstBuffer* b : buffers) gst_buffer_unref(b);
    buffers.clear();
  }
  // The type of the message that ended it.
  GstMessageType play(std::string* text = nullptr) {
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    return wait(text);
  }
  GstMessageType wait(std::string* text = nullptr) {
    GstBus* bus = gst_element_get_bus(pipeline);
    GstMessage* message = gst_bus_timed_pop_filtered(
        bus, 60 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    gst_object_unref(bus);
    fail_unless(message != nullptr, "neither the end nor an error within a minute");
    const GstMessageType type = GST_MESSAGE_TYPE(message);
    if (type == GST_MESSAGE_ERROR && text) {
      GError* error = nullptr;
      gst_message_parse_error(message, &error, nullptr);
      *text = error->message;
      g_error_free(error);
    }
    gst_message_unref(message);
    return type;
  }
  void preroll() {
    gst_element_set_state(pipeline, GST_STATE_PAUSED);
    assert_equals_int(gst_element_get_state(pipeline, nullptr, nullptr, 60 * GST_SECOND),
                      GST_STATE_CHANGE_SUCCESS);
  }
};

anomaly::SceneOptions options(uint64_t seed, int width, int height) {
  anomaly::SceneOptions o;
  o.seed = seed;
  o.width = width;
  o.height = height;
  return o;
}

}  // namespace

GST_START_TEST(frames_are_the_scene_s) {
  GstHarness* h = harness("seed=5 anomaly-first=2 anomaly-period=6 anomaly-frames=3", kSmall);
  anomaly::SceneOptions o = options(5, 96, 64);
  o.anomaly_first = 2, o.anomaly_period = 6, o.anomaly_frames = 3;
  const auto scene = anomaly::Scene::create(o);
  gst_harness_play(h);
  for (int64_t i = 0; i < 12; ++i) {
    GstBuffer* buffer = gst_harness_pull(h);
    expect_scene(buffer, *scene, i, 96, 64);
    assert_equals_uint64(GST_BUFFER_PTS(buffer), static_cast<guint64>(i) * 40 * GST_MSECOND);
    assert_equals_uint64(GST_BUFFER_DURATION(buffer), 40 * GST_MSECOND);
    assert_equals_uint64(GST_BUFFER_OFFSET(buffer), static_cast<guint64>(i));
    fail_unless(gst_structure_has_field(truth_of(buffer), "labels") == FALSE);
    gst_buffer_unref(buffer);
  }
  gst_harness_teardown(h);
}
GST_END_TEST;

GST_START_TEST(labels_where_asked_for) {
  GstHarness* h = harness("truth=labels anomaly-first=0", kSmall);
  anomaly::SceneOptions o = options(0, 96, 64);
  o.anomaly_first = 0;
  anomaly::SceneFrame want;
  anomaly::Scene::create(o)->render(0, want);
  gst_harness_play(h);
  GstBuffer* buffer = gst_harness_pull(h);
  fail_unless(plane(truth_of(buffer), "labels") == want.labels);
  gst_buffer_unref(buffer);
  gst_harness_teardown(h);

  h = harness("truth=none", kSmall);
  gst_harness_play(h);
  buffer = gst_harness_pull(h);
  fail_unless(truth_of(buffer) == nullptr);
  gst_buffer_unref(buffer);
  gst_harness_teardown(h);
}
GST_END_TEST;

GST_START_TEST(odd_rates_do_not_drift) {
  GstHarness* h = harness("", "video/x-raw,format=GRAY8,width=16,height=16,framerate=30000/1001");
  gst_harness_play(h);
  GstClockTime end = 0;
  for (guint64 i = 0; i < 40; ++i) {
    GstBuffer* buffer = gst_harness_pull(h);
    assert_equals_uint64(GST_BUFFER_PTS(buffer), end);  // no gap, no overlap
    assert_equals_uint64(GST_BUFFER_PTS(buffer), gst_util_uint64_scale(i, 1001 * GST_SECOND, 30000));
    end = GST_BUFFER_PTS(buffer) + GST_BUFFER_DURATION(buffer);
    gst_buffer_unref(buffer);
  }
  gst_harness_teardown(h);
}
GST_END_TEST;

// Every format is the scene's picture: it converts back to it.
GST_START_TEST(every_format) {
  GstElement* source = gst_element_factory_make("anomalytestsrc", nullptr);
  GstCaps* caps = gst_pad_template_get_caps(gst_element_get_pad_template(source, "src"));
  const GValue* formats = gst_structure_get_value(gst_caps_get_structure(caps, 0), "format");
  fail_unless(gst_value_list_get_size(formats) >= 20);
  anomaly::SceneFrame want;
  anomaly::Scene::create(options(3, 66, 38))->render(0, want);
  for (guint i = 0; i < gst_value_list_get_size(formats); ++i) {
    const std::string format = g_value_get_string(gst_value_list_get_value(formats, i));
    GstHarness* h =
        harness("seed=3", ("video/x-raw,framerate=25/1,width=66,height=38,format=" + format).c_str());
    gst_harness_play(h);
    GstBuffer* buffer = gst_harness_pull(h);
    GstCaps* now = gst_pad_get_current_caps(h->sinkpad);
    GstVideoInfo from, to;
    fail_unless(gst_video_info_from_caps(&from, now));
    assert_equals_int(gst_buffer_get_size(buffer), from.size);
    const bool grey = GST_VIDEO_INFO_IS_GRAY(&from);
    gst_video_info_set_format(&to, GST_VIDEO_FORMAT_RGB, 66, 38);
    to.fps_n = from.fps_n, to.fps_d = from.fps_d;
    GstVideoConverter* back = gst_video_converter_new(&from, &to, nullptr);
    GstBuffer* rgb = gst_buffer_new_allocate(nullptr, to.size, nullptr);
    GstVideoFrame in, out;
    fail_unless(gst_video_frame_map(&in, &from, buffer, GST_MAP_READ));
    fail_unless(gst_video_frame_map(&out, &to, rgb, GST_MAP_WRITE));
    gst_video_converter_frame(back, &in, &out);
    gst_video_frame_unmap(&in);
    gst_video_frame_unmap(&out);
    const std::vector<guint8> got = packed_rgb(rgb, 66, 38);
    double error = 0;
    for (size_t k = 0; k < got.size(); k += 3) {
      // Chroma is lost by subsampling, luma is not.
      auto luma = [](const guint8* p) { return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]; };
      error += ABS(luma(&got[k]) - luma(&want.rgb[k]));
    }
    error /= static_cast<double>(got.size()) / 3;
    fail_unless(error < (grey ? 4.0 : 4.5), "%s differs by %.2f", format.c_str(), error);
    if (format == "RGB") fail_unless(got == want.rgb);
    fail_unless(truth_of(buffer) != nullptr);
    gst_video_converter_free(back);
    gst_buffer_unref(rgb);
    gst_buffer_unref(buffer);
    gst_caps_unref(now);
    gst_harness_teardown(h);
  }
  gst_caps_unref(caps);
  gst_object_unref(source);
}
GST_END_TEST;

GST_START_TEST(what_is_left_open_is_960x540_at_25) {
  Pipeline p("anomalytestsrc num-buffers=1");
  fail_unless(p.play() == GST_MESSAGE_EOS);
  GstPad* pad = gst_element_get_static_pad(p.sink, "sink");
  GstCaps* caps = gst_pad_get_current_caps(pad);
  GstVideoInfo info;
  fail_unless(caps && gst_video_info_from_caps(&info, caps));
  assert_equals_int(info.width, 960);
  assert_equals_int(info.height, 540);
  assert_equals_int(info.fps_n, 25);
  assert_equals_int(info.fps_d, 1);
  fail_unless(GST_VIDEO_INFO_FORMAT(&info) == GST_VIDEO_FORMAT_RGB);
  gst_caps_unref(caps);
  gst_object_unref(pad);
}
GST_END_TEST;

GST_START_TEST(num_buffers_ends_and_is_the_duration) {
  Pipeline p(std::string("anomalytestsrc num-buffers=7 ! ") + kSmall);
  p.preroll();
  gint64 duration = 0;
  fail_unless(gst_element_query_duration(p.pipeline, GST_FORMAT_TIME, &duration));
  assert_equals_int64(duration, 280 * GST_MSECOND);
  fail_unless(p.play() == GST_MESSAGE_EOS);
  assert_equals_int(p.buffers.size(), 7);

  Pipeline endless(std::string("anomalytestsrc ! ") + kSmall);
  endless.preroll();
  fail_if(gst_element_query_duration(endless.pipeline, GST_FORMAT_TIME, &duration) && duration > 0);
}
GST_END_TEST;

// Before the format is known, a conversion is refused; an assertion of GStreamer's would end the test.
GST_START_TEST(queries_before_caps_are_refused) {
  GstElement* source = gst_element_factory_make("anomalytestsrc", nullptr);
  fail_unless(source != nullptr);
  gst_object_ref_sink(source);
  for (const GstState state : {GST_STATE_NULL, GST_STATE_READY}) {
    gst_element_set_state(source, state);
    gint64 value = 0;
    fail_if(gst_element_query_convert(source, GST_FORMAT_TIME, GST_SECOND, GST_FORMAT_DEFAULT, &value));
  }
  gst_element_set_state(source, GST_STATE_NULL);
  gst_object_unref(source);
}
GST_END_TEST;

GST_START_TEST(seeks_land_on_the_frame) {
  Pipeline p(std::string("anomalytestsrc num-buffers=100 seed=5 ! ") + kSmall);
  const auto scene = anomaly::Scene::create(options(5, 96, 64));
  p.preroll();
  p.clear();
  const auto flags = static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE);
  // Frames 60 to 62: the seek asks for a time within frame 60.
  fail_unless(gst_element_seek(p.pipeline, 1.0, GST_FORMAT_TIME, flags, GST_SEEK_TYPE_SET, 2410 * GST_MSECOND,
                               GST_SEEK_TYPE_SET, 2520 * GST_MSECOND));
  fail_unless(p.play() == GST_MESSAGE_EOS);
  assert_equals_int(p.buffers.size(), 3);
  for (int i = 0; i < 3; ++i) expect_scene(p.buffers[static_cast<size_t>(i)], *scene, 60 + i, 96, 64);
  assert_equals_uint64(GST_BUFFER_PTS(p.buffers[1]), 2440 * GST_MSECOND);
  p.clear();
  // On a frame's very start.
  fail_unless(gst_element_seek(p.pipeline, 1.0, GST_FORMAT_TIME, flags, GST_SEEK_TYPE_SET, 40 * GST_MSECOND,
                               GST_SEEK_TYPE_SET, 80 * GST_MSECOND));
  fail_unless(p.wait() == GST_MESSAGE_EOS);
  assert_equals_int(p.buffers.size(), 1);
  expect_scene(p.buffers[0], *scene, 1, 96, 64);
  p.clear();
  // Backwards: 9, 8, 7.
  fail_unless(gst_element_seek(p.pipeline, -1.0, GST_FORMAT_TIME, flags, GST_SEEK_TYPE_SET, 280 * GST_MSECOND,
                               GST_SEEK_TYPE_SET, 400 * GST_MSECOND));
  fail_unless(p.wait() == GST_MESSAGE_EOS);
  assert_equals_int(p.buffers.size(), 3);
  for (int i = 0; i < 3; ++i) expect_scene(p.buffers[static_cast<size_t>(i)], *scene, 9 - i, 96, 64);
}
GST_END_TEST;

GST_START_TEST(the_end_is_where_the_duration_says_after_a_seek) {
  Pipeline p(std::string("anomalytestsrc num-buffers=20 ! ") + kSmall);
  p.preroll();
  p.clear();
  fail_unless(gst_element_seek_simple(p.pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 680 * GST_MSECOND));
  fail_unless(p.play() == GST_MESSAGE_EOS);
  assert_equals_int(p.buffers.size(), 3);  // 17, 18, 19
  assert_equals_uint64(GST_BUFFER_OFFSET(p.buffers[2]), 19);
}
GST_END_TEST;

std::vector<guint64> numbers(const Pipeline& p) {
  std::vector<guint64> out;
  for (GstBuffer* buffer : p.buffers) out.push_back(GST_BUFFER_OFFSET(buffer));
  return out;
}

constexpr auto kAccurate = static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE);

// Before the frame rate is known, in NULL and READY, a seek is kept for the start.
GST_START_TEST(seeks_before_the_start) {
  struct Seek {
    double rate;
    GstSeekType start_type;
    gint64 start;
    GstSeekType stop_type;
    gint64 stop;
    std::vector<guint64> frames;
  };
  const std::vector<Seek> seeks = {
      {1, GST_SEEK_TYPE_SET, 2410 * GST_MSECOND, GST_SEEK_TYPE_SET, 2520 * GST_MSECOND, {60, 61, 62}},
      {-1, GST_SEEK_TYPE_SET, 280 * GST_MSECOND, GST_SEEK_TYPE_SET, 400 * GST_MSECOND, {9, 8, 7}},
      {1, GST_SEEK_TYPE_SET, 3900 * GST_MSECOND, GST_SEEK_TYPE_NONE, -1, {97, 98, 99}},
      {-1, GST_SEEK_TYPE_SET, 3880 * GST_MSECOND, GST_SEEK_TYPE_NONE, -1, {99, 98, 97}},
      {-1, GST_SEEK_TYPE_SET, 3880 * GST_MSECOND, GST_SEEK_TYPE_SET, 9 * GST_SECOND, {99, 98, 97}}};
  for (const GstState state : {GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED})
    for (const Seek& seek : seeks) {
      Pipeline p(std::string("anomalytestsrc name=source num-buffers=100 seed=5 ! ") + kSmall);
      if (state == GST_STATE_PAUSED)
        p.preroll();
      else
        gst_element_set_state(p.pipeline, state);
      p.clear();
      GstElement* source = gst_bin_get_by_name(GST_BIN(p.pipeline), "source");
      fail_unless(gst_element_send_event(
          source, gst_event_new_seek(seek.rate, GST_FORMAT_TIME, kAccurate, seek.start_type, seek.start,
                                     seek.stop_type, seek.stop)));
      gst_object_unref(source);
      fail_unless(p.play() == GST_MESSAGE_EOS);
      fail_unless(numbers(p) == seek.frames, "after a seek at rate %g in %s, %u frames from %u", seek.rate,
                  gst_element_state_get_name(state), static_cast<guint>(p.buffers.size()),
                  p.buffers.empty() ? 0 : static_cast<guint>(GST_BUFFER_OFFSET(p.buffers[0])));
      for (GstBuffer* buffer : p.buffers)
        assert_equals_uint64(GST_BUFFER_PTS(buffer), GST_BUFFER_OFFSET(buffer) * 40 * GST_MSECOND);
      const auto number = static_cast<gint64>(seek.frames[0]);
      expect_scene(p.buffers[0], *anomaly::Scene::create(options(5, 96, 64)), number, 96, 64);
      // What is shown first is shown at once, however far behind the end the seek went.
      GstPad* pad = gst_element_get_static_pad(p.sink, "sink");
      GstEvent* event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
      const GstSegment* segment = nullptr;
      gst_event_parse_segment(event, &segment);
      const GstClockTime edge =
          GST_BUFFER_PTS(p.buffers[0]) + (seek.rate < 0 ? GST_BUFFER_DURATION(p.buffers[0]) : 0);
      const guint64 running = gst_segment_to_running_time(segment, GST_FORMAT_TIME,
                                                          seek.rate < 0 ? edge : MAX(edge, segment->start));
      assert_equals_uint64(running, 0);
      gst_event_unref(event);
      gst_object_unref(pad);
    }
}
GST_END_TEST;

// num-buffers are the frames of the drive, not of all that was played of it.
GST_START_TEST(the_drive_can_be_played_again) {
  Pipeline p(std::string("anomalytestsrc num-buffers=4 ! ") + kSmall);
  fail_unless(p.play() == GST_MESSAGE_EOS);
  for (int round = 0; round < 3; ++round) {
    p.clear();
    fail_unless(gst_element_seek_simple(p.pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
    fail_unless(p.wait() == GST_MESSAGE_EOS);
    fail_unless(numbers(p) == std::vector<guint64>({0, 1, 2, 3}));
    p.clear();
    fail_unless(gst_element_seek(p.pipeline, -1, GST_FORMAT_TIME, kAccurate, GST_SEEK_TYPE_SET, 0,
                                 GST_SEEK_TYPE_NONE, -1));
    fail_unless(p.wait() == GST_MESSAGE_EOS);
    fail_unless(numbers(p) == std::vector<guint64>({3, 2, 1, 0}));
  }
}
GST_END_TEST;

// Nothing tells where an endless drive ends.
GST_START_TEST(backwards_from_an_end_that_is_not_known_is_refused) {
  Pipeline p(std::string("anomalytestsrc ! ") + kSmall);
  p.preroll();
  fail_if(gst_element_seek(p.pipeline, -1, GST_FORMAT_TIME, kAccurate, GST_SEEK_TYPE_SET, 0,
                           GST_SEEK_TYPE_NONE, -1));
  // Nothing was flushed: the stream can go on.
  GstPad* pad = gst_element_get_static_pad(p.sink, "sink");
  GstEvent* segment = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
  fail_unless(segment != nullptr);
  gst_event_unref(segment);
  gst_object_unref(pad);
}
GST_END_TEST;

GST_START_TEST(live_keeps_the_time_of_the_clock) {
  Pipeline p(std::string("anomalytestsrc is-live=true num-buffers=5 ! ") + kSmall);
  const gint64 before = g_get_monotonic_time();
  assert_equals_int(gst_element_set_state(p.pipeline, GST_STATE_PAUSED), GST_STATE_CHANGE_NO_PREROLL);
  GstQuery* seeking = gst_query_new_seeking(GST_FORMAT_TIME);
  gboolean seekable = TRUE;
  if (gst_element_query(p.pipeline, seeking))
    gst_query_parse_seeking(seeking, nullptr, &seekable, nullptr, nullptr);
  fail_if(seekable);
  gst_query_unref(seeking);
  fail_unless(p.play() == GST_MESSAGE_EOS);
  // The fifth frame is not shown before its time, 160 ms after the first.
  fail_unless(g_get_monotonic_time() - before >= 160 * 1000);
  assert_equals_int(p.buffers.size(), 5);
  for (size_t i = 1; i < 5; ++i)
    assert_equals_uint64(GST_BUFFER_PTS(p.buffers[i]) - GST_BUFFER_PTS(p.buffers[i - 1]), 40 * GST_MSECOND);
}
GST_END_TEST;

GST_START_TEST(live_latency_is_a_frame) {
  Pipeline p(std::string("anomalytestsrc is-live=true ! ") + kSmall);
  gst_element_set_state(p.pipeline, GST_STATE_PLAYING);
  gst_element_get_state(p.pipeline, nullptr, nullptr, 60 * GST_SECOND);
  GstPad* pad = gst_element_get_static_pad(p.sink, "sink");
  GstPad* peer = gst_pad_get_peer(pad);
  gboolean live = FALSE;
  GstClockTime low = 0, high = 0;
  // Known once caps are.
  for (int tries = 0; tries < 500 && low == 0; ++tries) {
    GstQuery* latency = gst_query_new_latency();
    if (gst_pad_query(peer, latency)) gst_query_parse_latency(latency, &live, &low, &high);
    gst_query_unref(latency);
    if (low == 0) g_usleep(10000);
  }
  fail_unless(live);
  assert_equals_uint64(low, 40 * GST_MSECOND);
  fail_if(GST_CLOCK_TIME_IS_VALID(high));
  gst_object_unref(peer);
  gst_object_unref(pad);
}
GST_END_TEST;

GST_START_TEST(a_still_is_one_frame) {
  Pipeline p("anomalytestsrc ! video/x-raw,width=64,height=48,framerate=0/1");
  fail_unless(p.play() == GST_MESSAGE_EOS);
  assert_equals_int(p.buffers.size(), 1);
  assert_equals_uint64(GST_BUFFER_PTS(p.buffers[0]), 0);
  fail_if(GST_BUFFER_DURATION_IS_VALID(p.buffers[0]));
}
GST_END_TEST;

GST_START_TEST(renegotiated_size_goes_on_with_the_next_frame) {
  GstHarness* h = harness("seed=2", kSmall);
  gst_harness_play(h);
  for (int i = 0; i < 3; ++i) gst_buffer_unref(gst_harness_pull(h));
  gst_harness_set_sink_caps_str(h, "video/x-raw,format=RGB,width=48,height=32,framerate=25/1");
  gst_harness_push_upstream_event(h, gst_event_new_reconfigure());
  const auto scene = anomaly::Scene::create(options(2, 48, 32));
  bool changed = false;
  for (int i = 0; i < 100 && !changed; ++i) {
    GstBuffer* buffer = gst_harness_pull(h);
    if (gst_buffer_get_size(buffer) == 48 * 32 * 3) {
      changed = true;
      const auto index = static_cast<int64_t>(GST_BUFFER_OFFSET(buffer));
      fail_unless(index >= 3);
      assert_equals_uint64(GST_BUFFER_PTS(buffer), static_cast<guint64>(index) * 40 * GST_MSECOND);
      expect_scene(buffer, *scene, index, 48, 32);
    }
    gst_buffer_unref(buffer);
  }
  fail_unless(changed);
  gst_harness_teardown(h);
}
GST_END_TEST;

GST_START_TEST(the_truth_is_scaled_with_the_frame_or_gone) {
  const std::string source =
      "anomalytestsrc num-buffers=1 anomaly-first=0 seed=1 truth=labels ! "
      "video/x-raw,format=RGB,width=192,height=128 ! ";
  Pipeline same(source + "videoconvert ! video/x-raw,format=I420");
  fail_unless(same.play() == GST_MESSAGE_EOS);
  const GstStructure* full = truth_of(same.buffers.at(0));
  fail_unless(full != nullptr);
  const std::vector<guint8> mask = plane(full, "mask"), labels = plane(full, "labels");

  Pipeline half(source + "videoscale ! video/x-raw,width=96,height=64");
  fail_unless(half.play() == GST_MESSAGE_EOS);
  const GstStructure* truth = truth_of(half.buffers.at(0));
  fail_unless(truth != nullptr);
  const std::vector<guint8> small = plane(truth, "mask"), small_labels = plane(truth, "labels");
  assert_equals_int(small.size(), 96 * 64);
  for (size_t y = 0; y < 64; ++y)
    for (size_t x = 0; x < 96; ++x) {
      assert_equals_int(small[y * 96 + x], mask[(2 * y + 1) * 192 + 2 * x + 1]);
      assert_equals_int(small_labels[y * 96 + x], labels[(2 * y + 1) * 192 + 2 * x + 1]);
    }
  const std::vector<int> big_box = boxes(full), box = boxes(truth);
  assert_equals_int(box.size(), 4);
  assert_equals_int(box[0], big_box[0] / 2);
  assert_equals_int(box[0] + box[2], (big_box[0] + big_box[2] + 1) / 2);

  // Nobody tells a meta where a crop or a flip put its pixels.
  for (const char* moved : {"videocrop left=20", "videoflip video-direction=horiz"}) {
    Pipeline p(source + moved);
    fail_unless(p.play() == GST_MESSAGE_EOS);
    fail_unless(truth_of(p.buffers.at(0)) == nullptr, "%s kept the truth", moved);
  }
}
GST_END_TEST;

GST_START_TEST(copies_carry_it_parts_do_not) {
  GstHarness* h = harness("anomaly-first=0", kSmall);
  gst_harness_play(h);
  GstBuffer* buffer = gst_harness_pull(h);
  GstBuffer* copy = gst_buffer_copy_deep(buffer);
  fail_unless(plane(truth_of(copy), "mask") == plane(truth_of(buffer), "mask"));
  fail_unless(boxes(truth_of(copy)) == boxes(truth_of(buffer)));
  GstBuffer* part = gst_buffer_copy_region(buffer, GST_BUFFER_COPY_ALL, 0, 96 * 3 * 10);
  fail_unless(truth_of(part) == nullptr);
  gst_buffer_unref(part);
  gst_buffer_unref(copy);
  gst_buffer_unref(buffer);
  gst_harness_teardown(h);
}
GST_END_TEST;

GST_START_TEST(impossible_settings_are_named) {
  Pipeline p("anomalytestsrc anomaly-period=20 anomaly-frames=30");
  std::string text;
  fail_unless(p.play(&text) == GST_MESSAGE_ERROR);
  fail_unless(text.find("1 to 20 frames") != std::string::npos, "%s", text.c_str());
}
GST_END_TEST;

GST_START_TEST(up_and_down_again) {
  Pipeline p(std::string("anomalytestsrc seed=4 ! ") + kSmall);
  for (int i = 0; i < 20; ++i) {
    gst_element_set_state(p.pipeline, i % 2 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    if (i % 3 == 0) gst_element_get_state(p.pipeline, nullptr, nullptr, 60 * GST_SECOND);
    gst_element_set_state(p.pipeline, GST_STATE_NULL);
    p.clear();
  }
  // Each run starts over.
  GstElement* source = gst_bin_get_by_name(GST_BIN(p.pipeline), "anomalytestsrc0");
  if (source) {
    g_object_set(source, "num-buffers", 2, nullptr);
    gst_object_unref(source);
    fail_unless(p.play() == GST_MESSAGE_EOS);
    assert_equals_uint64(GST_BUFFER_PTS(p.buffers.at(0)), 0);
  }
}
GST_END_TEST;

static Suite* testsrc_suite() {
  Suite* suite = suite_create("anomalytestsrc");
  TCase* all = tcase_create("general");
  tcase_set_timeout(all, 120);
  suite_add_tcase(suite, all);
  tcase_add_test(all, frames_are_the_scene_s);
  tcase_add_test(all, labels_where_asked_for);
  tcase_add_test(all, odd_rates_do_not_drift);
  tcase_add_test(all, every_format);
  tcase_add_test(all, what_is_left_open_is_960x540_at_25);
  tcase_add_test(all, num_buffers_ends_and_is_the_duration);
  tcase_add_test(all, queries_before_caps_are_refused);
  tcase_add_test(all, seeks_land_on_the_frame);
  tcase_add_test(all, the_end_is_where_the_duration_says_after_a_seek);
  tcase_add_test(all, seeks_before_the_start);
  tcase_add_test(all, the_drive_can_be_played_again);
  tcase_add_test(all, backwards_from_an_end_that_is_not_known_is_refused);
  tcase_add_test(all, live_keeps_the_time_of_the_clock);
  tcase_add_test(all, live_latency_is_a_frame);
  tcase_add_test(all, a_still_is_one_frame);
  tcase_add_test(all, renegotiated_size_goes_on_with_the_next_frame);
  tcase_add_test(all, the_truth_is_scaled_with_the_frame_or_gone);
  tcase_add_test(all, copies_carry_it_parts_do_not);
  tcase_add_test(all, impossible_settings_are_named);
  tcase_add_test(all, up_and_down_again);
  return suite;
}

GST_CHECK_MAIN(testsrc);
