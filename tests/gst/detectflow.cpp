// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect: order, events, queries, flushes and state changes while frames flow.
// Before gst-check, whose macro `fail` the standard headers do not expect.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

#include "tests/gst/detect_common.h"

namespace {

// So many pixels to segment that a frame takes long enough to be caught in the act.
constexpr const char* kSlow = "segmentation-width=2048 segmentation-height=1024";

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What leaves the element, in order: "frame 3", "caps", "gap", ...
struct Log {
  std::vector<std::string> lines;
  GMutex mutex;

  explicit Log(GstElement* element) {
    g_mutex_init(&mutex);
    pad_ = gst_element_get_static_pad(element, "src");
    probe_ = gst_pad_add_probe(
        pad_, static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
        [](GstPad*, GstPadProbeInfo* info, gpointer data) {
          static_cast<Log*>(data)->add(info);
          return GST_PAD_PROBE_OK;
        },
        this, nullptr);
  }
  ~Log() {
    gst_pad_remove_probe(pad_, probe_);
    gst_object_unref(pad_);
    g_mutex_clear(&mutex);
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  std::string joined() {
    g_mutex_lock(&mutex);
    std::string all;
    for (const std::string& line : lines) all += (all.empty() ? "" : ", ") + line;
    g_mutex_unlock(&mutex);
    return all;
  }

 private:
  void add(GstPadProbeInfo* info) {
    std::string line;
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
      GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
      line = "frame " + std::to_string(GST_BUFFER_PTS(buffer) / (40 * GST_MSECOND));
      if (!gst_buffer_get_anomaly_meta(buffer)) line += " bare";
    } else {
      line = gst_event_type_get_name(GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)));
    }
    g_mutex_lock(&mutex);
    lines.push_back(line);
    g_mutex_unlock(&mutex);
  }

  GstPad* pad_;
  gulong probe_;
};

void fail_unless_log(Log& log, const char* expected) {
  const std::string all = log.joined();
  fail_unless(all == expected, "left as \"%s\" instead of \"%s\"", all.c_str(), expected);
}

// Runs `body` while the streaming thread waits in the element for a result of the engine, and hands it the
// seconds that a result takes; `body` tells whether it saw what it wants. Another try, with another element,
// where a busy machine let the moment pass.
void while_waiting(const std::function<bool(Detect&, double)>& body) {
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    Detect detect(kSlow);
    const auto start = std::chrono::steady_clock::now();
    gst_buffer_unref(detect.through(detect.frame(0)));
    const double computing = seconds_since(start);
    GstFlowReturn flow = GST_FLOW_OK;
    std::thread stream([&] { flow = gst_harness_push(detect.harness, detect.frame(1)); });
    g_usleep(static_cast<gulong>(computing * 2e5));
    const bool seen = body(detect, computing);
    stream.join();
    if (flow == GST_FLOW_FLUSHING && seen) return;
    fail_unless(flow == GST_FLOW_FLUSHING || flow == GST_FLOW_OK);
  }
  ck_abort_msg("never so in %d tries", kTries);
}

}  // namespace

GST_START_TEST(test_eos_before_the_first_frame) {
  Detect detect("max-in-flight=2");
  Log log(detect.element);
  fail_unless(gst_harness_push_event(detect.harness, gst_event_new_eos()));
  fail_unless_log(log, "eos");
}
GST_END_TEST

