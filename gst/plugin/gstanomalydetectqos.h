// SPDX-License-Identifier: LGPL-2.1-or-later
// Quality of service: which frames come too late to be worth computing.
#pragma once

#include <gst/gst.h>

#include <mutex>

namespace anomaly {

// Any thread.
class DetectQos {
 public:
  void update(GstEvent* qos);  // what a sink reported
  void reset();                // start, flush

  // Null where a frame of this running time is in time or nothing is known. Else the message to post: the
  // frame will reach the sink too late, and is passed on without being computed. The other times as in
  // gst_message_new_qos().
  GstMessage* late(GstObject* source, GstClockTime running_time, GstClockTime stream_time, GstBuffer* frame);
  // Counts a frame that was in time when it came, and passed on because it would have become late. The
  // message to post. lateness: of the frame now.
  GstMessage* passed_on(GstObject* source, GstClockTime running_time, GstClockTime stream_time,
                        GstBuffer* frame, GstClockTimeDiff lateness);
  void in_time();  // counts a frame that was not late

 private:
  GstMessage* message(GstObject* source, GstClockTime running_time, GstClockTime stream_time,
                      GstBuffer* frame, GstClockTimeDiff lateness);

  std::mutex mutex_;
  GstClockTime earliest_ = GST_CLOCK_TIME_NONE;  // frames up to this running time come too late
  gdouble proportion_ = 1;
  guint64 processed_ = 0, passed_on_ = 0;
};

}  // namespace anomaly
