// SPDX-License-Identifier: LGPL-2.1-or-later
// How long frames take, and what follows from it: whether a result can be expected in time, how long frames
// have waited to come in, and how many to skip.
#pragma once

#include <gst/gst.h>

namespace anomaly {

// No clock in here: the same times give the same answers. Not thread-safe.
class DetectPace {
 public:
  // A frame with this running time came, GST_CLOCK_TIME_NONE = unknown. For so long the one before it kept it
  // from coming in (busy), and then nothing did any more (idle).
  void arrived(GstClockTime running_time, GstClockTime busy = 0, GstClockTime idle = 0);
  // No frame that comes from now on has waited for one that has come.
  void flushed();
  // A result came, `waited` after its frame, and `alone` after its frame or the result before, whichever was
  // later: what the worker took for it, other streams' turns included.
  void computed(GstClockTime waited, GstClockTime alone);

  // How long a result takes, from the recent ones; 0 before there are any.
  GstClockTime expected() const { return static_cast<GstClockTime>(waited_); }
  // How long the frame that came last has waited, somewhere upstream, for those before it: with d between
  // two frames, by their running times, and b for which the first one kept the second from coming in, each
  // waits b - d longer than the one before it did, and not less than 0. Idle time counts as part of b up
  // to kHandOver d, for as long it may take until a thread that is told to go on does.
  GstClockTime backlog() const { return static_cast<GstClockTime>(backlog_); }
  // How many frames to skip after each computed one so that results keep the pace of the frames' times: with
  // c nanoseconds a result and d between frames, the smallest n with c <= kFull (n + 1) d. It grows at once,
  // and falls as soon as c <= kEasy (n + 1) d for a smaller n. 0 as long as c or d is not known.
  int interval();

  static constexpr double kFull = 0.9, kEasy = 0.75, kHandOver = 0.125;

 private:
  double waited_ = 0, alone_ = 0;  // nanoseconds; 0 = unknown
  double spacing_ = 0;             // of the frames
  double backlog_ = 0;
  GstClockTime last_time_ = GST_CLOCK_TIME_NONE;
  int interval_ = 0;
};

}  // namespace anomaly
