// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectqos.h"

namespace anomaly {

void DetectQos::update(GstEvent* qos) {
  gdouble proportion = 1;
  GstClockTimeDiff lateness = 0;
  GstClockTime reported = GST_CLOCK_TIME_NONE;
  gst_event_parse_qos(qos, nullptr, &proportion, &lateness, &reported);
  const std::lock_guard<std::mutex> lock(mutex_);
  proportion_ = proportion;
  if (!GST_CLOCK_TIME_IS_VALID(reported))
    earliest_ = GST_CLOCK_TIME_NONE;
  else if (lateness < 0 && static_cast<GstClockTime>(-lateness) > reported)
    earliest_ = 0;
  else
    earliest_ = reported + static_cast<GstClockTime>(lateness);
}

void DetectQos::reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  earliest_ = GST_CLOCK_TIME_NONE;
  proportion_ = 1;
  processed_ = passed_on_ = 0;
}

GstMessage* DetectQos::late(GstObject* source, GstClockTime running_time, GstClockTime stream_time,
                            GstBuffer* frame) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!GST_CLOCK_TIME_IS_VALID(running_time) || !GST_CLOCK_TIME_IS_VALID(earliest_) ||
      running_time > earliest_)
    return nullptr;
  return message(source, running_time, stream_time, frame, GST_CLOCK_DIFF(running_time, earliest_));
}

GstMessage* DetectQos::passed_on(GstObject* source, GstClockTime running_time, GstClockTime stream_time,
                                 GstBuffer* frame, GstClockTimeDiff lateness) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (processed_ > 0) --processed_;
  return message(source, running_time, stream_time, frame, lateness);
}

GstMessage* DetectQos::message(GstObject* source, GstClockTime running_time, GstClockTime stream_time,
                               GstBuffer* frame, GstClockTimeDiff lateness) {
  ++passed_on_;
  GstMessage* message = gst_message_new_qos(source, FALSE, running_time, stream_time, GST_BUFFER_PTS(frame),
                                            GST_BUFFER_DURATION(frame));
  gst_message_set_qos_values(message, lateness, proportion_, 1000000);
  gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, processed_, passed_on_);
  return message;
}

void DetectQos::in_time() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++processed_;
}

}  // namespace anomaly
