// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect: latency, quality of service, allocation, and what downstream answers.
#include <string>

#include "tests/gst/detect_common.h"

// So many pixels to segment that a frame takes long enough for its time to count.
static constexpr const char* kSlow = "segmentation-width=2048 segmentation-height=1024";

static GstClockTime latency_of(Detect& detect) {
  GstQuery* query = gst_query_new_latency();
  fail_unless(gst_pad_peer_query(detect.harness->sinkpad, query));
  GstClockTime min = 0;
  gboolean live = FALSE;
  gst_query_parse_latency(query, &live, &min, nullptr);
  fail_unless(live);
  gst_query_unref(query);
  return min;
}

GST_START_TEST(test_latency_is_what_frames_took) {
  Detect detect;
  gst_harness_set_live(detect.harness, TRUE);
  gst_harness_set_upstream_latency(detect.harness, 10 * GST_MSECOND);
  fail_unless_equals_uint64(latency_of(detect), 10 * GST_MSECOND);
  gst_buffer_unref(detect.through(detect.frame(0)));
  GstStructure* stats = detect.stats();
  gdouble inference = 0;
  fail_unless(gst_structure_get_double(stats, "last-inference-ms", &inference));
  gst_structure_free(stats);
  const gdouble own = static_cast<gdouble>(latency_of(detect) - 10 * GST_MSECOND) / GST_MSECOND;
  fail_unless(own >= inference && own < inference + 100, "%g ms against %g ms", own, inference);
  GstMessage* message = gst_bus_pop_filtered(detect.bus, GST_MESSAGE_LATENCY);
  fail_unless(message != nullptr, "the pipeline was not told");
  gst_message_unref(message);
}
GST_END_TEST

// A frame leaves as soon as it is finished, whether or not another comes; what it waited for the frames
// before it is part of the latency.
GST_START_TEST(test_frames_in_flight_leave_by_themselves) {
  Detect detect("max-in-flight=4");
  gst_harness_set_live(detect.harness, TRUE);
  for (guint i = 0; i < 3; ++i) {
    fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(i)), GST_FLOW_OK);
    GstBuffer* out = gst_harness_pull(detect.harness);
    fail_unless(out != nullptr, "the frame waits for another");
    fail_unless_equals_uint64(GST_BUFFER_PTS(out), i * 40 * GST_MSECOND);
    gst_buffer_unref(out);
  }
  GstStructure* stats = detect.stats();
  gdouble inference = 0;
  fail_unless(gst_structure_get_double(stats, "last-inference-ms", &inference));
  gst_structure_free(stats);
  fail_unless(static_cast<gdouble>(latency_of(detect)) / GST_MSECOND >= inference);
}
GST_END_TEST

// The queue in front of a frame counts: with four slow frames at once the last is held for about four times
// as long as one.
GST_START_TEST(test_latency_in_flight) {
  Detect detect(std::string("max-in-flight=5 ") + kSlow);
  gst_harness_set_live(detect.harness, TRUE);
  for (guint i = 0; i < 4; ++i)
    fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(i)), GST_FLOW_OK);
  gst_harness_push_event(detect.harness, gst_event_new_eos());
  GstStructure* stats = detect.stats();
  gdouble inference = 0;
  fail_unless(gst_structure_get_double(stats, "mean-inference-ms", &inference));
  gst_structure_free(stats);
  const gdouble held = static_cast<gdouble>(latency_of(detect)) / GST_MSECOND;
  fail_unless(held > 1.5 * inference, "%g ms, a frame takes %g ms", held, inference);
}
GST_END_TEST