GST_START_TEST(test_no_timestamps) {
  Detect detect("interval=1");
  for (int i = 0; i < 2; ++i) {
    GstBuffer* input = detect.frame(0);
    GST_BUFFER_PTS(input) = GST_BUFFER_DTS(input) = GST_BUFFER_DURATION(input) = GST_CLOCK_TIME_NONE;
    GstBuffer* out = detect.through(input);
    fail_unless(!GST_BUFFER_PTS_IS_VALID(out) && !GST_BUFFER_DURATION_IS_VALID(out));
    fail_unless_equals_int(meta_of(out)->age, i);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

GST_START_TEST(test_frames_in_flight_leave_in_order) {
  std::vector<GstBuffer*> alone;
  {
    Detect detect;
    for (guint i = 0; i < 12; ++i) alone.push_back(detect.through(detect.frame(i)));
  }
  Detect detect("max-in-flight=4");
  Log log(detect.element);
  for (guint i = 0; i < 12; ++i)
    fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(i)), GST_FLOW_OK);
  // At most three may still be inside, and one on its way out.
  fail_unless(gst_harness_buffers_received(detect.harness) >= 8);
  fail_unless(gst_harness_push_event(detect.harness, gst_event_new_eos()));
  fail_unless_log(
      log,
      "frame 0, frame 1, frame 2, frame 3, frame 4, frame 5, frame 6, frame 7, frame 8, frame 9, frame 10, "
      "frame 11, eos");
  for (GstBuffer* expected : alone) {
    GstBuffer* out = detect.pull();
    fail_unless_equals_uint64(GST_BUFFER_PTS(out), GST_BUFFER_PTS(expected));
    test_planes_equal(&meta_of(out)->map, &meta_of(expected)->map);
    gst_buffer_unref(out);
    gst_buffer_unref(expected);
  }
}
GST_END_TEST

GST_START_TEST(test_events_keep_their_place) {
  Detect detect("max-in-flight=16 interval=2");
  Log log(detect.element);
  GstHarness* h = detect.harness;
  const auto frame = [&](guint i) {
    fail_unless_equals_int(gst_harness_push(h, detect.frame(i)), GST_FLOW_OK);
  };
  frame(0);
  frame(1);
  gst_harness_push_event(h,
                         gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty("mark")));
  frame(2);
  gst_harness_push_event(h, gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "drive", nullptr)));
  frame(3);
  gst_harness_push_event(h, gst_event_new_gap(4 * 40 * GST_MSECOND, 40 * GST_MSECOND));
  frame(5);
  detect.set_caps("video/x-raw,format=NV12,width=64,height=64,framerate=25/1");
  frame(6);
  gst_harness_push_event(h, gst_event_new_eos());
  // The harness sends a segment behind caps.
  fail_unless_log(log,
                  "frame 0, frame 1, custom-downstream, frame 2, tag, frame 3, gap, frame 5, caps, segment, "
                  "frame 6, eos");
  for (const guint age : {0, 1, 2, 0, 1, 0}) {
    GstBuffer* out = detect.pull();
    fail_unless_equals_int(meta_of(out)->age, age);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

// A DRAIN query is answered when everything is out.
GST_START_TEST(test_drain_query) {
  Detect detect("max-in-flight=8");
  for (guint i = 0; i < 3; ++i) gst_harness_push(detect.harness, detect.frame(i));
  GstQuery* query = gst_query_new_drain();
  gst_pad_peer_query(detect.harness->srcpad, query);
  gst_query_unref(query);
  fail_unless_equals_int(gst_harness_buffers_received(detect.harness), 3);
}
GST_END_TEST

GST_START_TEST(test_gap_buffers_pass_bare) {
  Detect detect("interval=3 max-in-flight=2");
  Log log(detect.element);
  for (guint i = 0; i < 4; ++i) {
    GstBuffer* buffer = detect.frame(i);
    if (i == 1) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_GAP);
    fail_unless_equals_int(gst_harness_push(detect.harness, buffer), GST_FLOW_OK);
  }
  gst_harness_push_event(detect.harness, gst_event_new_eos());
  fail_unless_log(log, "frame 0, frame 1 bare, frame 2, frame 3, eos");
}
GST_END_TEST

GST_START_TEST(test_caps_change) {
  for (const char* flight : {"max-in-flight=1", "max-in-flight=4"}) {
    Detect detect(std::string(flight) + " interval=10");
    struct Step {
      const char* caps;
      gint width, height;
    };
    const Step steps[] = {{kCaps, 96, 54},
                          {"video/x-raw,format=NV12,width=161,height=91,framerate=30/1", 161, 91},
                          {"video/x-raw,format=GRAY8,width=16,height=200,framerate=0/1", 16, 200},
                          {kCaps, 96, 54}};
    for (const Step& step : steps) {
      detect.set_caps(step.caps);
      for (guint i = 0; i < 2; ++i)
        fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(i)), GST_FLOW_OK);
    }
    gst_harness_push_event(detect.harness, gst_event_new_eos());
    for (const Step& step : steps)
      for (guint i = 0; i < 2; ++i) {
        GstBuffer* out = detect.pull();
        test_rectangle_equals(meta_of(out), 0, 0, step.width, step.height);
        // A map of other frames must not be repeated on these.
        fail_unless_equals_int(meta_of(out)->age, i);
        gst_buffer_unref(out);
      }
  }
}
GST_END_TEST

