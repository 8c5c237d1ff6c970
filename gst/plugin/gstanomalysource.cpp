// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalysource
 * @title: anomalysource
 *
 * Raw video of a recording, of pictures, of a camera or of an address. A camera that fails, ends or falls
 * silent is opened again, after ever longer pauses; downstream notices nothing but frames that are missing.
 *
 * ## Examples
 * |[
 * gst-launch-1.0 anomalysource location=rtsp://camera.example/stream user-id=anna user-pw=secret !
 *     videoconvert ! anomalydetect ! anomalyoverlay ! videoconvert ! autovideosink
 * gst-launch-1.0 anomalysource location=frames/%05d.png framerate=10/1 ! videoconvert ! anomalydetect !
 *     anomalypublish ! fakesink
 * ]|
 */
#include "gst/plugin/gstanomalysource.h"

#include <gst/video/video.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <string>

#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/gstanomalysourceconfig.h"
#include "gst/plugin/lockedproperties.h"
#include "gst/plugin/objectlock.h"
#include "gst/plugin/sourcekeeper.h"
#include "gst/plugin/sourcequeue.h"

GST_DEBUG_CATEGORY_STATIC(anomalysource_debug);
#define GST_CAT_DEFAULT anomalysource_debug

namespace anomaly {
namespace {

constexpr auto kPatience = std::chrono::seconds(1);  // from one gap event to the next
constexpr GstClockTimeDiff kMostAhead = GST_SECOND / 2, kMostBehind = GST_SECOND;

struct Source {
  SourceConfig config;                   // under the object lock
  std::shared_ptr<SourceKeeper> keeper;  // under the object lock; null while stopped
  SourceQueue queue;

  std::atomic<guint64> frames = 0;
  std::atomic<bool> connected = false, lost = false;

  // Of the streaming thread and of changes of state.
  SourceConfig started;
  SourceLocation location;
  bool live = false;
  GstClockTimeDiff shift = 0;  // from the connection's running time to that of this element
  GstClockTime next = 0;       // running time that the next frame has at least
  GstClockTime duration = 0;   // of a frame, by the caps
  GstCaps* caps = nullptr;
};

}  // namespace
}  // namespace anomaly

using anomaly::ObjectLock;
using anomaly::SourceQueue;

struct _GstAnomalySource {
  GstPushSrc parent;
  anomaly::Source* own;
};

enum { SIGNAL_SOURCE_SETUP, SIGNALS };
static guint signals[SIGNALS];

