// SPDX-License-Identifier: LGPL-2.1-or-later
// How long frames take, and what follows from it: whether a result can be expected in time, and how many
// frames to skip.
#pragma once

#include <gst/gst.h>

namespace anomaly {

// No clock in here: the same times give the same answers. Not thread-safe.
class DetectPace {
 public:
  // A frame with this running time came, GST_CLOCK_TIME_NONE = unknown.
  void arrived(GstClockTime running_time);
  // A result came, `waited` after its frame, and `alone` after its frame or the result before, whichever was
  // later: what the worker took for it, other streams' turns included.
  void computed(GstClockTime waited, GstClockTime alone);

  // How long a result takes, from the recent ones; 0 before there are any.
  GstClockTime expected() const { return static_cast<GstClockTime>(waited_); }
  // How many frames to skip after each computed one so that results keep the pace of the frames' times: with
  // c nanoseconds a result and d between frames, the smallest n with c <= kFull (n + 1) d. It grows at once,
  // and falls as soon as c <= kEasy (n + 1) d for a smaller n. 0 as long as c or d is not known.
  int interval();

  static constexpr double kFull = 0.9, kEasy = 0.75;

 private:
  double waited_ = 0, alone_ = 0;  // nanoseconds; 0 = unknown
  double spacing_ = 0;             // of the frames
  GstClockTime last_time_ = GST_CLOCK_TIME_NONE;
  int interval_ = 0;
};

}  // namespace anomaly
