// SPDX-License-Identifier: LGPL-2.1-or-later
// Every single allocation of C++ fails once, in anomalypublish, in anomalytestsrc and in the transform of its
// truth: an error message each time, never an exception that crosses into C, which ends the process.
// Standard headers first: gst-check defines macros such as fail().
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include "gst/lib/gstanomalymeta.h"

namespace {

// Allocations until the one that fails; below 0: none does.
std::atomic<int> countdown{-1};

class FailingOnce {
 public:
  explicit FailingOnce(int after) { countdown = after; }
  ~FailingOnce() { countdown = -1; }
  FailingOnce(const FailingOnce&) = delete;
  FailingOnce& operator=(const FailingOnce&) = delete;
  bool happened() const { return countdown < 0; }
};

void* allocate(std::size_t size) {
  if (countdown >= 0 && countdown-- == 0) throw std::bad_alloc();
  void* memory = std::malloc(size > 0 ? size : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

// Longer than a std::string holds without an allocation.
constexpr const char* kFile = "/dev/null";
constexpr const char* kLongFile = "/../../../../../../../../../../../../dev/null";

void expect_no_space_left(GstBus* bus) {
  GError* error = nullptr;
  GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  fail_unless(message != nullptr, "no error on the bus");
  gst_message_parse_error(message, &error, nullptr);
  fail_unless(g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT), "%s",
              error->message);
  g_error_free(error);
  gst_message_unref(message);
}

// With metadata that makes a line of some hundred bytes.
GstBuffer* small_frame() {
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, 64 * 32, nullptr);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  gst_anomaly_meta_set_names(meta, "softmax-entropy", "a-bundle");
  GstAnomalyRegion region = {};
  region.label = "road";
  gst_anomaly_meta_add_region(meta, &region);
  return buffer;
}

}  // namespace

GST_START_TEST(publishing_a_frame) {
  GstHarness* harness = gst_harness_new_parse(
      (std::string("anomalypublish name=publisher stream=a-name-that-needs-an-allocation location=") + kFile)
          .c_str());
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=64,height=32,framerate=25/1");
  GstElement* publisher = gst_harness_find_element(harness, "anomalypublish");
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(publisher, bus);
  bool failed = true;
  int tried = 0;
  for (; failed; ++tried) {
    GstBuffer* buffer = small_frame();
    GstFlowReturn flow = GST_FLOW_OK;
    {
      const FailingOnce memory(tried);
      flow = gst_harness_push(harness, buffer);
      failed = memory.happened();
    }
    assert_equals_int(flow, failed ? GST_FLOW_ERROR : GST_FLOW_OK);
    if (failed) expect_no_space_left(bus);
  }
  fail_unless(tried > 3, "only %d allocations were seen", tried - 1);
  gst_element_set_bus(publisher, nullptr);
  gst_object_unref(bus);
  gst_object_unref(publisher);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(opening_a_file) {
  GstElement* publisher = gst_element_factory_make("anomalypublish", nullptr);
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(publisher, bus);
  g_object_set(publisher, "location", kLongFile, nullptr);
  bool failed = true;
  int tried = 0;
  for (; failed; ++tried) {
    gst_element_set_state(publisher, GST_STATE_READY);
    GstStateChangeReturn change = GST_STATE_CHANGE_SUCCESS;
    {
      const FailingOnce memory(tried);
      change = gst_element_set_state(publisher, GST_STATE_PAUSED);
      failed = memory.happened();
    }
    fail_unless((change == GST_STATE_CHANGE_FAILURE) == failed);
    if (failed) expect_no_space_left(bus);
    gst_element_set_state(publisher, GST_STATE_NULL);
  }
  fail_unless(tried > 1, "no allocation was seen");
  gst_element_set_bus(publisher, nullptr);
  gst_object_unref(publisher);
  gst_object_unref(bus);
}
GST_END_TEST;

GST_START_TEST(making_a_scene) {
  GstElement* pipeline = gst_parse_launch(
      "anomalytestsrc num-buffers=1 anomaly-first=0 truth=labels ! "
      "video/x-raw,format=RGB,width=64,height=48 ! fakesink sync=false",
      nullptr);
  GstBus* bus = gst_element_get_bus(pipeline);
  bool failed = true;
  int tried = 0;
  for (int after = 0; failed; after += 1 + after / 4, ++tried) {
    GstMessageType end = GST_MESSAGE_UNKNOWN;
    {
      const FailingOnce memory(after);
      gst_element_set_state(pipeline, GST_STATE_PLAYING);
      GstMessage* message = nullptr;
      const auto types = static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
      message = gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, types);
      fail_unless(message != nullptr, "neither the end nor an error within a minute");
      end = GST_MESSAGE_TYPE(message);
      gst_message_unref(message);
      failed = memory.happened();
    }
    assert_equals_int(end, failed ? GST_MESSAGE_ERROR : GST_MESSAGE_EOS);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_bus_set_flushing(bus, TRUE);
    gst_bus_set_flushing(bus, FALSE);
  }
  fail_unless(tried > 5, "only %d allocations were tried", tried - 1);
  gst_object_unref(bus);
  gst_object_unref(pipeline);
}
GST_END_TEST;