G_DEFINE_TYPE(GstAnomalySource, gst_anomaly_source, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(anomalysource, "anomalysource", GST_RANK_NONE, GST_TYPE_ANOMALY_SOURCE,
                                      GST_DEBUG_CATEGORY_INIT(anomalysource_debug, "anomalysource", 0,
                                                              "Raw video that comes back"))

static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw"));

// Any thread.
static std::shared_ptr<anomaly::SourceKeeper> keeper_of(GstAnomalySource* self) {
  const ObjectLock lock(self);
  return self->own->keeper;
}

static void post_news(GstAnomalySource* self, const char* event, const std::string& where, const char* reason,
                      GstClockTime delay, guint attempts) {
  GstStructure* news = gst_structure_new("anomalysource", "event", G_TYPE_STRING, event, "location",
                                         G_TYPE_STRING, where.c_str(), "reason", G_TYPE_STRING, reason,
                                         "delay", G_TYPE_UINT64, delay, "attempts", G_TYPE_UINT, attempts,
                                         "frames", G_TYPE_UINT64, self->own->frames.load(), nullptr);
  gst_element_post_message(GST_ELEMENT(self), gst_message_new_element(GST_OBJECT(self), news));
}

static void on_lost(GstAnomalySource* self, const std::string& where, const std::string& reason,
                    GstClockTime delay, guint attempts) {
  self->own->connected = false;
  const bool told = self->own->lost.exchange(true);
  post_news(self, "lost", where, reason.c_str(), delay, attempts);
  if (!told)
    GST_ELEMENT_WARNING(self, RESOURCE, READ,
                        ("No video from \"%s\": %s. It is tried again.", where.c_str(), reason.c_str()),
                        (nullptr));
}

static void on_failed(GstAnomalySource* self, const std::string& where, const GError* error,
                      const char* debug) {
  self->own->connected = false;
  gst_element_message_full(GST_ELEMENT(self), GST_MESSAGE_ERROR, error->domain, error->code,
                           g_strdup_printf("No video from \"%s\": %s.", where.c_str(), error->message),
                           g_strdup(debug), __FILE__, GST_FUNCTION, __LINE__);
}

// Where to, and whether it is live: a live element says so on its way to PAUSED, before it starts.
static bool look_up(GstAnomalySource* self) {
  anomaly::Source* own = self->own;
  {
    const ObjectLock lock(self);
    own->started = own->config;
  }
  if (const auto problem = anomaly::parse_source_location(own->started.location, &own->location)) {
    gst_element_message_full(GST_ELEMENT(self), GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, problem->code,
                             g_strdup(problem->text.c_str()), nullptr, __FILE__, GST_FUNCTION, __LINE__);
    return false;
  }
  own->live = own->location.live || own->started.is_live;
  gst_base_src_set_live(GST_BASE_SRC(self), own->live);
  return true;
}

static bool start(GstAnomalySource* self) {
  anomaly::Source* own = self->own;
  own->queue.reset();
  own->frames = 0;
  own->connected = own->lost = false;
  own->shift = 0;
  own->next = 0;
  gst_clear_caps(&own->caps);
  const std::string where = own->location.shown;
  // The keeper ends before the element does.
  anomaly::SourceKeeper::Listener listener;
  listener.on_source = [self](GstElement* source) {
    g_signal_emit(self, signals[SIGNAL_SOURCE_SETUP], 0, source);
  };
  listener.on_latency = [self] {
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
  };
  listener.on_lost = [self, where](const std::string& reason, GstClockTime delay, guint attempts) {
    on_lost(self, where, reason, delay, attempts);
  };
  listener.on_failed = [self, where](const GError* error, const char* debug) {
    on_failed(self, where, error, debug);
  };
  auto keeper =
      std::make_shared<anomaly::SourceKeeper>(own->location, own->started, own->queue, std::move(listener));
  // A live source is opened when there is a clock.
  if (!own->live) keeper->open(nullptr);
  const ObjectLock lock(self);
  own->keeper = std::move(keeper);
  return true;
}

static gboolean gst_anomaly_source_start(GstBaseSrc* base) {
  try {
    return start(GST_ANOMALY_SOURCE(base));
  } catch (...) {
    anomaly::post_failure(GST_ELEMENT(base), std::current_exception());
    return FALSE;
  }
}

static gboolean gst_anomaly_source_stop(GstBaseSrc* base) {
  GstAnomalySource* self = GST_ANOMALY_SOURCE(base);
  std::shared_ptr<anomaly::SourceKeeper> keeper;
  {
    const ObjectLock lock(self);
    keeper = std::move(self->own->keeper);
  }
  keeper.reset();
  self->own->connected = false;
  gst_clear_caps(&self->own->caps);
  return TRUE;
}

static gboolean gst_anomaly_source_unlock(GstBaseSrc* base) {
  GST_ANOMALY_SOURCE(base)->own->queue.interrupt(true);
  return TRUE;
}

static gboolean gst_anomaly_source_unlock_stop(GstBaseSrc* base) {
  GST_ANOMALY_SOURCE(base)->own->queue.interrupt(false);
  return TRUE;
}

static GstStateChangeReturn gst_anomaly_source_change_state(GstElement* element, GstStateChange transition) {
  GstAnomalySource* self = GST_ANOMALY_SOURCE(element);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    try {
      if (!look_up(self)) return GST_STATE_CHANGE_FAILURE;
    } catch (...) {
      anomaly::post_failure(element, std::current_exception());
      return GST_STATE_CHANGE_FAILURE;
    }
  } else if (transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING) {
    GstClock* clock = gst_element_get_clock(element);
    if (const auto keeper = keeper_of(self)) keeper->open(clock);
    gst_clear_object(&clock);
  }
  return GST_ELEMENT_CLASS(gst_anomaly_source_parent_class)->change_state(element, transition);
}

// Caps follow from the source.
static gboolean gst_anomaly_source_negotiate([[maybe_unused]] GstBaseSrc* base) {
  return TRUE;
}

static gboolean gst_anomaly_source_query(GstBaseSrc* base, GstQuery* query) {
  GstAnomalySource* self = GST_ANOMALY_SOURCE(base);
  const auto keeper = keeper_of(self);
  if (keeper && keeper->live() && GST_QUERY_TYPE(query) == GST_QUERY_LATENCY) {
    gst_query_set_latency(query, TRUE, keeper->facts().min_latency, keeper->facts().max_latency);
    return TRUE;
  }
  if (keeper && !keeper->live() && GST_QUERY_TYPE(query) == GST_QUERY_DURATION) return keeper->query(query);
  return GST_BASE_SRC_CLASS(gst_anomaly_source_parent_class)->query(base, query);
}

// None without a clock, or before it counts.
static GstClockTime running_time_now(GstAnomalySource* self, GstClock** clock) {
  *clock = gst_element_get_clock(GST_ELEMENT(self));
  if (!*clock) return GST_CLOCK_TIME_NONE;
  const GstClockTime now = gst_clock_get_time(*clock), base = gst_element_get_base_time(GST_ELEMENT(self));
  return now > base ? now - base : 0;
}

