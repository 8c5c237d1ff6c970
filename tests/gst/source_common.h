// SPDX-License-Identifier: LGPL-2.1-or-later
// What the suites of anomalysource share: what it pushes, its messages, recordings and pictures to read.
#pragma once

#include <glib/gstdio.h>
#include <gst/check/gstcheck.h>
#include <gst/video/video.h>

#include <functional>
#include <mutex>
#include <string>
#include <vector>

// True as soon as `condition` holds; false after 30 s.
inline bool eventually(const std::function<bool()>& condition) {
  const gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
  while (!condition()) {
    if (g_get_monotonic_time() > end) return false;
    g_usleep(5 * 1000);
  }
  return true;
}

// A folder that goes away with what lies in it.
struct SourceFolder {
  std::string path;

  SourceFolder() {
    gchar* made = g_dir_make_tmp("anomalysource-XXXXXX", nullptr);
    fail_unless(made != nullptr);
    path = made;
    g_free(made);
  }
  ~SourceFolder() {
    GDir* dir = g_dir_open(path.c_str(), 0, nullptr);
    while (const gchar* name = dir ? g_dir_read_name(dir) : nullptr) g_remove((path + "/" + name).c_str());
    if (dir) g_dir_close(dir);
    g_rmdir(path.c_str());
  }
  SourceFolder(const SourceFolder&) = delete;
  SourceFolder& operator=(const SourceFolder&) = delete;
  std::string file(const std::string& name) const { return path + "/" + name; }
  void write(const std::string& name, const std::string& bytes) const {
    fail_unless(
        g_file_set_contents(file(name).c_str(), bytes.data(), static_cast<gssize>(bytes.size()), nullptr));
  }
};

