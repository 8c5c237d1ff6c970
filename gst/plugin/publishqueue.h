// SPDX-License-Identifier: LGPL-2.1-or-later
// Lines on their way to a broker: bounded, between the streaming thread and the one that talks to the
// network.
#pragma once

#include <gst/gst.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace anomaly {

struct PublishLine {
  guint64 id;
  std::string stream;
  std::string text;  // one JSON object, without a newline
};

// A line stays in the queue until the broker's receipt is there. Those at the front that were handed to the
// network are under way; when a connection is lost they wait again, in their order, so that nothing is lost
// and a line whose receipt was lost goes out twice.
class PublishQueue {
 public:
  enum class Policy { DropOldest, Block };
  enum class Outcome { Ok, Interrupted, Failed };

  struct Stats {
    guint64 lines = 0, delivered = 0, dropped = 0, reconnects = 0;
    guint queued = 0;  // waiting or under way
    bool connected = false;
  };

  // capacity: lines, 2 at least. Throws std::system_error where the system has no descriptor left.
  PublishQueue(size_t capacity, Policy policy);
  ~PublishQueue();
  PublishQueue(const PublishQueue&) = delete;
  PublishQueue& operator=(const PublishQueue&) = delete;

  // For the streaming thread. A full queue loses its oldest line that is not under way (DropOldest: never
  // waits), or waits for room until interrupt(true). Failed after fail().
  Outcome push(std::string stream, std::string text);
  // While true, a waiting push() or drain() returns and later ones do not wait. Any thread.
  void interrupt(bool on);
  // Waits until every line has its receipt, at most `timeout`; also ended by fail(), and by interrupt(true)
  // where `interruptible`. True where nothing is left.
  bool drain(GstClockTime timeout, bool interruptible);
  // Ends the network thread.
  void close();
  Stats stats() const;

  // For the network thread. The next line to send, of which at most `window` are under way at a time, and
  // never more than half the capacity, so that there is always one that can be dropped; null if there is
  // none.
  std::shared_ptr<const PublishLine> next(size_t window);
  void delivered(guint64 id);
  void refused(guint64 id);            // the broker does not take this line: it counts as dropped
  void set_connected(bool connected);  // for stats()
  // Lines under way wait again.
  void resend();
  void fail();
  bool closed() const;
  // Readable when there is a new line, and after close().
  int wake_fd() const { return wake_; }
  void clear_wake();
  // Sleeps until `timeout` is over or close() is called.
  void rest(GstClockTime timeout);

 private:
  void wake();
  void remove(guint64 id, guint64* counter);

  const size_t capacity_;
  const Policy policy_;
  int wake_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<const PublishLine>> lines_;
  size_t under_way_ = 0;  // of lines_, from its front
  bool interrupted_ = false, failed_ = false, closed_ = false, was_connected_ = false;
  Stats stats_;
};

}  // namespace anomaly
