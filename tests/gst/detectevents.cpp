// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect: events with hysteresis, and their messages.
// Before gst-check, whose macro `fail` the standard headers do not expect.
#include <sstream>
#include <string>
#include <vector>

#include "gst/plugin/gstanomalydetectevents.h"
#include "tests/gst/detect_common.h"

using namespace anomaly;

namespace {

// Feeds a tracker one score every 100 ms, from 0, and writes down what it tells: "start 1 at 200 for 0".
struct Script {
  EventTracker tracker;
  EventSettings settings;
  std::vector<std::string> told;
  GstClockTime now = 0;
  bool timed = true;

  void tell(GstStructure* structure) {
    if (!structure) return;
    guint id = 0;
    guint64 at = 0, duration = 0;
    fail_unless(gst_structure_get(structure, "id", G_TYPE_UINT, &id, "running-time", G_TYPE_UINT64, &at,
                                  "duration", G_TYPE_UINT64, &duration, nullptr));
    std::ostringstream text;
    text << gst_structure_get_string(structure, "event") << " " << id;
    if (timed) text << " at " << at / GST_MSECOND << " for " << duration / GST_MSECOND;
    if (const char* reason = gst_structure_get_string(structure, "reason")) text << " " << reason;
    told.push_back(text.str());
    gst_structure_free(structure);
  }
  void play(const std::vector<double>& scores) {
    for (const double score : scores) {
      EventFrame frame;
      frame.score = score;
      frame.threshold = 0.5;
      frame.model = "m";
      if (timed) frame.timestamp = frame.stream_time = frame.running_time = now;
      tell(tracker.frame(frame, settings));
      now += 100 * GST_MSECOND;
    }
  }
  void end(const char* reason) { tell(tracker.end(reason)); }
  void expect(const std::string& expected) {
    std::string all;
    for (const std::string& line : told) all += (all.empty() ? "" : ", ") + line;
    fail_unless(all == expected, "\"%s\" instead of \"%s\"", all.c_str(), expected.c_str());
    told.clear();
  }
};

GstStructure* next_message(Detect& detect) {
  GstMessage* message = gst_bus_pop_filtered(detect.bus, GST_MESSAGE_ELEMENT);
  if (!message) return nullptr;
  GstStructure* structure = gst_structure_copy(gst_message_get_structure(message));
  fail_unless(gst_structure_has_name(structure, "anomaly"));
  gst_message_unref(message);
  return structure;
}

// The messages on the bus: "start 1, update 1, end 1 eos".
std::string messages(Detect& detect) {
  std::string all;
  while (GstStructure* structure = next_message(detect)) {
    guint id = 0;
    fail_unless(gst_structure_get_uint(structure, "id", &id));
    const char* reason = gst_structure_get_string(structure, "reason");
    all += (all.empty() ? "" : ", ") + std::string(gst_structure_get_string(structure, "event")) + " " +
           std::to_string(id) + (reason ? std::string(" ") + reason : "");
    gst_structure_free(structure);
  }
  return all;
}

void expect_messages(Detect& detect, const char* expected) {
  const std::string all = messages(detect);
  fail_unless(all == expected, "\"%s\" instead of \"%s\"", all.c_str(), expected);
}

void push(Detect& detect, guint frame) {
  fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(frame)), GST_FLOW_OK);
  GstBuffer* out = gst_harness_pull(detect.harness);
  fail_unless(out != nullptr);
  gst_buffer_unref(out);
}

}  // namespace

GST_START_TEST(test_hysteresis) {
  Script script;
  script.settings.update_interval = GST_CLOCK_TIME_NONE;
  // On from the threshold, 0.5; off below 0.8 of it, 0.4.
  script.play({0.1, 0.49, 0.5, 0.45, 0.4, 0.45, 0.39, 0.45, 0.49});
  script.expect("start 1 at 200 for 0, end 1 at 600 for 400 score");
  script.play({0.7, 0.2, 0.6, 0.1});
  script.expect(
      "start 2 at 900 for 0, end 2 at 1000 for 100 score, start 3 at 1100 for 0, end 3 at 1200 for "
      "100 score");
}
GST_END_TEST