// Downstream does not take frames: the streaming thread learns of it, and nothing hangs.
GST_START_TEST(test_flow_of_downstream_reaches_upstream) {
  for (const GstFlowReturn refusal : {GST_FLOW_EOS, GST_FLOW_ERROR}) {
    for (const char* flight : {"max-in-flight=1", "max-in-flight=3"}) {
      Detect detect(flight);
      GstPad* pad = gst_element_get_static_pad(detect.element, "src");
      struct Probe {
        GstFlowReturn refusal;
        gulong id;
      } probe = {refusal, 0};
      probe.id = gst_pad_add_probe(
          pad, GST_PAD_PROBE_TYPE_BUFFER,
          [](GstPad*, GstPadProbeInfo* info, gpointer data) {
            gst_buffer_unref(GST_PAD_PROBE_INFO_BUFFER(info));
            GST_PAD_PROBE_INFO_FLOW_RETURN(info) = static_cast<Probe*>(data)->refusal;
            return GST_PAD_PROBE_HANDLED;
          },
          &probe, nullptr);
      GstFlowReturn flow = GST_FLOW_OK;
      for (guint i = 0; i < 8 && flow == GST_FLOW_OK; ++i)
        flow = gst_harness_push(detect.harness, detect.frame(i));
      fail_unless_equals_int(flow, refusal);
      gst_pad_remove_probe(pad, probe.id);
      gst_object_unref(pad);
      // A flush ends it.
      detect.flush();
      fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(9)), GST_FLOW_OK);
      GstBuffer* out = gst_harness_pull(detect.harness);
      fail_unless(out != nullptr);
      gst_buffer_unref(out);
    }
  }
}
GST_END_TEST

GST_START_TEST(test_allocation_takes_video_meta) {
  Detect detect("max-in-flight=5");
  GstCaps* caps = gst_caps_from_string(kCaps);
  GstQuery* query = gst_query_new_allocation(caps, TRUE);
  fail_unless(gst_pad_peer_query(detect.harness->srcpad, query));
  fail_unless(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr));
  gst_query_unref(query);
  gst_caps_unref(caps);
}
GST_END_TEST

// A pool of downstream's is proposed with room for the frames that wait here.
GST_START_TEST(test_allocation_passes_downstreams_pool) {
  Detect detect("max-in-flight=5");
  GstCaps* caps = gst_caps_from_string(kCaps);
  GstBufferPool* pool = gst_video_buffer_pool_new();
  gst_harness_set_propose_allocator(detect.harness, nullptr, nullptr);
  gst_harness_add_propose_allocation_meta(detect.harness, GST_VIDEO_CROP_META_API_TYPE, nullptr);
  GstPad* pad = gst_element_get_static_pad(detect.element, "src");
  const gulong probe = gst_pad_add_probe(
      pad, static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM | GST_PAD_PROBE_TYPE_PULL),
      [](GstPad*, GstPadProbeInfo* info, gpointer data) {
        GstQuery* query = GST_PAD_PROBE_INFO_QUERY(info);
        if (GST_QUERY_TYPE(query) == GST_QUERY_ALLOCATION && gst_query_get_n_allocation_pools(query) == 0)
          gst_query_add_allocation_pool(query, GST_BUFFER_POOL(data), 96 * 54 * 3, 2, 0);
        return GST_PAD_PROBE_OK;
      },
      pool, nullptr);
  GstQuery* query = gst_query_new_allocation(caps, TRUE);
  fail_unless(gst_pad_peer_query(detect.harness->srcpad, query));
  fail_unless_equals_int(gst_query_get_n_allocation_pools(query), 1);
  GstBufferPool* proposed = nullptr;
  guint size = 0, min = 0, max = 0;
  gst_query_parse_nth_allocation_pool(query, 0, &proposed, &size, &min, &max);
  fail_unless(proposed == pool && size == 96 * 54 * 3 && max == 0);
  fail_unless_equals_int(min, 2 + 4);
  fail_unless(gst_query_find_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, nullptr));
  gst_object_unref(proposed);
  gst_query_unref(query);
  gst_pad_remove_probe(pad, probe);
  gst_object_unref(pad);
  gst_object_unref(pool);
  gst_caps_unref(caps);
}
GST_END_TEST

