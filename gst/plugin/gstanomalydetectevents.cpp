// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectevents.h"

#include <algorithm>

namespace anomaly {

namespace {

constexpr double kOffOfOn = 0.8;
guint signal_id = 0;

// From one running time to another; 0 where either is unknown.
GstClockTime elapsed(GstClockTime from, GstClockTime to) {
  return GST_CLOCK_TIME_IS_VALID(from) && GST_CLOCK_TIME_IS_VALID(to) && to > from ? to - from : 0;
}

}  // namespace

void install_event_properties(GObjectClass* klass) {
  const auto flags =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
  const auto install = [klass](guint id, GParamSpec* spec) {
    g_object_class_install_property(klass, id, spec);
  };
  install(PROP_POST_MESSAGES,
          g_param_spec_boolean("post-messages", "Post messages",
                               "Post element messages \"anomaly\" when an event starts, goes on, and ends",
                               TRUE, flags));
  install(PROP_EVENT_ON_SCORE, g_param_spec_double("event-on-score", "Event on score",
                                                   "Frame score from which an event starts; below 0 = the "
                                                   "threshold in force",
                                                   -1, G_MAXDOUBLE, -1, flags));
  install(PROP_EVENT_OFF_SCORE, g_param_spec_double("event-off-score", "Event off score",
                                                    "Frame score below which an event ends, at most "
                                                    "event-on-score; below 0 = 0.8 of it",
                                                    -1, G_MAXDOUBLE, -1, flags));
  install(PROP_EVENT_MIN_DURATION,
          g_param_spec_uint64("event-min-duration", "Event minimum duration",
                              "Running time for which the score must hold before an event is told, in "
                              "nanoseconds",
                              0, G_MAXINT64, 0, flags));
  install(PROP_EVENT_RELEASE,
          g_param_spec_uint64("event-release", "Event release",
                              "Running time for which the score must stay low before an event ends, in "
                              "nanoseconds",
                              0, G_MAXINT64, 0, flags));
  install(PROP_EVENT_UPDATE_INTERVAL,
          g_param_spec_uint64("event-update-interval", "Event update interval",
                              "Running time between updates of an event that goes on, in nanoseconds; 0 = "
                              "with every frame",
                              0, G_MAXUINT64, GST_SECOND, flags));
  install(PROP_EVENT_THUMBNAIL,
          g_param_spec_boolean("event-thumbnail", "Event thumbnail",
                               "Tell of an event with a small picture of its highest frame", FALSE, flags));
  /**
   * GstAnomalyDetect::anomaly-event:
   * @element: the anomalydetect
   * @event: what the element message would say, whether or not it is posted
   *
   * Emitted when an event starts, goes on and ends, by the thread that is about to push the frame, or that
   * brings what cuts the event short; the stream waits for the handler.
   */
  signal_id = g_signal_new("anomaly-event", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, nullptr, nullptr,
                           nullptr, G_TYPE_NONE, 1, GST_TYPE_STRUCTURE);
}

guint event_signal() {
  return signal_id;
}

bool set_event_property(EventSettings& settings, guint id, const GValue* value) {
  switch (id) {
    case PROP_POST_MESSAGES:
      settings.post = g_value_get_boolean(value);
      return true;
    case PROP_EVENT_ON_SCORE:
      settings.on = g_value_get_double(value);
      return true;
    case PROP_EVENT_OFF_SCORE:
      settings.off = g_value_get_double(value);
      return true;
    case PROP_EVENT_MIN_DURATION:
      settings.min_duration = g_value_get_uint64(value);
      return true;
    case PROP_EVENT_RELEASE:
      settings.release = g_value_get_uint64(value);
      return true;
    case PROP_EVENT_UPDATE_INTERVAL:
      settings.update_interval = g_value_get_uint64(value);
      return true;
    case PROP_EVENT_THUMBNAIL:
      settings.thumbnail = g_value_get_boolean(value);
      return true;
    default:
      return false;
  }
}

bool get_event_property(const EventSettings& settings, guint id, GValue* value) {
  switch (id) {
    case PROP_POST_MESSAGES:
      g_value_set_boolean(value, settings.post);
      return true;
    case PROP_EVENT_ON_SCORE:
      g_value_set_double(value, settings.on);
      return true;
    case PROP_EVENT_OFF_SCORE:
      g_value_set_double(value, settings.off);
      return true;
    case PROP_EVENT_MIN_DURATION:
      g_value_set_uint64(value, settings.min_duration);
      return true;
    case PROP_EVENT_RELEASE:
      g_value_set_uint64(value, settings.release);
      return true;
    case PROP_EVENT_UPDATE_INTERVAL:
      g_value_set_uint64(value, settings.update_interval);
      return true;
    case PROP_EVENT_THUMBNAIL:
      g_value_set_boolean(value, settings.thumbnail);
      return true;
    default:
      return false;
  }
}

void EventTracker::reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  state_ = State::Idle;
  id_ = 0;
  thumbnail_.reset();
}

