// SPDX-License-Identifier: LGPL-2.1-or-later
// A pipeline around anomalydetect whose every frame and event is watched, and a watchdog for those who drive
// it.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gst/lib/gstanomalymeta.h"
#include "tests/check.h"

namespace churn {

constexpr int kPatience = 60;  // seconds that any one step may take

// Ends the process with a word about where it hangs when a step takes too long: what waits for a lock cannot
// be ended otherwise.
class Watchdog {
 public:
  explicit Watchdog(std::string step)
      : step_(std::move(step)), thread_([this] {
          std::unique_lock<std::mutex> lock(mutex_);
          if (over_.wait_for(lock, std::chrono::seconds(kPatience), [this] { return done_; })) return;
          std::printf("Bail out! nothing has moved for %d s: %s\n", kPatience, step_.c_str());
          std::fflush(stdout);
          std::abort();
        }) {}
  ~Watchdog() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
    }
    over_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  const std::string step_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool done_ = false;
  std::thread thread_;
};

inline std::string detector(const std::string& properties) {
  const char* bundle = std::getenv("ANOMALY_TEST_BUNDLE");
  if (!bundle) check::fail(__FILE__, __LINE__, "ANOMALY_TEST_BUNDLE must name a bundle");
  return std::string("anomalydetect name=detect device=cpu threads=1 model=\"") + bundle + "\" " + properties;
}

