// SPDX-License-Identifier: LGPL-2.1-or-later
// Keeps anomalysource connected: opens its source, plays it anew, opens it again after ever longer pauses.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "gst/plugin/sourceinput.h"

namespace anomaly {

class SourceKeeper {
 public:
  // What became of the source. Any thread; element messages and warnings are the listener's.
  struct Listener {
    std::function<void(GstElement* source)> on_source;
    std::function<void()> on_latency;
    // It is tried again after `delay`; attempts: failed ones in a row.
    std::function<void(const std::string& reason, GstClockTime delay, guint attempts)> on_lost;
    // For good; the queue has ended.
    std::function<void(const GError* error, const char* debug)> on_failed;
  };
  struct Stats {
    guint64 reconnects = 0;  // times that it was opened again
    std::string last_error;
  };

  // A thread of its own waits for open(). Throws std::system_error.
  SourceKeeper(SourceLocation location, SourceConfig config, SourceQueue& queue, Listener listener);
  // Closes the source.
  ~SourceKeeper();
  SourceKeeper(const SourceKeeper&) = delete;
  SourceKeeper& operator=(const SourceKeeper&) = delete;

  // Once; later calls do nothing. clock: as SourceInput takes it.
  void open(GstClock* clock);

  // Any thread.
  Stats stats() const;
  const SourceFacts& facts() const { return facts_; }
  const SourceLocation& location() const { return location_; }
  bool live() const { return location_.live || config_.is_live; }
  // Asks the connection as it is now. False where there is none, or it does not know.
  bool query(GstQuery* query) const;

 private:
  using Step = gboolean (*)(gpointer self);

  void run();
  void in_thread(Step step);
  void set_timer(GstClockTime after, Step step);
  void open_now();
  void close_now();
  void attend();
  void message(GstMessage* message);
  void ended();
  void lost(GError* error, const char* debug);
  bool may_come_back(const GError* error) const;

  const SourceLocation location_;
  const SourceConfig config_;
  SourceQueue& queue_;
  const Listener listener_;
  SourceFacts facts_;

  GMainContext* const context_;
  GMainLoop* const loop_;
  std::atomic<bool> asked_ = false;

  // Of the thread.
  GstClock* clock_ = nullptr;
  GSource *watch_ = nullptr, *timer_ = nullptr;
  GstClockTime pause_;
  gint64 opened_ = 0;  // monotonic microseconds
  guint attempts_ = 0;
  bool given_ = false;   // a frame, ever
  std::string missing_;  // what no installed element decodes

  mutable std::mutex mutex_;
  std::unique_ptr<SourceInput> input_;  // changed by the thread, under the mutex
  Stats stats_;                         // under the mutex

  std::thread thread_;
};

}  // namespace anomaly