// Runs a pipeline to its end.
inline void make(const std::string& launch) {
  GError* error = nullptr;
  GstElement* pipeline = gst_parse_launch(launch.c_str(), &error);
  fail_unless(error == nullptr, "%s: %s", launch.c_str(), error ? error->message : "");
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstBus* bus = gst_element_get_bus(pipeline);
  GstMessage* message = gst_bus_timed_pop_filtered(
      bus, 30 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  fail_unless(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS, "%s", launch.c_str());
  gst_message_unref(message);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(bus);
  gst_object_unref(pipeline);
}

// Ten frames a second, a grey that is brighter with each: frame i is 16 + 8 i.
inline void make_recording(const std::string& path, int frames) {
  make(
      "videotestsrc num-buffers=" + std::to_string(frames) +
      " ! video/x-raw,format=I420,width=64,height=48,framerate=10/1 ! jpegenc ! avimux ! filesink location=" +
      path);
}

inline void make_picture(const std::string& path, int grey, int width = 64, int height = 48) {
  make("videotestsrc num-buffers=1 pattern=solid-color foreground-color=" +
       std::to_string(0xff000000u | static_cast<guint>(grey) * 0x010101u) +
       " ! video/x-raw,format=RGB,width=" + std::to_string(width) + ",height=" + std::to_string(height) +
       " ! pngenc ! filesink location=\"" + path + "\"");
}

// anomalysource in a pipeline, and what it pushes.
class Watched {
 public:
  struct Frame {
    GstClockTime pts, duration;
    bool discont;
    int grey;  // first byte of it
    int width;
  };

  explicit Watched(const std::string& location, const std::string& properties = "",
                   const std::string& sink = "fakesink sync=false") {
    const std::string launch = "anomalysource name=source " + properties + " ! " + sink;
    GError* error = nullptr;
    pipeline = gst_parse_launch(launch.c_str(), &error);
    fail_unless(error == nullptr, "%s: %s", launch.c_str(), error ? error->message : "");
    source = gst_bin_get_by_name(GST_BIN(pipeline), "source");
    g_object_set(source, "location", location.c_str(), nullptr);
    bus = gst_element_get_bus(pipeline);
    GstPad* pad = gst_element_get_static_pad(source, "src");
    gst_pad_add_probe(
        pad, static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
        [](GstPad* src, GstPadProbeInfo* info, gpointer self) {
          static_cast<Watched*>(self)->see(src, info);
          return GST_PAD_PROBE_OK;
        },
        this, nullptr);
    gst_object_unref(pad);
  }
  ~Watched() {
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(source);
    gst_object_unref(pipeline);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  void play() { gst_element_set_state(pipeline, GST_STATE_PLAYING); }
  bool is_live() { return gst_element_set_state(pipeline, GST_STATE_PAUSED) == GST_STATE_CHANGE_NO_PREROLL; }

  std::vector<Frame> frames() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return frames_;
  }
  size_t count() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return frames_.size();
  }
  int events(GstEventType type) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    int found = 0;
    for (const GstEventType event : events_) found += event == type;
    return found;
  }
  bool has_ended() const { return events(GST_EVENT_EOS) > 0; }

  // Until the end; frames come in order, whatever happens.
  std::vector<Frame> to_the_end() {
    play();
    GstMessage* message = gst_bus_timed_pop_filtered(
        bus, 30 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    fail_unless(message != nullptr, "it does not end");
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      GError* error = nullptr;
      gst_message_parse_error(message, &error, nullptr);
      fail("%s", error->message);
    }
    gst_message_unref(message);
    return frames();
  }
  // The next element message of this event.
  std::string news(const char* event, const char* field = "reason") {
    while (true) {
      GstMessage* message = gst_bus_timed_pop_filtered(
          bus, 30 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR));
      fail_unless(message != nullptr, "no \"%s\"", event);
      if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        GError* error = nullptr;
        gst_message_parse_error(message, &error, nullptr);
        fail("%s", error->message);
      }
      const GstStructure* said = gst_message_get_structure(message);
      const bool it = gst_structure_has_name(said, "anomalysource") &&
                      g_strcmp0(gst_structure_get_string(said, "event"), event) == 0;
      const gchar* value = gst_structure_get_string(said, field);
      const std::string text = value ? value : "";
      gst_message_unref(message);
      if (it) return text;
    }
  }
  // The error that must come, with its text.
  std::string error(GQuark domain, gint code) {
    GstMessage* message = gst_bus_timed_pop_filtered(bus, 30 * GST_SECOND, GST_MESSAGE_ERROR);
    fail_unless(message != nullptr, "no error");
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    fail_unless(g_error_matches(error, domain, code), "%s (%s %d)", error->message,
                g_quark_to_string(error->domain), error->code);
    const std::string text = error->message;
    g_error_free(error);
    gst_message_unref(message);
    return text;
  }
  guint64 stat(const char* name) const {
    GstStructure* stats = nullptr;
    g_object_get(source, "stats", &stats, nullptr);
    guint64 value = 0;
    gboolean flag = FALSE;
    if (gst_structure_get_boolean(stats, name, &flag))
      value = flag ? 1 : 0;
    else
      fail_unless(gst_structure_get_uint64(stats, name, &value), "no %s in the statistics", name);
    gst_structure_free(stats);
    return value;
  }

  GstElement *pipeline, *source;
  GstBus* bus;

 private:
  void see(GstPad* pad, GstPadProbeInfo* info) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!(GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER)) {
      events_.push_back(GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)));
      return;
    }
    GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    GstCaps* caps = gst_pad_get_current_caps(pad);
    guint8 first = 0;
    gint width = 0;
    gst_buffer_extract(buffer, 0, &first, 1);
    gst_structure_get_int(gst_caps_get_structure(caps, 0), "width", &width);
    gst_caps_unref(caps);
    frames_.push_back({GST_BUFFER_PTS(buffer), GST_BUFFER_DURATION(buffer),
                       static_cast<bool>(GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT)), first,
                       width});
  }

  mutable std::mutex mutex_;
  std::vector<Frame> frames_;
  std::vector<GstEventType> events_;
};