// The running time that a frame gets: never before that of the frame before it.
static GstClockTime place(GstAnomalySource* self, const anomaly::SourceItem& item) {
  anomaly::Source* own = self->own;
  GstClock* clock = nullptr;
  const GstClockTime now = own->live ? running_time_now(self, &clock) : GST_CLOCK_TIME_NONE;
  GstClockTimeDiff time;
  if (GST_CLOCK_TIME_IS_VALID(now)) {
    // When it was due, by the clock that both go by; where they do not, when it came.
    const bool same = GST_CLOCK_TIME_IS_VALID(item.due) && item.clock == clock;
    const auto present = static_cast<GstClockTimeDiff>(now);
    time = same ? GST_CLOCK_DIFF(gst_element_get_base_time(GST_ELEMENT(self)), item.due) : present;
    if (item.anew) own->shift = 0;
    const GstClockTime latency = keeper_of(self)->facts().min_latency;
    const GstClockTimeDiff behind = present - (time + own->shift);
    if (behind < -anomaly::kMostAhead ||
        behind > anomaly::kMostBehind + static_cast<GstClockTimeDiff>(latency))
      own->shift = present - time;
    time += own->shift;
  } else if (GST_CLOCK_TIME_IS_VALID(item.running_time)) {
    if (item.anew) own->shift = GST_CLOCK_DIFF(item.running_time, own->next);
    time = static_cast<GstClockTimeDiff>(item.running_time) + own->shift;
  } else {
    time = static_cast<GstClockTimeDiff>(own->next);
  }
  gst_clear_object(&clock);
  return std::max(own->next, static_cast<GstClockTime>(std::max<GstClockTimeDiff>(time, 0)));
}

static GstFlowReturn give(GstAnomalySource* self, anomaly::SourceItem item, GstBuffer** out) {
  anomaly::Source* own = self->own;
  GstCaps* caps = item.caps.get();
  if (!own->caps || !gst_caps_is_equal(caps, own->caps)) {
    // The event itself fails only with the next buffer, and then for no reason that anybody could read.
    if (!gst_pad_peer_query_accept_caps(GST_BASE_SRC_PAD(self), caps) ||
        !gst_base_src_set_caps(GST_BASE_SRC(self), caps)) {
      if (GST_PAD_IS_FLUSHING(GST_BASE_SRC_PAD(self))) return GST_FLOW_FLUSHING;
      GST_ELEMENT_ERROR(
          self, STREAM, FORMAT,
          ("Downstream does not take the video as it is: put videoconvert behind anomalysource."),
          ("%" GST_PTR_FORMAT, caps));
      return GST_FLOW_NOT_NEGOTIATED;
    }
    gst_caps_replace(&own->caps, caps);
    GstVideoInfo info;
    own->duration = 0;
    if (gst_video_info_from_caps(&info, caps) && info.fps_n > 0)
      own->duration = gst_util_uint64_scale_int(GST_SECOND, info.fps_d, info.fps_n);
  }
  GstBuffer* buffer = gst_buffer_make_writable(item.frame.release());
  const GstClockTime pts = place(self, item);
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_OFFSET(buffer) = GST_BUFFER_OFFSET_END(buffer) = GST_BUFFER_OFFSET_NONE;
  if (!GST_BUFFER_DURATION_IS_VALID(buffer) && own->duration > 0) GST_BUFFER_DURATION(buffer) = own->duration;
  if (item.anew)
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  else
    GST_BUFFER_FLAG_UNSET(buffer, GST_BUFFER_FLAG_DISCONT);
  // Frames of a camera come when they come; those of a recording follow each other.
  own->next = pts + (own->live || item.running_time == GST_CLOCK_TIME_NONE ? GST_MSECOND : 0);
  if (!own->live && GST_BUFFER_DURATION_IS_VALID(buffer)) own->next = pts + GST_BUFFER_DURATION(buffer);
  ++own->frames;
  *out = buffer;
  return GST_FLOW_OK;
}

// Tells downstream that nothing comes, up to shortly before now: frames have a running time in the past.
static void push_gap(GstAnomalySource* self) {
  anomaly::Source* own = self->own;
  const auto keeper = keeper_of(self);
  if (!own->live || own->connected || own->frames == 0 || !keeper) return;
  GstClock* clock = nullptr;
  const GstClockTime now = running_time_now(self, &clock);
  gst_clear_object(&clock);
  const GstClockTime reserve = keeper->facts().min_latency + GST_SECOND / 2;
  if (!GST_CLOCK_TIME_IS_VALID(now) || now < own->next + reserve) return;
  const GstClockTime end = now - reserve;
  gst_pad_push_event(GST_BASE_SRC_PAD(self), gst_event_new_gap(own->next, end - own->next));
  own->next = end;
}

