// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames on their way out of anomalydetect: taken from the queue, told of, and pushed by a thread of their
// own where several are in flight.
#pragma once

#include <gst/gst.h>

#include <functional>

#include "gst/plugin/gstanomalydetectevents.h"
#include "gst/plugin/gstanomalydetectqos.h"
#include "gst/plugin/gstanomalydetectqueue.h"
#include "gst/plugin/gstanomalydetectthumbnail.h"

namespace anomaly {

// From the element's start to its stop.
class DetectOutput {
 public:
  // settings: what the properties say now; called by the thread that takes frames out.
  DetectOutput(GstElement* element, GstPad* pad, DetectQueue& queue, DetectStats& stats, DetectQos& qos,
               EventTracker& events, std::function<EventSettings()> settings);

  // The next frame, its messages posted: null where none is inside and idle is false. Posts an error message
  // where there is none because the engine failed.
  GstFlowReturn next(bool idle, GstBuffer** out) noexcept;

  // A task on `pad` that pushes frames as they are finished, until the queue is interrupted or a push fails;
  // it pauses itself then. stop: when it returns, the thread has ended (the queue must have been interrupted,
  // and downstream flush or be stopped).
  void start_task();
  void stop_task();

  // An event that has begun ends, for the reason that the message names.
  void end_event(const char* reason);

 private:
  static void push_frames(gpointer self);
  void tell(const FinishedFrame& frame);
  void tell_event(GstStructure* event, bool post);

  GstElement* element_;
  GstPad* pad_;
  DetectQueue& queue_;
  DetectStats& stats_;
  DetectQos& qos_;
  EventTracker& events_;
  const std::function<EventSettings()> settings_;
  EventThumbnails thumbnails_;  // of the thread that takes frames out
};

}  // namespace anomaly
