// SPDX-License-Identifier: LGPL-2.1-or-later
// What the suites of anomalydetect share: the element in a harness with a bus, frames of any caps, errors off
// the bus.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/gst/frames.h"

inline constexpr const char* kCaps = "video/x-raw,format=RGB,width=96,height=54,framerate=25/1";

inline std::string test_bundle() {
  const char* path = std::getenv("ANOMALY_TEST_BUNDLE");
  fail_unless(path != nullptr, "ANOMALY_TEST_BUNDLE must name a bundle");
  return path;
}

// Another, of other numbers, called "second".
inline std::string second_bundle() {
  const char* path = std::getenv("ANOMALY_SECOND_BUNDLE");
  fail_unless(path != nullptr, "ANOMALY_SECOND_BUNDLE must name a bundle");
  return path;
}

// The element with the suites' bundle, on one thread, and `properties`, not started.
inline GstElement* detect_new(const std::string& properties = "") {
  const std::string launch =
      "anomalydetect device=cpu threads=1 model=\"" + test_bundle() + "\" " + properties;
  GError* error = nullptr;
  GstElement* element = gst_parse_launch(launch.c_str(), &error);
  fail_unless(error == nullptr, "%s: %s", launch.c_str(), error ? error->message : "");
  gst_object_ref_sink(element);
  return element;
}

// Started, with caps and segment sent. Takes `element`.
struct Detect {
  GstElement* element;
  GstBus* bus;
  GstHarness* harness;
  GstVideoInfo info;

  explicit Detect(const std::string& properties = "", const char* caps = kCaps)
      : element(detect_new(properties)) {
    bus = gst_bus_new();
    gst_element_set_bus(element, bus);
    harness = gst_harness_new_with_element(element, "sink", "src");
    set_caps(caps);
  }
  ~Detect() {
    gst_harness_teardown(harness);
    gst_element_set_bus(element, nullptr);
    gst_object_unref(bus);
    gst_object_unref(element);
  }
  Detect(const Detect&) = delete;
  Detect& operator=(const Detect&) = delete;

  void set_caps(const char* text) {
    GstCaps* caps = gst_caps_from_string(text);
    fail_unless(caps != nullptr && gst_video_info_from_caps(&info, caps), "caps %s", text);
    gst_harness_set_src_caps(harness, caps);
  }

  // Frame `index` of the stream: its own pattern, 40 ms a frame.
  GstBuffer* frame(guint index) const {
    GstBuffer* buffer = test_frame_new(&info);
    gst_buffer_memset(buffer, 0, static_cast<guint8>(index * 37 + 11), gst_buffer_get_size(buffer) / 3);
    GST_BUFFER_PTS(buffer) = index * 40 * GST_MSECOND;
    return buffer;
  }

  void flush() {
    fail_unless(gst_harness_push_event(harness, gst_event_new_flush_start()));
    fail_unless(gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE)));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    fail_unless(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
  }

  // Pushes and pulls; the frame must come.
  GstBuffer* through(GstBuffer* buffer) {
    fail_unless_equals_int(gst_harness_push(harness, buffer), GST_FLOW_OK);
    return pull();
  }
  GstBuffer* pull() {
    GstBuffer* out = gst_harness_try_pull(harness);
    fail_unless(out != nullptr, "no frame came");
    return out;
  }

  GstStructure* stats() const {
    GstStructure* structure = nullptr;
    g_object_get(element, "stats", &structure, nullptr);
    fail_unless(structure != nullptr);
    return structure;
  }
  guint64 count(const char* field) const {
    GstStructure* structure = stats();
    guint64 value = 0;
    fail_unless(gst_structure_get_uint64(structure, field, &value), "stats without %s", field);
    gst_structure_free(structure);
    return value;
  }
};

// What the process holds in memory.
inline guint64 resident_bytes() {
  guint64 size = 0, resident = 0;
  FILE* file = std::fopen("/proc/self/statm", "r");
  fail_unless(file != nullptr &&
              std::fscanf(file, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &size, &resident) == 2);
  std::fclose(file);
  return resident * static_cast<guint64>(sysconf(_SC_PAGESIZE));
}

// That the process grew by less than `megabytes`. Not under AddressSanitizer, which keeps what is freed for a
// while and finds what is lost by itself, nor under ThreadSanitizer, which keeps a history of every byte.
inline void fail_unless_settled([[maybe_unused]] guint64 before, [[maybe_unused]] guint64 after,
                                [[maybe_unused]] guint64 megabytes) {
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
  fail_unless(after < before + megabytes * 1024 * 1024, "%" G_GUINT64_FORMAT " kB more",
              (after - before) / 1024);
#endif
}

inline GstAnomalyMeta* meta_of(GstBuffer* buffer) {
  GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(buffer);
  fail_unless(meta != nullptr, "the frame carries no metadata");
  return meta;
}

// The next message of `type`, as domain and text; fails where there is none.
inline std::string bus_text(GstBus* bus, GstMessageType type, GQuark domain, gint code) {
  GstMessage* message = gst_bus_pop_filtered(bus, type);
  fail_unless(message != nullptr, "nothing on the bus");
  GError* error = nullptr;
  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error(message, &error, nullptr);
  else
    gst_message_parse_warning(message, &error, nullptr);
  std::string text = error->message;
  fail_unless(error->domain == domain && error->code == code, "%s %d: %s", g_quark_to_string(error->domain),
              error->code, error->message);
  g_error_free(error);
  gst_message_unref(message);
  return text;
}

inline void fail_unless_contains(const std::string& text, const std::string& part) {
  fail_unless(text.find(part) != std::string::npos, "\"%s\" lacks \"%s\"", text.c_str(), part.c_str());
}

// The element refuses to start, with an error that holds `part`.
inline void refuses(const std::string& properties, GQuark domain, gint code, const std::string& part) {
  GstElement* element = detect_new(properties);
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  const std::string text = bus_text(bus, GST_MESSAGE_ERROR, domain, code);
  fail_unless_contains(text, part);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, nullptr);
  gst_object_unref(bus);
  gst_object_unref(element);
}