GST_START_TEST(test_flush_drops_what_is_queued) {
  Detect detect(std::string("max-in-flight=3 interval=1 ") + kSlow);
  Log log(detect.element);
  for (guint i = 0; i < 2; ++i)
    fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(i)), GST_FLOW_OK);
  detect.flush();
  fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(7)), GST_FLOW_OK);
  gst_harness_push_event(detect.harness, gst_event_new_eos());
  // The first may have been finished before the flush.
  const std::string left = log.joined();
  fail_unless(left == "segment, frame 7, eos" || left == "frame 0, segment, frame 7, eos", "left as \"%s\"",
              left.c_str());
  GstBuffer* out = detect.pull();
  if (GST_BUFFER_PTS(out) == 0) gst_buffer_replace(&out, nullptr), out = detect.pull();
  fail_unless_equals_int(meta_of(out)->age, 0);
  gst_buffer_unref(out);
}
GST_END_TEST

// A flush does not wait for a result, and the stream goes on after it.
GST_START_TEST(test_flush_while_a_result_is_waited_for) {
  while_waiting([](Detect& detect, double computing) {
    const auto start = std::chrono::steady_clock::now();
    fail_unless(gst_harness_push_event(detect.harness, gst_event_new_flush_start()));
    fail_unless(gst_harness_push_event(detect.harness, gst_event_new_flush_stop(TRUE)));
    const bool soon = seconds_since(start) < 0.5 * computing;
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    fail_unless(gst_harness_push_event(detect.harness, gst_event_new_segment(&segment)));
    GstBuffer* out = detect.through(detect.frame(5));
    if (GST_BUFFER_PTS(out) != 200 * GST_MSECOND) gst_buffer_replace(&out, nullptr), out = detect.pull();
    fail_unless_equals_uint64(GST_BUFFER_PTS(out), 200 * GST_MSECOND);
    meta_of(out);
    gst_buffer_unref(out);
    return soon;
  });
}
GST_END_TEST