GST_START_TEST(scaling_the_truth) {
  GstHarness* harness = gst_harness_new_parse("anomalytestsrc anomaly-first=0 truth=labels");
  gst_harness_set_sink_caps_str(harness, "video/x-raw,format=RGB,width=96,height=64,framerate=25/1");
  gst_harness_use_systemclock(harness);
  gst_harness_play(harness);
  GstBuffer* frame = gst_harness_pull(harness);
  GstCustomMeta* truth = gst_buffer_get_custom_meta(frame, "GstAnomalyTruthMeta");
  fail_unless(truth != nullptr);
  // The stream goes on making frames, with memory of its own: stop it.
  gst_element_set_state(harness->element, GST_STATE_NULL);
  GstVideoInfo from, to;
  gst_video_info_set_format(&from, GST_VIDEO_FORMAT_RGB, 96, 64);
  gst_video_info_set_format(&to, GST_VIDEO_FORMAT_RGB, 48, 32);
  GstVideoMetaTransform scale = {&from, &to};
  bool failed = true;
  int tried = 0;
  for (; failed; ++tried) {
    GstBuffer* scaled = gst_buffer_new_allocate(nullptr, 48 * 32 * 3, nullptr);
    gboolean done = FALSE;
    {
      const FailingOnce memory(tried);
      done = truth->meta.info->transform_func(scaled, &truth->meta, frame,
                                              gst_video_meta_transform_scale_get_quark(), &scale);
      failed = memory.happened();
    }
    fail_unless(done == !failed);
    fail_unless((gst_buffer_get_custom_meta(scaled, "GstAnomalyTruthMeta") != nullptr) == !failed);
    gst_buffer_unref(scaled);
  }
  fail_unless(tried > 1, "no allocation was seen");
  gst_buffer_unref(frame);
  gst_harness_teardown(harness);
}
GST_END_TEST;

// Whoever holds a frame can write into its truth.
GST_START_TEST(scaling_a_truth_that_lies) {
  for (const char* boxes : {"< < (int)-2147483648, (int)0, (int)2147483647, (int)2147483647 > >",
                            "< < (double)0.5, (double)1.5, (double)2.5, (double)3.5 > >",
                            "< < (int)1, (int)2 > >", "< (int)7 >"}) {
    GstHarness* harness = gst_harness_new_parse("anomalytestsrc anomaly-first=0");
    gst_harness_set_sink_caps_str(harness, "video/x-raw,format=RGB,width=96,height=64,framerate=25/1");
    gst_harness_use_systemclock(harness);
    gst_harness_play(harness);
    GstBuffer* frame = gst_buffer_make_writable(gst_harness_pull(harness));
    GstCustomMeta* truth = gst_buffer_get_custom_meta(frame, "GstAnomalyTruthMeta");
    GstStructure* said = gst_custom_meta_get_structure(truth);
    GstStructure* lie =
        gst_structure_from_string((std::string("lie, boxes=(GstValueArray)") + boxes).c_str(), nullptr);
    fail_unless(lie != nullptr, "%s", boxes);
    gst_structure_set_value(said, "boxes", gst_structure_get_value(lie, "boxes"));
    gst_structure_free(lie);
    GstVideoInfo from, to;
    gst_video_info_set_format(&from, GST_VIDEO_FORMAT_RGB, 96, 64);
    gst_video_info_set_format(&to, GST_VIDEO_FORMAT_RGB, 48, 32);
    GstVideoMetaTransform scale = {&from, &to};
    GstBuffer* scaled = gst_buffer_new_allocate(nullptr, 48 * 32 * 3, nullptr);
    fail_unless(truth->meta.info->transform_func(scaled, &truth->meta, frame,
                                                 gst_video_meta_transform_scale_get_quark(), &scale));
    const GValue* all = gst_structure_get_value(
        gst_custom_meta_get_structure(gst_buffer_get_custom_meta(scaled, "GstAnomalyTruthMeta")), "boxes");
    for (guint i = 0; i < gst_value_array_get_size(all); ++i) {
      const GValue* box = gst_value_array_get_value(all, i);
      int v[4];
      for (guint k = 0; k < 4; ++k) v[k] = g_value_get_int(gst_value_array_get_value(box, k));
      fail_unless(v[0] >= 0 && v[1] >= 0 && v[2] >= 0 && v[3] >= 0 && v[0] + v[2] <= 48 && v[1] + v[3] <= 32);
    }
    gst_buffer_unref(scaled);
    gst_buffer_unref(frame);
    gst_harness_teardown(harness);
  }
}
GST_END_TEST;

static Suite* outofmemory_suite() {
  Suite* suite = suite_create("outofmemory");
  TCase* all = tcase_create("general");
  tcase_set_timeout(all, 120);
  suite_add_tcase(suite, all);
  // Before the suite forks: with what it links to, that takes longer than most tests.
  GstPlugin* plugin = gst_plugin_load_by_name("anomaly");
  g_assert_nonnull(plugin);
  gst_object_unref(plugin);
  tcase_add_test(all, publishing_a_frame);
  tcase_add_test(all, opening_a_file);
  tcase_add_test(all, making_a_scene);
  tcase_add_test(all, scaling_the_truth);
  tcase_add_test(all, scaling_a_truth_that_lies);
  return suite;
}

GST_CHECK_MAIN(outofmemory);