// SOURCE ! anomalydetect ! fakesink. What must hold of the frames and events that reach the sink is looked at
// as they come, and told by check().
class Stream {
 public:
  Stream(const std::string& source, const std::string& properties, const std::string& sink = "sync=false") {
    const std::string text = source + " ! " + detector(properties) + " ! fakesink name=sink " + sink;
    GError* error = nullptr;
    pipeline_ = gst_parse_launch(text.c_str(), &error);
    if (error) check::fail(__FILE__, __LINE__, text, ": ", error->message);
    bus_ = gst_element_get_bus(pipeline_);
    in_ = watch("detect", [](GstPad*, GstPadProbeInfo* info, gpointer self) {
      static_cast<Stream*>(self)->count_in(info);
      return GST_PAD_PROBE_OK;
    });
    out_ = watch("sink", [](GstPad*, GstPadProbeInfo* info, gpointer self) {
      static_cast<Stream*>(self)->look(info);
      return GST_PAD_PROBE_OK;
    });
  }
  ~Stream() {
    {
      const Watchdog dog("the last change of state");
      gst_element_set_state(pipeline_, GST_STATE_NULL);
    }
    gst_object_unref(in_);
    gst_object_unref(out_);
    gst_object_unref(bus_);
    gst_object_unref(pipeline_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  GstElement* pipeline() const { return pipeline_; }
  GstElement* element(const char* name) const { return gst_bin_get_by_name(GST_BIN(pipeline_), name); }

  // Sets it and waits until it is reached.
  void state(GstState wanted) {
    const Watchdog dog(std::string("change to ") + gst_element_state_get_name(wanted));
    CHECK(gst_element_set_state(pipeline_, wanted) != GST_STATE_CHANGE_FAILURE);
    CHECK(gst_element_get_state(pipeline_, nullptr, nullptr, kPatience * GST_SECOND) !=
          GST_STATE_CHANGE_FAILURE);
    if (wanted <= GST_STATE_READY) {
      const std::lock_guard<std::mutex> lock(mutex_);
      fresh_ = true;
    }
    check();
  }

  // Until so many frames have reached the sink since the last segment.
  void wait_for_frames(guint count) {
    const Watchdog dog("waiting for frames");
    std::unique_lock<std::mutex> lock(mutex_);
    moved_.wait(lock, [&] { return since_segment_ >= count || eos_ || !violation_.empty(); });
  }

  // Until the message is on the bus; fails where an error is.
  void wait_for(GstMessageType type) {
    const Watchdog dog(std::string("waiting for ") + gst_message_type_get_name(type));
    for (;;) {
      GstMessage* message = gst_bus_timed_pop_filtered(
          bus_, GST_CLOCK_TIME_NONE,
          static_cast<GstMessageType>(type | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING));
      const bool wanted = GST_MESSAGE_TYPE(message) == type;
      complain(message);
      gst_message_unref(message);
      if (wanted) return;
    }
  }

  void seek(gdouble rate, GstSeekFlags flags, GstClockTime start, GstClockTime stop) {
    const Watchdog dog("seek");
    const guint before = segments();
    CHECK(gst_element_seek(pipeline_, rate, GST_FORMAT_TIME, flags, GST_SEEK_TYPE_SET,
                           static_cast<gint64>(start), GST_SEEK_TYPE_SET, static_cast<gint64>(stop)));
    std::unique_lock<std::mutex> lock(mutex_);
    moved_.wait(lock, [&] { return segments_ > before || !violation_.empty(); });
  }

  // Throws what was not as it must be, at the sink or on the bus.
  void check() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!violation_.empty()) check::fail(__FILE__, __LINE__, violation_);
    }
    while (GstMessage* message = gst_bus_pop_filtered(
               bus_, static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_WARNING))) {
      complain(message);
      gst_message_unref(message);
    }
  }

  guint segments() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return segments_;
  }
  // Since the last segment.
  std::vector<GstClockTime> timestamps() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return timestamps_;
  }
  void forget_counts() { frames_in_ = frames_out_ = 0; }
  guint64 frames_in() const { return frames_in_; }
  guint64 frames_out() const { return frames_out_; }

 private:
  GstPad* watch(const char* name, GstPadProbeCallback callback) {
    GstElement* watched = element(name);
    GstPad* pad = gst_element_get_static_pad(watched, "sink");
    gst_object_unref(watched);
    gst_pad_add_probe(
        pad,
        static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM |
                                     GST_PAD_PROBE_TYPE_EVENT_FLUSH),
        callback, this, nullptr);
    return pad;
  }

  void count_in(GstPadProbeInfo* info) { frames_in_ += (info->type & GST_PAD_PROBE_TYPE_BUFFER) != 0; }

  void look(GstPadProbeInfo* info) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
        look_at(GST_PAD_PROBE_INFO_BUFFER(info));
      else
        look_at(GST_PAD_PROBE_INFO_EVENT(info));
    }
    moved_.notify_all();
  }

  void wrong(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  void look_at(GstEvent* event) {
    switch (GST_EVENT_TYPE(event)) {
      case GST_EVENT_STREAM_START:
        eos_ = have_segment_ = have_caps_ = fresh_ = false;
        break;
      case GST_EVENT_FLUSH_STOP:
        eos_ = have_segment_ = false;
        break;
      case GST_EVENT_CAPS: {
        GstCaps* caps = nullptr;
        gst_event_parse_caps(event, &caps);
        if (!gst_video_info_from_caps(&info_, caps)) wrong("caps that do not describe video");
        have_caps_ = true;
        age_ = -1;
        break;
      }
      case GST_EVENT_SEGMENT:
        gst_event_copy_segment(event, &segment_);
        have_segment_ = true;
        since_segment_ = 0;
        timestamps_.clear();
        age_ = -1;
        ++segments_;
        break;
      case GST_EVENT_EOS:
        eos_ = true;
        break;
      default:
        break;
    }
  }

  void look_at(GstBuffer* buffer) {
    if (fresh_) wrong("a frame without stream-start");
    if (!have_caps_ || !have_segment_) wrong("a frame before its caps or segment");
    if (eos_) wrong("a frame behind the end");
    const GstClockTime time = GST_BUFFER_PTS(buffer);
    if (!GST_CLOCK_TIME_IS_VALID(time)) wrong("a frame without its timestamp");
    if (!timestamps_.empty() && (segment_.rate > 0 ? time <= timestamps_.back() : time >= timestamps_.back()))
      wrong("timestamps out of order");
    timestamps_.push_back(time);
    const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(buffer);
    if (!meta || !meta->map.data) {
      wrong("a frame without metadata");
    } else {
      if (meta->width != GST_VIDEO_INFO_WIDTH(&info_) || meta->height != GST_VIDEO_INFO_HEIGHT(&info_))
        wrong("metadata of a frame of another size");
      if (meta->age != 0 && static_cast<gint64>(meta->age) != age_ + 1) wrong("an age that does not follow");
      if (meta->age != 0 && age_ < 0) wrong("a map of before the segment or caps");
      age_ = meta->age;
    }
    ++since_segment_;
    ++frames_out_;
  }

  static void complain(GstMessage* message) {
    GError* error = nullptr;
    gchar* debug = nullptr;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
      gst_message_parse_error(message, &error, &debug);
    else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING)
      gst_message_parse_warning(message, &error, &debug);
    else
      return;
    const std::string text = std::string(error->message) + " (" + (debug ? debug : "") + ")";
    g_error_free(error);
    g_free(debug);
    check::fail(__FILE__, __LINE__, text);
  }

  GstElement* pipeline_;
  GstBus* bus_;
  GstPad *in_, *out_;
  std::atomic<guint64> frames_in_{0}, frames_out_{0};

  std::mutex mutex_;  // of what follows
  std::condition_variable moved_;
  std::string violation_;
  GstVideoInfo info_;
  GstSegment segment_;
  bool fresh_ = true, have_caps_ = false, have_segment_ = false, eos_ = false;
  guint segments_ = 0, since_segment_ = 0;
  gint64 age_ = -1;
  std::vector<GstClockTime> timestamps_;
};

}  // namespace churn