GST_START_TEST(test_stop_while_a_result_is_waited_for) {
  while_waiting([](Detect& detect, double) {
    fail_unless_equals_int(gst_element_set_state(detect.element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
    fail_unless_equals_int(gst_element_set_state(detect.element, GST_STATE_PLAYING),
                           GST_STATE_CHANGE_SUCCESS);
    return true;
  });
}
GST_END_TEST

static GstElement* pipeline(const std::string& text) {
  GError* error = nullptr;
  GstElement* element = gst_parse_launch(text.c_str(), &error);
  fail_unless(error == nullptr, "%s: %s", text.c_str(), error ? error->message : "");
  return element;
}

static void play_to_end(GstElement* element) {
  gst_element_set_state(element, GST_STATE_PLAYING);
  GstBus* bus = gst_element_get_bus(element);
  GstMessage* message = gst_bus_timed_pop_filtered(
      bus, 60 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  fail_unless(message != nullptr && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS);
  gst_message_unref(message);
  gst_object_unref(bus);
  fail_unless_equals_int(gst_element_set_state(element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
}

static std::string detector() {
  return "anomalydetect device=cpu threads=1 model=\"" + test_bundle() + "\" ";
}

// Twenty times from NULL to PLAYING and back, stopped while frames flow: nothing stays behind.
GST_START_TEST(test_states_up_and_down) {
  GstElement* element = pipeline("videotestsrc ! video/x-raw,format=I420,width=160,height=90 ! " +
                                 detector() + "max-in-flight=2 ! fakesink name=sink sync=false");
  GstElement* sink = gst_bin_get_by_name(GST_BIN(element), "sink");
  guint64 settled = 0;
  for (int i = 0; i < 20; ++i) {
    fail_unless(gst_element_set_state(element, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
    fail_unless_equals_int(gst_element_get_state(element, nullptr, nullptr, 20 * GST_SECOND),
                           GST_STATE_CHANGE_SUCCESS);
    g_usleep(static_cast<gulong>(i % 5) * 3000);
    GstSample* sample = nullptr;
    g_object_get(sink, "last-sample", &sample, nullptr);
    fail_unless(sample != nullptr && gst_buffer_get_anomaly_meta(gst_sample_get_buffer(sample)) != nullptr);
    gst_sample_unref(sample);
    fail_unless_equals_int(gst_element_set_state(element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    if (i == 7) settled = resident_bytes();
  }
  fail_unless_settled(settled, resident_bytes(), 8);
  gst_object_unref(sink);
  gst_object_unref(element);
}
GST_END_TEST

// Two at once and one behind the other, in one process: each frame carries the word of its own detector.
GST_START_TEST(test_several_in_one_process) {
  GstElement* element = pipeline(
      "videotestsrc num-buffers=20 pattern=ball ! video/x-raw,format=RGB,width=96,height=54 ! tee name=t "
      "t. ! queue ! " +
      detector() + "threshold=0.125 ! " + detector() +
      "threshold=0.25 max-in-flight=3 ! fakesink name=a "
      "sync=false signal-handoffs=true t. ! queue ! " +
      detector() +
      "threshold=0.5 ! fakesink name=b sync=false "
      "signal-handoffs=true");
  struct Seen {
    const char* sink;
    gfloat threshold;
    gint frames;
  } seen[] = {{"a", 0.25f, 0}, {"b", 0.5f, 0}};
  for (Seen& one : seen) {
    GstElement* sink = gst_bin_get_by_name(GST_BIN(element), one.sink);
    g_signal_connect(sink, "handoff", G_CALLBACK(+[](GstElement*, GstBuffer* buffer, GstPad*, gpointer data) {
                       auto* mine = static_cast<Seen*>(data);
                       const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(buffer);
                       if (meta && meta->threshold == mine->threshold) ++mine->frames;
                     }),
                     &one);
    gst_object_unref(sink);
  }
  play_to_end(element);
  fail_unless_equals_int(seen[0].frames, 20);
  fail_unless_equals_int(seen[1].frames, 20);
  gst_object_unref(element);
}
GST_END_TEST

// Seeks while frames flow: every flush ends, and the stream goes on behind it.
GST_START_TEST(test_seeks_while_frames_flow) {
  GstElement* element = pipeline(
      "videotestsrc num-buffers=100000 ! video/x-raw,format=I420,width=160,height=90,framerate=25/1 ! " +
      detector() + "max-in-flight=3 ! fakesink sync=false");
  gst_element_set_state(element, GST_STATE_PLAYING);
  fail_unless_equals_int(gst_element_get_state(element, nullptr, nullptr, 20 * GST_SECOND),
                         GST_STATE_CHANGE_SUCCESS);
  for (int i = 0; i < 20; ++i) {
    fail_unless(
        gst_element_seek_simple(element, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, (i * 7 % 20) * GST_SECOND));
    fail_unless_equals_int(gst_element_get_state(element, nullptr, nullptr, 20 * GST_SECOND),
                           GST_STATE_CHANGE_SUCCESS);
    g_usleep(static_cast<gulong>(i % 4) * 4000);
  }
  fail_unless_equals_int(gst_element_set_state(element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  gst_object_unref(element);
}
GST_END_TEST

static Suite* detectflow_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("flow");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_eos_before_the_first_frame);
  tcase_add_test(tc, test_no_timestamps);
  tcase_add_test(tc, test_frames_in_flight_leave_in_order);
  tcase_add_test(tc, test_events_keep_their_place);
  tcase_add_test(tc, test_drain_query);
  tcase_add_test(tc, test_gap_buffers_pass_bare);
  tcase_add_test(tc, test_caps_change);
  tcase_add_test(tc, test_flush_drops_what_is_queued);
  tcase_add_test(tc, test_flush_while_a_result_is_waited_for);
  tcase_add_test(tc, test_stop_while_a_result_is_waited_for);
  tcase_add_test(tc, test_states_up_and_down);
  tcase_add_test(tc, test_several_in_one_process);
  tcase_add_test(tc, test_seeks_while_frames_flow);
  return suite;
}

GST_CHECK_MAIN(detectflow);
