// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect behind a live source and an engine that is too slow: max-latency and interval=-1.
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "src/engine/shared_engine.h"
#include "tests/gate.h"
#include "tests/gst/detect_common.h"

namespace {

constexpr const char* kShort = "max-latency=10000000";    // ten milliseconds
constexpr const char* kLong = "max-latency=60000000000";  // a minute: no result takes as long

// Keeps the worker of the elements' engine from computing, from construction to go(). The elements have
// started before.
class Hold {
 public:
  Hold() : memory_(std::make_shared<GatedMemory>()) {
    anomaly::EngineOptions options;
    options.bundle = test_bundle();
    options.device = "cpu";
    options.threads = 1;
    share_ = anomaly::EngineRegistry::of_process().share(options, "", anomaly::new_caller());
    fail_unless(share_->users() >= 2, "the elements do not use this engine");
    const std::vector<uint8_t> pixels(size_t{3} * 64 * 64, 100);
    anomaly::FrameView view;
    view.width = view.height = 64;
    view.plane[0] = pixels.data();
    view.stride[0] = 3 * 64;
    anomaly::Request request;
    request.frame = share_->engine().ingest(view, 64, 64);
    request.settings.method = anomaly::Method::SoftmaxEntropy;
    request.memory = memory_;
    frame_ = share_->engine().submit(std::move(request));
    memory_->gate.until_somebody_waits();
  }
  ~Hold() { go(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  void go() {
    memory_->gate.open();
    if (frame_.valid()) frame_.get();
  }

 private:
  // The worker comes here for the map's memory.
  struct GatedMemory final : anomaly::MapMemory {
    std::shared_ptr<void> take(size_t bytes) override {
      gate.wait();
      return {::operator new (bytes, std::align_val_t{64}),
              [](void* block) { ::operator delete (block, std::align_val_t{64}); }};
    }
    anomaly::Gate gate;
  };

  std::shared_ptr<GatedMemory> memory_;
  std::shared_ptr<anomaly::EngineShare> share_;
  std::future<anomaly::Result> frame_;
};

struct Live : Detect {
  explicit Live(const std::string& properties) : Detect(properties) { gst_harness_set_live(harness, TRUE); }

  void send(guint index) { fail_unless_equals_int(gst_harness_push(harness, frame(index)), GST_FLOW_OK); }
  GstBuffer* receive(guint index) {
    GstBuffer* out = gst_harness_pull(harness);
    fail_unless(out != nullptr, "frame %u did not come", index);
    fail_unless_equals_uint64(GST_BUFFER_PTS(out), index * 40 * GST_MSECOND);
    return out;
  }
  // Through the element; the age of its map, -1 = it has none.
  int age_of(guint index) {
    send(index);
    GstBuffer* out = receive(index);
    const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(out);
    const int age = meta ? static_cast<int>(meta->age) : -1;
    gst_buffer_unref(out);
    return age;
  }
  guint qos_messages() {
    guint count = 0;
    while (GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_QOS)) {
      ++count;
      gst_message_unref(message);
    }
    return count;
  }
  void wait_for_results() { g_object_set(element, "max-latency", GST_CLOCK_TIME_NONE, nullptr); }
};

}  // namespace

// However long the engine takes, every frame leaves, and no more than max-in-flight of them wait for it.
GST_START_TEST(test_slow_engine_holds_nothing_up) {
  for (const guint flight : {1u, 3u}) {
    Live live(std::string(kShort) + " max-in-flight=" + std::to_string(flight));
    {
      Hold hold;
      for (guint i = 0; i < 40; ++i) fail_unless_equals_int(live.age_of(i), -1);
      fail_unless_equals_uint64(live.count("frames"), 40);
      fail_unless_equals_uint64(live.count("late"), 40);
      fail_unless_equals_uint64(live.count("computed"), 0);
      fail_unless_equals_uint64(live.count("skipped"), 0);
      fail_unless_equals_int(live.qos_messages(), 40);
    }
    // What waited comes before the next one's result.
    live.wait_for_results();
    fail_unless_equals_int(live.age_of(40), 0);
    fail_unless_equals_uint64(live.count("computed"), flight + 1);
    fail_unless_equals_uint64(live.count("late"), 40);
  }
}
GST_END_TEST

// A map that came too late for its own frame stands for those after it.
GST_START_TEST(test_late_map_stands_for_later_frames) {
  Live live(std::string(kShort) + " interval=100000");
  Hold hold;
  for (guint i = 0; i < 5; ++i) fail_unless_equals_int(live.age_of(i), -1);
  fail_unless_equals_uint64(live.count("late"), 1);  // the others would not have been computed anyway
  hold.go();
  guint index = 5;
  int age = -1;
  while ((age = live.age_of(index)) < 0) {
    fail_unless(++index < 100000, "the map never came");
    g_usleep(1000);
  }
  fail_unless_equals_int(age, static_cast<int>(index));
  fail_unless_equals_int(live.age_of(index + 1), age + 1);
  fail_unless_equals_uint64(live.count("computed"), 1);
  fail_unless_equals_uint64(live.count("skipped"), 2);
}
GST_END_TEST

// A frame that comes late leaves at once, and is computed for those after it.
GST_START_TEST(test_frames_that_come_late) {
  Live live(kLong);
  gst_harness_set_upstream_latency(live.harness, 10 * GST_MSECOND);
  const auto at = [&](guint index, GstClockTime late) {
    fail_unless(gst_harness_set_time(live.harness, index * 40 * GST_MSECOND + 10 * GST_MSECOND + late));
    return live.age_of(index);
  };
  fail_unless_equals_int(at(0, 0), 0);
  fail_unless_equals_int(at(1, 59 * GST_SECOND), 0);
  fail_unless_equals_uint64(live.count("late"), 0);
  const int age = at(2, 60 * GST_SECOND);
  fail_unless(age == 1 || age == 0);  // its own may be there by now
  fail_unless_equals_uint64(live.count("late"), 1);
  GstMessage* message = gst_bus_pop_filtered(live.bus, GST_MESSAGE_QOS);
  fail_unless(message != nullptr);
  gint64 jitter = 0;
  gst_message_parse_qos_values(message, &jitter, nullptr, nullptr);
  fail_unless(jitter >= static_cast<gint64>(60 * GST_SECOND));
  gst_message_unref(message);
  live.wait_for_results();
  fail_unless_equals_int(at(3, 61 * GST_SECOND), 0);
  fail_unless_equals_uint64(live.count("computed"), 4);
  fail_unless_equals_uint64(live.count("late"), 1);
}
GST_END_TEST

// Whatever is expected of the engine, it is kept busy with the newest frames: no stream is left without maps
// because a result takes longer than a frame may wait.
GST_START_TEST(test_pessimism_starves_nobody) {
  Live live("max-latency=1");  // a nanosecond
  guint index = 0;
  for (guint64 maps = 1; maps <= 5; ++maps) {
    const guint first = index;
    int age = -1;
    while (live.count("computed") < maps) {
      fail_unless(index < first + 100000, "map %" G_GUINT64_FORMAT " never came", maps);
      age = live.age_of(index++);
      g_usleep(1000);
    }
    // The map is of a frame that has come since the one before was there.
    fail_unless(age >= 0 && age <= static_cast<int>(index - first), "%d of %u", age, index - first);
  }
  fail_unless_equals_uint64(live.count("frames"), index);
  fail_unless_equals_uint64(live.count("late"), index);
}
GST_END_TEST

// What a frame has waited for those before it is part of what it may wait, even if the source's latency
// leaves it time. Here frames come a nanosecond apart: each waits for all of them.
GST_START_TEST(test_backlog_counts) {
  Live live("max-latency=300000000");
  gst_harness_set_upstream_latency(live.harness, GST_SECOND);
  const auto age_at = [&](guint64 time) {
    GstBuffer* buffer = live.frame(0);
    GST_BUFFER_PTS(buffer) = time;
    GstBuffer* out = live.through(buffer);
    const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(out);
    const int age = meta ? static_cast<int>(meta->age) : -1;
    gst_buffer_unref(out);
    return age;
  };
  guint64 time = 0;
  while (live.count("late") == 0) {
    fail_unless(++time < 100000, "none of them is late");
    age_at(time);
  }
  // None waits for any of those any more.
  live.wait_for_results();
  fail_unless_equals_int(age_at(time + 3600 * GST_SECOND), 0);
  g_object_set(live.element, "max-latency", 60 * GST_SECOND, nullptr);
  const guint64 late = live.count("late");
  for (guint i = 2; i <= 6; ++i) fail_unless_equals_int(age_at(time + i * 3600 * GST_SECOND), 0);
  fail_unless_equals_uint64(live.count("late"), late);
}
GST_END_TEST

// What counts as late follows upstream's latency.
GST_START_TEST(test_upstream_latency_changes) {
  Live live(kLong);
  fail_unless_equals_int(live.age_of(0), 0);
  fail_unless(gst_harness_set_time(live.harness, 200 * GST_SECOND));
  gst_harness_set_upstream_latency(live.harness, 190 * GST_SECOND);
  live.age_of(1);
  fail_unless_equals_uint64(live.count("late"), 1);
  live.wait_for_results();
  fail_unless_equals_int(live.age_of(2), 0);
  g_object_set(live.element, "max-latency", 60 * GST_SECOND, nullptr);
  fail_unless(gst_harness_push_upstream_event(live.harness, gst_event_new_latency(190 * GST_SECOND)));
  fail_unless_equals_int(live.age_of(3), 0);
  fail_unless_equals_uint64(live.count("late"), 1);
}
GST_END_TEST

GST_START_TEST(test_not_live) {
  Detect detect("max-latency=0");
  gst_harness_set_live(detect.harness, FALSE);
  GstPad* pad = detect.harness->srcpad;
  gst_pad_set_query_function(pad, [](GstPad* own, GstObject* parent, GstQuery* query) -> gboolean {
    if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) return gst_pad_query_default(own, parent, query);
    gst_query_set_latency(query, FALSE, 0, GST_CLOCK_TIME_NONE);
    return TRUE;
  });
  fail_unless(gst_harness_set_time(detect.harness, 100 * GST_SECOND));
  for (guint i = 0; i < 3; ++i) {
    GstBuffer* out = detect.through(detect.frame(i));
    fail_unless_equals_int(meta_of(out)->age, 0);
    gst_buffer_unref(out);
  }
  fail_unless_equals_uint64(detect.count("late"), 0);
}
GST_END_TEST