// Frames that would come too late are passed on with the last map and its age, and the application is told.
GST_START_TEST(test_late_frames_pass_undetected) {
  Detect detect;
  const auto late_up_to = [&](guint frame) {
    fail_unless(gst_harness_push_upstream_event(
        detect.harness, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 2.0, 0, frame * 40 * GST_MSECOND)));
  };
  late_up_to(10);
  const struct {
    guint frame, age;
  } table[] = {{5, 0},  // nothing is known that could stand for it
               {6, 1},
               {7, 2},
               {20, 0}};
  for (const auto& row : table) {
    GstBuffer* out = detect.through(detect.frame(row.frame));
    fail_unless_equals_int(meta_of(out)->age, row.age);
    gst_buffer_unref(out);
  }
  fail_unless_equals_uint64(detect.count("computed"), 2);
  fail_unless_equals_uint64(detect.count("skipped"), 2);
  for (const guint frame : {6u, 7u}) {
    GstMessage* message = gst_bus_pop_filtered(detect.bus, GST_MESSAGE_QOS);
    fail_unless(message != nullptr, "no message about frame %u", frame);
    guint64 running_time = 0;
    gst_message_parse_qos(message, nullptr, &running_time, nullptr, nullptr, nullptr);
    fail_unless_equals_uint64(running_time, frame * 40 * GST_MSECOND);
    gst_message_unref(message);
  }
  fail_unless(gst_bus_pop_filtered(detect.bus, GST_MESSAGE_QOS) == nullptr);

  g_object_set(detect.element, "qos", FALSE, nullptr);
  late_up_to(40);
  GstBuffer* out = detect.through(detect.frame(21));
  fail_unless_equals_int(meta_of(out)->age, 0);
  gst_buffer_unref(out);
  g_object_set(detect.element, "qos", TRUE, nullptr);
  out = detect.through(detect.frame(22));
  fail_unless_equals_int(meta_of(out)->age, 1);
  gst_buffer_unref(out);
  // What was late before a flush is not after it.
  detect.flush();
  for (const guint frame : {23u, 24u}) {
    out = detect.through(detect.frame(frame));
    fail_unless_equals_int(meta_of(out)->age, 0);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

// What belongs to the stream stays on the source pad.
GST_START_TEST(test_sticky_events_stay) {
  Detect detect("max-in-flight=3");
  GstEvent* start = gst_event_new_stream_start("drive/1");
  gst_event_set_group_id(start, 4711);
  fail_unless(gst_harness_push_event(detect.harness, start));
  detect.set_caps(kCaps);
  gst_harness_push_event(detect.harness,
                         gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "drive", nullptr)));
  fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(0)), GST_FLOW_OK);
  gst_buffer_unref(gst_harness_pull(detect.harness));
  GstPad* pad = gst_element_get_static_pad(detect.element, "src");
  GstEvent* kept = gst_pad_get_sticky_event(pad, GST_EVENT_STREAM_START, 0);
  const gchar* id = nullptr;
  guint group = 0;
  gst_event_parse_stream_start(kept, &id);
  fail_unless(gst_event_parse_group_id(kept, &group));
  fail_unless_equals_string(id, "drive/1");
  fail_unless_equals_int(group, 4711);
  gst_event_unref(kept);
  GstEvent* tags = gst_pad_get_sticky_event(pad, GST_EVENT_TAG, 0);
  fail_unless(tags != nullptr);
  gst_event_unref(tags);
  gst_object_unref(pad);
}
GST_END_TEST

// Frames are pushed to whoever asks for them.
GST_START_TEST(test_scheduling) {
  Detect detect;
  GstQuery* query = gst_query_new_scheduling();
  fail_unless(gst_pad_peer_query(detect.harness->sinkpad, query));
  fail_unless(gst_query_has_scheduling_mode(query, GST_PAD_MODE_PUSH));
  fail_unless(!gst_query_has_scheduling_mode(query, GST_PAD_MODE_PULL));
  gst_query_unref(query);
}
GST_END_TEST

static Suite* detectlive_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("live");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_latency_is_what_frames_took);
  tcase_add_test(tc, test_frames_in_flight_leave_by_themselves);
  tcase_add_test(tc, test_latency_in_flight);
  tcase_add_test(tc, test_flow_of_downstream_reaches_upstream);
  tcase_add_test(tc, test_allocation_takes_video_meta);
  tcase_add_test(tc, test_allocation_passes_downstreams_pool);
  tcase_add_test(tc, test_late_frames_pass_undetected);
  tcase_add_test(tc, test_sticky_events_stay);
  tcase_add_test(tc, test_scheduling);
  return suite;
}

GST_CHECK_MAIN(detectlive);