GST_START_TEST(test_levels) {
  Script script;
  script.settings.on = 0.8;
  script.settings.off = 0.3;
  script.settings.update_interval = GST_CLOCK_TIME_NONE;
  script.play({0.79, 0.8, 0.31, 0.3, 0.29});
  script.expect("start 1 at 100 for 0, end 1 at 400 for 300 score");
  // An off score above the on score is the on score: no flood of starts and ends.
  script.settings.off = 5;
  script.play({0.8, 0.9, 0.79});
  script.expect("start 2 at 500 for 0, end 2 at 700 for 200 score");
}
GST_END_TEST

GST_START_TEST(test_minimum_duration) {
  Script script;
  script.settings.min_duration = 250 * GST_MSECOND;
  script.settings.update_interval = GST_CLOCK_TIME_NONE;
  script.play({0.6, 0.6, 0.6, 0.1});
  script.end("eos");
  script.expect("");
  script.play({0.6, 0.45, 0.6, 0.6, 0.1});
  script.expect("start 1 at 700 for 300, end 1 at 800 for 400 score");
}
GST_END_TEST

GST_START_TEST(test_release) {
  Script script;
  script.settings.release = 200 * GST_MSECOND;
  script.settings.update_interval = GST_CLOCK_TIME_NONE;
  script.play({0.6, 0.1, 0.1, 0.6, 0.1, 0.1, 0.1, 0.1});
  // It ended when the score fell for good.
  script.expect("start 1 at 0 for 0, end 1 at 600 for 400 score");
}
GST_END_TEST

GST_START_TEST(test_updates) {
  Script script;
  script.settings.update_interval = 200 * GST_MSECOND;
  script.play({0.6, 0.6, 0.6, 0.6, 0.6});
  script.expect("start 1 at 0 for 0, update 1 at 200 for 200, update 1 at 400 for 400");
  script.settings.update_interval = 0;
  script.play({0.6, 0.6});
  script.expect("update 1 at 500 for 500, update 1 at 600 for 600");
}
GST_END_TEST

GST_START_TEST(test_interruptions) {
  Script script;
  script.settings.update_interval = GST_CLOCK_TIME_NONE;
  script.end("eos");
  script.play({0.6, 0.6});
  script.end("flush");
  script.end("stop");
  script.expect("start 1 at 0 for 0, end 1 at 100 for 100 flush");
  script.play({0.6});
  script.settings.post = false;
  script.play({0.6});
  script.end("stop");
  script.expect("start 2 at 200 for 0");
  // Told from here on: as one that starts.
  script.settings.post = true;
  script.play({0.6});
  script.expect("start 3 at 400 for 0");
}
GST_END_TEST

GST_START_TEST(test_frames_without_times) {
  Script script;
  script.timed = false;
  script.settings.update_interval = 1;
  script.play({0.6, 0.6, 0.1});
  script.expect("start 1, end 1 score");
  script.settings.min_duration = 1;
  script.play({0.6, 0.6});
  script.expect("");
}
GST_END_TEST

GST_START_TEST(test_peak) {
  EventTracker tracker;
  const EventSettings settings;
  EventFrame frame;
  frame.threshold = 0.5;
  frame.model = "m";
  const double scores[] = {0.6, 0.9, 0.7};
  for (int i = 0; i < 3; ++i) {
    frame.score = scores[i];
    frame.regions = static_cast<guint>(i);
    frame.running_time = static_cast<GstClockTime>(i);
    if (GstStructure* structure = tracker.frame(frame, settings)) gst_structure_free(structure);
  }
  GstStructure* end = tracker.end("eos");
  gdouble score = 0, peak = 0, on = 0;
  guint regions = 0;
  guint64 at = 0, start = 1;
  fail_unless(gst_structure_get(end, "score", G_TYPE_DOUBLE, &score, "peak", G_TYPE_DOUBLE, &peak, "regions",
                                G_TYPE_UINT, &regions, "peak-running-time", G_TYPE_UINT64, &at, "on-score",
                                G_TYPE_DOUBLE, &on, "start-running-time", G_TYPE_UINT64, &start, nullptr));
  fail_unless(score == 0.7 && peak == 0.9 && regions == 2 && at == 1 && on == 0.5 && start == 0);
  gst_structure_free(end);
}
GST_END_TEST

