// SPDX-License-Identifier: LGPL-2.1-or-later
// From the threads that decode to the one that pushes: a few frames, of one connection after the other.
#pragma once

#include <gst/gst.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

namespace anomaly {

struct Unref {
  void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
  void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
  void operator()(GstEvent* event) const { gst_event_unref(event); }
};

// A frame, or tags that come before the next one.
struct SourceItem {
  std::unique_ptr<GstBuffer, Unref> frame;
  std::unique_ptr<GstCaps, Unref> caps;  // of the frame
  std::unique_ptr<GstEvent, Unref> tags;
  GstClockTime running_time = GST_CLOCK_TIME_NONE;  // of the connection
  GstClockTime due = GST_CLOCK_TIME_NONE;  // when that is, by `clock`; none = no frame of a live source
  const GstClock* clock = nullptr;         // to compare with
  bool anew = false;                       // the connection's time begins anew
  bool connected = false;                  // its first
};

class SourceQueue {
 public:
  enum class Outcome { Item, End, Failed, Interrupted, Timeout };
  using Clock = std::chrono::steady_clock;

  // Empty, nobody's.
  void reset();

  // --- Of those that decode
  // What was opened before adds nothing any more. leaky: the oldest frame gives way where the next finds no
  // room; else whoever brings it waits.
  guint open(bool leaky);
  void close() { open(true); }
  // False where `connection` is not the one that was opened last.
  bool push(guint connection, SourceItem item);
  // Behind what is in it: no further frames come.
  void finish(Outcome outcome);

  // --- Of the one that pushes
  // Timeout where nothing has come for so long.
  Outcome pop(SourceItem* item, Clock::duration patience);
  // Whoever waits in pop, or comes to it, goes away again.
  void interrupt(bool on);

  // --- Any thread
  bool is_full() const;
  guint64 dropped() const;

 private:
  static constexpr size_t kFrames = 2, kTags = 8;

  void append_tags(SourceItem item);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SourceItem> items_;  // at most kFrames of them with a frame, and kTags of each scope with tags
  size_t frames_ = 0;
  guint connection_ = 0;
  guint64 dropped_ = 0;
  bool leaky_ = false, interrupted_ = false;
  Outcome end_ = Outcome::Item;  // Item = not yet
};

}  // namespace anomaly
