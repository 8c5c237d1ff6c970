// SPDX-License-Identifier: LGPL-2.1-or-later
// One connection of anomalysource to its source: a pipeline of its own, from the location to raw frames.
#pragma once

#include <gst/app/gstappsink.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "gst/plugin/sourcelocation.h"
#include "gst/plugin/sourcepictures.h"
#include "gst/plugin/sourcequeue.h"

namespace anomaly {

enum class SourceTransport { Auto, Udp, Tcp };

struct SourceConfig {
  std::string location, user, password;
  SourceTransport transport = SourceTransport::Auto;
  guint latency = 200;  // milliseconds
  bool tls_verify = true, is_live = false, loop = false, reconnect = true;
  gint fps_n = 25, fps_d = 1;  // of pictures
  GstClockTime timeout = 10 * GST_SECOND, min_delay = 500 * GST_MSECOND, max_delay = 30 * GST_SECOND;
};

// What is known of a connection. Any thread.
struct SourceFacts {
  std::atomic<gint64> arrived = 0;  // monotonic microseconds of the newest frame
  std::atomic<GstClockTime> min_latency = 0, max_latency = GST_CLOCK_TIME_NONE;  // of a live one
};

class SourceInput {
 public:
  // Told by the connection's threads.
  struct Listener {
    std::function<void(GstElement* source)> on_source;  // before it is opened
    std::function<void()> on_latency;                   // it has changed
  };

  // clock: that a live connection goes by; null = its own. Nothing is opened yet. Throws std::runtime_error
  // where an element is missing.
  SourceInput(const SourceLocation& location, const SourceConfig& config, GstClock* clock, SourceQueue& queue,
              SourceFacts& facts, Listener listener);
  ~SourceInput();
  SourceInput(const SourceInput&) = delete;
  SourceInput& operator=(const SourceInput&) = delete;

  // What fails says so on the pipeline's bus, also later on.
  void open();
  // From the beginning. False where that is impossible.
  bool rewind();
  // Frames have come since it was opened or rewound.
  bool has_given() const { return !anew_; }
  GstElement* pipeline() const { return pipeline_; }

 private:
  GstElement* add(const char* factory);
  void build_uri();
  void build_rtsp();
  void take_stream(GstPad* pad);
  void build_pictures();
  void build_test();
  void link_first(GstElement* decoder);
  void set_up(GstElement* source);
  void feed(GstElement* source);
  GstFlowReturn take(GstAppSink* sink);
  void measure_latency(GstCaps* caps);

  const SourceLocation& location_;
  const SourceConfig config_;
  SourceQueue& queue_;
  SourceFacts& facts_;
  const Listener listener_;
  const bool live_, paced_;  // paced: a recording, played as if it were live
  GstElement* pipeline_ = nullptr;
  GstElement *sink_ = nullptr, *rtsp_decoder_ = nullptr;  // the pipeline's
  std::atomic<bool> promised_{false};                     // an RTSP server has told of a video
  const guint connection_;
  std::atomic<bool> anew_ = true;
  bool connected_ = false;  // of the streaming thread
  std::unique_ptr<SourcePictures> pictures_;
};

}  // namespace anomaly