// The element's own messages: every frame of the test's bundle scores over 0.001, none over 1000.
GST_START_TEST(test_element_posts) {
  for (const char* flight : {"max-in-flight=1", "max-in-flight=3"}) {
    Detect detect(std::string(flight) + " event-on-score=0.001 event-update-interval=100000000");
    for (guint i = 0; i < 4; ++i) push(detect, i);
    GstStructure* start = next_message(detect);
    fail_unless(start != nullptr, "no message");
    guint64 timestamp = 1, stream_time = 1, running_time = 1;
    gdouble score = 0;
    fail_unless(gst_structure_get(start, "timestamp", G_TYPE_UINT64, &timestamp, "stream-time", G_TYPE_UINT64,
                                  &stream_time, "running-time", G_TYPE_UINT64, &running_time, "score",
                                  G_TYPE_DOUBLE, &score, nullptr));
    fail_unless(timestamp == 0 && stream_time == 0 && running_time == 0 && score > 0.001);
    fail_unless_equals_string(gst_structure_get_string(start, "model"), "test");
    gst_structure_free(start);
    expect_messages(detect, "update 1");
    gst_harness_push_event(detect.harness, gst_event_new_eos());
    expect_messages(detect, "end 1 eos");
  }
}
GST_END_TEST

GST_START_TEST(test_element_ends_events) {
  Detect detect("event-on-score=0.001 event-update-interval=18446744073709551615");
  push(detect, 0);
  detect.flush();
  expect_messages(detect, "start 1, end 1 flush");
  push(detect, 1);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(detect.harness, gst_event_new_segment(&segment));
  expect_messages(detect, "start 2, end 2 segment");
  push(detect, 2);
  g_object_set(detect.element, "event-on-score", 1000.0, nullptr);
  push(detect, 3);
  expect_messages(detect, "start 3, end 3 score");
  g_object_set(detect.element, "event-on-score", 0.001, nullptr);
  push(detect, 4);
  fail_unless_equals_int(gst_element_set_state(detect.element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  expect_messages(detect, "start 4, end 4 stop");
}
GST_END_TEST

GST_START_TEST(test_element_keeps_quiet) {
  Detect detect("event-on-score=0.001 post-messages=false");
  push(detect, 0);
  gst_harness_push_event(detect.harness, gst_event_new_eos());
  expect_messages(detect, "");
}
GST_END_TEST

// Whoever has connected is told, in the thread that pushes, whether or not messages are wanted.
GST_START_TEST(test_signal) {
  struct Heard {
    std::string all;
    GThread* thread = nullptr;
    static void event(GstElement* element, GstStructure* told, gpointer data) {
      auto* self = static_cast<Heard*>(data);
      fail_unless(GST_IS_ELEMENT(element) && gst_structure_has_name(told, "anomaly"));
      self->all += std::string(gst_structure_get_string(told, "event")) + " ";
      self->thread = g_thread_self();
    }
  };
  for (const bool post : {false, true}) {
    Heard heard;
    Detect detect(std::string("event-on-score=0.001 event-update-interval=0 post-messages=") +
                  (post ? "true" : "false"));
    const gulong id = g_signal_connect(detect.element, "anomaly-event", G_CALLBACK(&Heard::event), &heard);
    push(detect, 0);
    fail_unless(heard.thread == g_thread_self());
    push(detect, 1);
    gst_harness_push_event(detect.harness, gst_event_new_eos());
    fail_unless(heard.all == "start update end ", "%s", heard.all.c_str());
    expect_messages(detect, post ? "start 1, update 1, end 1 eos" : "");
    g_signal_handler_disconnect(detect.element, id);
  }
}
GST_END_TEST

// The frame of the highest score, small, with what was found on it.
GST_START_TEST(test_thumbnail) {
  const struct {
    const char* caps;
    int width, height;
  } cases[] = {{"video/x-raw,format=RGB,width=640,height=360,framerate=25/1", 320, 180},
               {"video/x-raw,format=NV12,width=97,height=55,framerate=0/1", 97, 55},
               {"video/x-raw,format=GRAY8,width=4000,height=2,framerate=25/1", 320, 1}};
  for (const auto& [caps, width, height] : cases) {
    Detect detect("event-on-score=0 event-thumbnail=true event-update-interval=0", caps);
    for (guint i = 0; i < 3; ++i) {
      GstBuffer* buffer = gst_buffer_new_allocate(nullptr, detect.info.size, nullptr);
      gst_buffer_memset(buffer, 0, 128, detect.info.size);
      GST_BUFFER_PTS(buffer) = i * 40 * GST_MSECOND;
      fail_unless_equals_int(gst_harness_push(detect.harness, buffer), GST_FLOW_OK);
    }
    for (int told = 0; told < 3; ++told) {
      GstStructure* structure = next_message(detect);
      fail_unless(structure != nullptr, "%s: no message", caps);
      GstSample* sample = nullptr;
      guint64 peak = 1;
      fail_unless(gst_structure_get(structure, "thumbnail", GST_TYPE_SAMPLE, &sample, "peak-timestamp",
                                    G_TYPE_UINT64, &peak, nullptr));
      GstVideoInfo info;
      fail_unless(gst_video_info_from_caps(&info, gst_sample_get_caps(sample)));
      fail_unless(info.width == width && info.height == height &&
                      GST_VIDEO_INFO_FORMAT(&info) == GST_VIDEO_FORMAT_RGB,
                  "%s: %" GST_PTR_FORMAT, caps, gst_sample_get_caps(sample));
      GstBuffer* small = gst_sample_get_buffer(sample);
      fail_unless_equals_uint64(GST_BUFFER_PTS(small), peak);
      const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(small);
      fail_unless(meta != nullptr && meta->map.width > 0, "%s: no map", caps);
      guint8 pixel[3] = {};
      gst_buffer_extract(small, 0, pixel, 3);
      for (const guint8 value : pixel) fail_unless(value > 120 && value < 136, "%s: %d", caps, value);
      gst_sample_unref(sample);
      gst_structure_free(structure);
    }
  }
  Detect without("event-on-score=0");
  push(without, 0);
  GstStructure* structure = next_message(without);
  fail_unless(structure != nullptr && !gst_structure_has_field(structure, "thumbnail"));
  gst_structure_free(structure);
}
GST_END_TEST

// What has no colour gets none by being made smaller.
GST_START_TEST(test_thumbnail_is_not_tinted) {
  Detect detect("event-on-score=0 event-thumbnail=true",
                "video/x-raw,format=I420,width=960,height=540,framerate=25/1");
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, detect.info.size, nullptr);
  gst_buffer_memset(buffer, 0, 128, detect.info.size);
  GstMapInfo map;
  fail_unless(gst_buffer_map(buffer, &map, GST_MAP_WRITE));
  for (gsize i = 0; i < 960 * 540; ++i) map.data[i] = static_cast<guint8>(16 + i * i * 37 % 220);
  gst_buffer_unmap(buffer, &map);
  GST_BUFFER_PTS(buffer) = 0;
  fail_unless_equals_int(gst_harness_push(detect.harness, buffer), GST_FLOW_OK);
  GstStructure* structure = next_message(detect);
  GstSample* sample = nullptr;
  fail_unless(structure && gst_structure_get(structure, "thumbnail", GST_TYPE_SAMPLE, &sample, nullptr));
  fail_unless(gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ));
  double sums[3] = {};
  for (gsize i = 0; i + 2 < map.size; i += 3)
    for (gsize c = 0; c < 3; ++c) sums[c] += map.data[i + c];
  const double pixels = static_cast<double>(map.size) / 3;
  fail_unless(std::abs(sums[0] - sums[1]) / pixels < 4 && std::abs(sums[2] - sums[1]) / pixels < 4,
              "means %f %f %f", sums[0] / pixels, sums[1] / pixels, sums[2] / pixels);
  gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
  gst_sample_unref(sample);
  gst_structure_free(structure);
}
GST_END_TEST

static Suite* detectevents_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("events");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_hysteresis);
  tcase_add_test(tc, test_levels);
  tcase_add_test(tc, test_minimum_duration);
  tcase_add_test(tc, test_release);
  tcase_add_test(tc, test_updates);
  tcase_add_test(tc, test_interruptions);
  tcase_add_test(tc, test_frames_without_times);
  tcase_add_test(tc, test_peak);
  tcase_add_test(tc, test_element_posts);
  tcase_add_test(tc, test_element_ends_events);
  tcase_add_test(tc, test_element_keeps_quiet);
  tcase_add_test(tc, test_signal);
  tcase_add_test(tc, test_thumbnail);
  tcase_add_test(tc, test_thumbnail_is_not_tinted);
  return suite;
}

GST_CHECK_MAIN(detectevents);
