// SPDX-License-Identifier: LGPL-2.1-or-later
// Anomaly events: when the frames' scores rise over one level and fall under another, told as messages.
#pragma once

#include <gst/gst.h>

#include <functional>
#include <memory>
#include <mutex>

#include "gst/lib/gstanomalymeta.h"

namespace anomaly {

enum EventProperty : guint {
  PROP_POST_MESSAGES = 100,  // behind those of DetectProperty
  PROP_EVENT_ON_SCORE,
  PROP_EVENT_OFF_SCORE,
  PROP_EVENT_MIN_DURATION,
  PROP_EVENT_RELEASE,
  PROP_EVENT_UPDATE_INTERVAL,
  PROP_EVENT_THUMBNAIL,
};

struct EventSettings {
  bool post = true;
  double on = -1;   // score; below 0 = the threshold that the metadata names
  double off = -1;  // score; below 0 = 0.8 of `on`, and never above it
  GstClockTime min_duration = 0, release = 0, update_interval = GST_SECOND;
  bool thumbnail = false;
};

// And the signal.
void install_event_properties(GObjectClass* klass);
// "anomaly-event", once it is installed.
guint event_signal();
// False for another property.
bool set_event_property(EventSettings& settings, guint id, const GValue* value);
bool get_event_property(const EventSettings& settings, guint id, GValue* value);

// A frame that leaves, as far as events are concerned. Times: none = unknown.
struct EventFrame {
  double score = 0, threshold = 0;
  guint regions = 0;
  const char* model = nullptr;
  GstClockTime timestamp = GST_CLOCK_TIME_NONE, stream_time = GST_CLOCK_TIME_NONE,
               running_time = GST_CLOCK_TIME_NONE;
};

struct UnrefSample {
  void operator()(GstSample* sample) const { gst_sample_unref(sample); }
};
using Thumbnail = std::unique_ptr<GstSample, UnrefSample>;

// Any thread, one frame after the other. What it returns is the structure of an element message (docs in
// docs/elements.md), transfer full, or null where there is nothing to tell.
class EventTracker {
 public:
  void reset();  // start: forgets everything, counts from 1 again

  // picture: makes a thumbnail of the frame; called where it is the event's highest so far. Null = none.
  GstStructure* frame(const EventFrame& frame, const EventSettings& settings,
                      const std::function<Thumbnail()>& picture = nullptr);
  // The stream is interrupted: an event that has begun ends with its last frame.
  GstStructure* end(const char* reason);

 private:
  enum class State { Idle, Pending, Begun };

  GstStructure* describe(const char* event, GstClockTime until) const;

  std::mutex mutex_;
  State state_ = State::Idle;
  guint id_ = 0;
  EventFrame first_, latest_, peak_;
  Thumbnail thumbnail_;  // of the peak
  double on_ = 0;
  GstClockTime quiet_since_ = GST_CLOCK_TIME_NONE, told_ = 0;
  bool quiet_ = false;
};

}  // namespace anomaly