static GstFlowReturn gst_anomaly_source_create(GstPushSrc* push, GstBuffer** out) {
  GstAnomalySource* self = GST_ANOMALY_SOURCE(push);
  anomaly::Source* own = self->own;
  for (;;) {
    anomaly::SourceItem item;
    switch (own->queue.pop(&item, anomaly::kPatience)) {
      case SourceQueue::Outcome::Item:
        break;
      case SourceQueue::Outcome::Timeout:
        push_gap(self);
        continue;
      case SourceQueue::Outcome::Interrupted:
        return GST_FLOW_FLUSHING;
      case SourceQueue::Outcome::End:
        return GST_FLOW_EOS;
      case SourceQueue::Outcome::Failed:
        return GST_FLOW_ERROR;
    }
    if (item.tags) {
      gst_pad_push_event(GST_BASE_SRC_PAD(self), item.tags.release());
      continue;
    }
    if (item.connected) {
      const auto keeper = keeper_of(self);
      const std::string where = keeper->location().shown;
      own->connected = true;
      post_news(self, "connected", where, nullptr, GST_CLOCK_TIME_NONE, 0);
      if (own->lost.exchange(false))
        GST_ELEMENT_INFO(self, RESOURCE, READ, ("Video comes from \"%s\" again.", where.c_str()), (nullptr));
    }
    return give(self, std::move(item), out);
  }
}

static GstStructure* stats(GstAnomalySource* self) {
  const anomaly::Source* own = self->own;
  anomaly::SourceKeeper::Stats known;
  if (const auto keeper = keeper_of(self)) known = keeper->stats();
  return gst_structure_new("anomalysource-stats", "connected", G_TYPE_BOOLEAN,
                           static_cast<gboolean>(own->connected), "frames", G_TYPE_UINT64, own->frames.load(),
                           "dropped", G_TYPE_UINT64, own->queue.dropped(), "reconnects", G_TYPE_UINT64,
                           known.reconnects, "last-error", G_TYPE_STRING,
                           known.last_error.empty() ? nullptr : known.last_error.c_str(), nullptr);
}

static void gst_anomaly_source_set_property(GObject* object, guint id, const GValue* value,
                                            GParamSpec* spec) {
  GstAnomalySource* self = GST_ANOMALY_SOURCE(object);
  anomaly::set_locked_property(object, id, value, spec, self->own->config, anomaly::set_source_property,
                               [self] { return self->own->keeper != nullptr; });
}

static void gst_anomaly_source_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  GstAnomalySource* self = GST_ANOMALY_SOURCE(object);
  anomaly::get_locked_property(object, id, value, spec, self->own->config, anomaly::get_source_property,
                               anomaly::SOURCE_STATS, [self] { return stats(self); });
}

static void gst_anomaly_source_finalize(GObject* object) {
  delete GST_ANOMALY_SOURCE(object)->own;
  G_OBJECT_CLASS(gst_anomaly_source_parent_class)->finalize(object);
}

static void gst_anomaly_source_init(GstAnomalySource* self) {
  self->own = new anomaly::Source();
  gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
}

static void gst_anomaly_source_class_init(GstAnomalySourceClass* klass) {
  GObjectClass* object_class = G_OBJECT_CLASS(klass);
  GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
  GstBaseSrcClass* base_class = GST_BASE_SRC_CLASS(klass);

  object_class->set_property = gst_anomaly_source_set_property;
  object_class->get_property = gst_anomaly_source_get_property;
  object_class->finalize = gst_anomaly_source_finalize;
  anomaly::install_source_properties(object_class);
  /**
   * GstAnomalySource::source-setup:
   * @element: the anomalysource
   * @source: the element that opens the location
   *
   * Before each time that the location is opened, to set what anomalysource has no property for. Emitted by a
   * thread of the element's own.
   */
  signals[SIGNAL_SOURCE_SETUP] = g_signal_new("source-setup", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0,
                                              nullptr, nullptr, nullptr, G_TYPE_NONE, 1, GST_TYPE_ELEMENT);

  gst_element_class_set_static_metadata(
      element_class, "Anomaly source", "Source/Video",
      "Raw video of recordings, pictures, cameras and addresses, opened again when they fail",
      "The gst-anomaly authors");
  gst_element_class_add_static_pad_template(element_class, &src_template);
  element_class->change_state = gst_anomaly_source_change_state;

  base_class->start = gst_anomaly_source_start;
  base_class->stop = gst_anomaly_source_stop;
  base_class->unlock = gst_anomaly_source_unlock;
  base_class->unlock_stop = gst_anomaly_source_unlock_stop;
  base_class->negotiate = gst_anomaly_source_negotiate;
  base_class->query = gst_anomaly_source_query;
  GST_PUSH_SRC_CLASS(klass)->create = gst_anomaly_source_create;
}