// The event as of its latest frame; it lasted until running time `until`.
GstStructure* EventTracker::describe(const char* event, GstClockTime until) const {
  GstStructure* told = gst_structure_new(
      "anomaly", "event", G_TYPE_STRING, event, "id", G_TYPE_UINT, id_, "score", G_TYPE_DOUBLE, latest_.score,
      "peak", G_TYPE_DOUBLE, peak_.score, "on-score", G_TYPE_DOUBLE, on_, "regions", G_TYPE_UINT,
      latest_.regions, "timestamp", G_TYPE_UINT64, latest_.timestamp, "stream-time", G_TYPE_UINT64,
      latest_.stream_time, "running-time", G_TYPE_UINT64, latest_.running_time, "start-timestamp",
      G_TYPE_UINT64, first_.timestamp, "start-stream-time", G_TYPE_UINT64, first_.stream_time,
      "start-running-time", G_TYPE_UINT64, first_.running_time, "peak-timestamp", G_TYPE_UINT64,
      peak_.timestamp, "peak-stream-time", G_TYPE_UINT64, peak_.stream_time, "peak-running-time",
      G_TYPE_UINT64, peak_.running_time, "duration", G_TYPE_UINT64, elapsed(first_.running_time, until),
      "model", G_TYPE_STRING, latest_.model, nullptr);
  if (thumbnail_) gst_structure_set(told, "thumbnail", GST_TYPE_SAMPLE, thumbnail_.get(), nullptr);
  return told;
}

GstStructure* EventTracker::frame(const EventFrame& frame, const EventSettings& settings,
                                  const std::function<Thumbnail()>& picture) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!settings.post) {
    state_ = State::Idle;
    return nullptr;
  }
  const double on = settings.on < 0 ? frame.threshold : settings.on;
  const double off = settings.off < 0 ? kOffOfOn * on : std::min(settings.off, on);
  if (state_ == State::Idle) {
    if (!(frame.score >= on)) return nullptr;
    state_ = State::Pending;
    first_ = peak_ = frame;
    thumbnail_ = picture ? picture() : nullptr;
    on_ = on;
    quiet_ = false;
  }
  latest_ = frame;
  if (frame.score > peak_.score) {
    peak_ = frame;
    if (picture) thumbnail_ = picture();
  }

  const GstClockTime now = frame.running_time;
  const bool low = !(frame.score >= off);
  if (low && !quiet_) quiet_since_ = now;
  quiet_ = low;
  if (low) {
    if (elapsed(quiet_since_, now) < settings.release) return nullptr;
    const bool begun = state_ == State::Begun;
    state_ = State::Idle;
    if (!begun) return nullptr;
    GstStructure* ended = describe("end", quiet_since_);
    gst_structure_set(ended, "reason", G_TYPE_STRING, "score", nullptr);
    return ended;
  }
  if (state_ == State::Pending) {
    if (elapsed(first_.running_time, now) < settings.min_duration) return nullptr;
    state_ = State::Begun;
    ++id_;
    told_ = now;
    return describe("start", now);
  }
  if (elapsed(told_, now) < settings.update_interval) return nullptr;
  told_ = now;
  return describe("update", now);
}

GstStructure* EventTracker::end(const char* reason) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool begun = state_ == State::Begun;
  state_ = State::Idle;
  if (!begun) return nullptr;
  GstStructure* ended = describe("end", quiet_ ? quiet_since_ : latest_.running_time);
  gst_structure_set(ended, "reason", G_TYPE_STRING, reason, nullptr);
  return ended;
}

}  // namespace anomaly