// A result that is still to come belongs to the stream before a flush, and goes with it.
GST_START_TEST(test_flush_while_results_are_overdue) {
  Live live(kShort);
  {
    Hold hold;
    fail_unless_equals_int(live.age_of(0), -1);
    live.flush();
    fail_unless_equals_int(live.age_of(1), -1);
    fail_unless_equals_int(live.age_of(2), -1);
  }
  live.wait_for_results();
  fail_unless_equals_int(live.age_of(3), 0);
  fail_unless_equals_uint64(live.count("computed"), 2);  // the first had been called off
}
GST_END_TEST

// The end of the stream, and a stop, do not wait for what is overdue.
GST_START_TEST(test_end_while_results_are_overdue) {
  for (const char* flight : {"", " max-in-flight=2"}) {
    Live live(kShort + std::string(flight));
    Hold hold;
    fail_unless_equals_int(live.age_of(0), -1);
    fail_unless(gst_harness_push_event(live.harness, gst_event_new_eos()));
    fail_unless_equals_int(gst_element_set_state(live.element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  }
}
GST_END_TEST

// A frame that is held up is waited for no longer than that; the latency says so.
GST_START_TEST(test_latency_answer_with_a_slow_engine) {
  Live live(kShort);
  Hold hold;
  for (guint i = 0; i < 3; ++i) live.age_of(i);
  GstQuery* query = gst_query_new_latency();
  fail_unless(gst_pad_peer_query(live.harness->sinkpad, query));
  GstClockTime min = 0;
  gst_query_parse_latency(query, nullptr, &min, nullptr);
  gst_query_unref(query);
  fail_unless(min >= 9 * GST_MSECOND, "%" GST_TIME_FORMAT, GST_TIME_ARGS(min));
}
GST_END_TEST

GST_START_TEST(test_interval_adapts) {
  static const struct {
    GstClockTime spacing;
    guint64 computed;
  } table[] = {{1000, 1}, {3600 * GST_SECOND, 10}};
  for (const auto& row : table) {
    Detect detect("interval=-1");
    for (guint i = 0; i < 10; ++i) {
      GstBuffer* buffer = detect.frame(i);
      GST_BUFFER_PTS(buffer) = i * row.spacing;
      GstBuffer* out = detect.through(buffer);
      fail_unless_equals_int(meta_of(out)->age, row.computed == 1 ? i : 0);
      gst_buffer_unref(out);
    }
    fail_unless_equals_uint64(detect.count("computed"), row.computed);
    gint interval = 0;
    g_object_get(detect.element, "interval", &interval, nullptr);
    fail_unless_equals_int(interval, -1);
  }
}
GST_END_TEST

static Suite* detectlatency_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("latency");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_slow_engine_holds_nothing_up);
  tcase_add_test(tc, test_late_map_stands_for_later_frames);
  tcase_add_test(tc, test_frames_that_come_late);
  tcase_add_test(tc, test_pessimism_starves_nobody);
  tcase_add_test(tc, test_backlog_counts);
  tcase_add_test(tc, test_upstream_latency_changes);
  tcase_add_test(tc, test_not_live);
  tcase_add_test(tc, test_flush_while_results_are_overdue);
  tcase_add_test(tc, test_end_while_results_are_overdue);
  tcase_add_test(tc, test_latency_answer_with_a_slow_engine);
  tcase_add_test(tc, test_interval_adapts);
  return suite;
}

GST_CHECK_MAIN(detectlatency);
