// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalydetect
 * @title: anomalydetect
 *
 * Looks at every frame of a driving video for what does not belong on the road, pixel by pixel, and attaches
 * a #GstAnomalyMeta: a score map, figures over the frame, and regions. Pixels are read, never written or
 * copied.
 *
 * ## Example
 * |[
 * gst-launch-1.0 filesrc location=drive.mp4 ! decodebin ! videoconvert ! anomalydetect threshold=0.6 ! \
 *     anomalyoverlay ! videoconvert ! autovideosink
 * ]|
 */
#include "gst/plugin/gstanomalydetect.h"

#include <gst/video/video.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gst/plugin/gstanomalydetectcaps.h"
#include "gst/plugin/gstanomalydetectconfig.h"
#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/gstanomalydetectevents.h"
#include "gst/plugin/gstanomalydetectframe.h"
#include "gst/plugin/gstanomalydetectmodel.h"
#include "gst/plugin/gstanomalydetectoutput.h"
#include "gst/plugin/gstanomalydetectpreset.h"
#include "gst/plugin/gstanomalydetectqos.h"
#include "gst/plugin/gstanomalydetectquery.h"
#include "gst/plugin/gstanomalydetectqueue.h"
#include "gst/plugin/gstanomalydetectregions.h"
#include "gst/plugin/gstanomalydetectstats.h"
#include "gst/plugin/videoview.h"

GST_DEBUG_CATEGORY_STATIC(gst_anomaly_detect_debug);
#define GST_CAT_DEFAULT gst_anomaly_detect_debug

namespace {

using anomaly::CapsWarnings;
using anomaly::DetectConfig;
using anomaly::DetectOutput;
using anomaly::DetectQos;
using anomaly::DetectQueue;
using anomaly::DetectSignal;
using anomaly::DetectStats;
using anomaly::EventSettings;
using anomaly::EventTracker;
using anomaly::FrameTimes;
using anomaly::ModelSwap;

class ObjectLock {
 public:
  explicit ObjectLock(gpointer object) : object_(GST_OBJECT(object)) { GST_OBJECT_LOCK(object_); }
  ~ObjectLock() { GST_OBJECT_UNLOCK(object_); }
  ObjectLock(const ObjectLock&) = delete;
  ObjectLock& operator=(const ObjectLock&) = delete;

 private:
  GstObject* object_;
};

struct State {
  DetectConfig config;                                // under the object lock
  EventSettings event_settings;                       // under the object lock
  bool started = false;                               // under the object lock
  std::vector<std::string> classes;                   // of the bundle in use; under the object lock
  GstClockTime frame_duration = GST_CLOCK_TIME_NONE;  // under the object lock

  // These lock themselves.
  DetectStats stats;
  DetectQos qos;
  EventTracker events;
  ModelSwap swap;
  const std::shared_ptr<DetectSignal> signal = std::make_shared<DetectSignal>();
  std::mutex model;  // held while the element starts or a bundle takes another's place

  std::atomic<bool> in_flight{false};  // started, and frames are pushed by a task of the source pad

  // From start to stop, in the streaming thread.
  std::unique_ptr<DetectQueue> queue;
  std::unique_ptr<DetectOutput> output;
  GstVideoInfo info;
  bool have_info = false;
  CapsWarnings warned;
};

}  // namespace

struct _GstAnomalyDetect {
  GstBaseTransform parent;
  State* state;
};

#define gst_anomaly_detect_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE(GstAnomalyDetect, gst_anomaly_detect, GST_TYPE_BASE_TRANSFORM,
                        G_IMPLEMENT_INTERFACE(GST_TYPE_PRESET, anomaly::init_preset_interface))
GST_ELEMENT_REGISTER_DEFINE(anomalydetect, "anomalydetect", GST_RANK_NONE, GST_TYPE_ANOMALY_DETECT)

static DetectConfig config_now(GstAnomalyDetect* self) {
  const ObjectLock lock(self);
  return self->state->config;
}

static EventSettings event_settings_now(GstAnomalyDetect* self) {
  const ObjectLock lock(self);
  return self->state->event_settings;
}

// Waits until every frame inside has left, so that what comes after them in the stream leaves after them.
static GstFlowReturn drain(GstAnomalyDetect* self) {
  return self->state->in_flight ? self->state->queue->wait_until_empty() : GST_FLOW_OK;
}

// What the properties say of regions is looked at here, and from now on when they are set. Throws Error.
static void start_regions(GstAnomalyDetect* self, anomaly::RegionConfig regions,
                          const std::vector<std::string>& classes) {
  State& state = *self->state;
  for (;;) {
    anomaly::check_classes(regions, classes);
    anomaly::check_mask(regions);
    const ObjectLock lock(self);
    if (state.config.regions.same_texts(regions)) {
      state.config.regions = std::move(regions);
      state.classes = classes;
      state.started = true;
      return;
    }
    regions = state.config.regions;  // set meanwhile
  }
}

// A running element keeps what it had where the new text cannot be used, and warns.
static void set_region_property(GstAnomalyDetect* self, guint id, const GValue* value) {
  State& state = *self->state;
  anomaly::RegionConfig regions;
  std::vector<std::string> classes;
  {
    const ObjectLock lock(self);
    if (!state.started) {
      anomaly::set_region_property(state.config.regions, id, value);
      return;
    }
    regions = state.config.regions;
    classes = state.classes;
  }
  anomaly::set_region_property(regions, id, value);
  try {
    if (id == anomaly::PROP_CLASSES)
      anomaly::check_classes(regions, classes);
    else
      anomaly::check_mask(regions);
  } catch (...) {
    anomaly::post_warning(GST_ELEMENT(self), std::current_exception(), "What was set before stays in force.");
    return;
  }
  const ObjectLock lock(self);
  anomaly::take_region_property(state.config.regions, id, regions);
}

static gboolean gst_anomaly_detect_start(GstBaseTransform* trans) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  State& state = *self->state;
  std::exception_ptr failure;
  try {
    const std::lock_guard<std::mutex> model_lock(state.model);
    DetectConfig config = config_now(self);
    auto model = anomaly::open_detect_model(config);
    const anomaly::ModelInfo info = model->engine->model();
    GST_INFO_OBJECT(self, "bundle \"%s\" (%s) on %s; licence of its weights: %s", info.name.c_str(),
                    info.path.c_str(), info.device.c_str(), info.license.c_str());
    state.queue =
        std::make_unique<DetectQueue>(std::move(model), config.max_in_flight, state.signal, state.stats);
    state.output = std::make_unique<DetectOutput>(GST_ELEMENT(self), GST_BASE_TRANSFORM_SRC_PAD(self),
                                                  *state.queue, state.stats, state.events,
                                                  [self] { return event_settings_now(self); });
    state.in_flight = config.max_in_flight > 1;
    state.swap.start(config);
    start_regions(self, config.regions, info.classes);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    state.in_flight = false;
    state.output.reset();
    state.queue.reset();
    anomaly::post_failure(GST_ELEMENT(self), failure);
    return FALSE;
  }
  state.have_info = false;
  state.warned = {};
  state.qos.reset();
  state.events.reset();
  state.signal->interrupt(false);
  if (state.in_flight) state.output->start_task();
  return TRUE;
}

static gboolean gst_anomaly_detect_stop(GstBaseTransform* trans) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  State& state = *self->state;
  GST_OBJECT_LOCK(self);
  state.started = false;
  state.frame_duration = GST_CLOCK_TIME_NONE;
  GST_OBJECT_UNLOCK(self);
  state.swap.stop();
  if (state.in_flight) {
    state.signal->interrupt(true);
    state.output->stop_task();
  }
  state.output->end_event("stop");
  state.in_flight = false;
  state.output.reset();
  state.queue.reset();
  return TRUE;
}

static gboolean gst_anomaly_detect_set_caps(GstBaseTransform* trans, GstCaps* incaps,
                                            [[maybe_unused]] GstCaps* outcaps) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  State& state = *self->state;
  state.have_info = gst_video_info_from_caps(&state.info, incaps);
  if (!state.have_info) {
    GST_ERROR_OBJECT(self, "these caps do not describe video: %" GST_PTR_FORMAT, incaps);
    return FALSE;
  }
  state.have_info = anomaly::check_caps(GST_ELEMENT(self), state.info, state.warned);
  if (!state.have_info) return FALSE;
  if (state.queue) state.queue->forget();
  const gint n = GST_VIDEO_INFO_FPS_N(&state.info), d = GST_VIDEO_INFO_FPS_D(&state.info);
  GST_OBJECT_LOCK(self);
  state.frame_duration = n > 0 && d > 0 ? gst_util_uint64_scale_int(GST_SECOND, d, n) : GST_CLOCK_TIME_NONE;
  GST_OBJECT_UNLOCK(self);
  return TRUE;
}

// Whether quality of service lets this frame pass without being computed; tells the application then.
static bool is_late(GstAnomalyDetect* self, GstBuffer* buffer, const FrameTimes& times) {
  DetectQos& qos = self->state->qos;
  GstMessage* message = gst_base_transform_is_qos_enabled(GST_BASE_TRANSFORM(self))
                            ? qos.late(GST_OBJECT(self), times.running, times.stream, buffer)
                            : nullptr;
  if (!message) {
    qos.in_time();
    return false;
  }
  gst_element_post_message(GST_ELEMENT(self), message);
  return true;
}

// Reads the frame and queues it. Takes `buffer` over.
static GstFlowReturn take_frame(GstAnomalyDetect* self, GstBuffer* buffer) {
  State& state = *self->state;
  const GstSegment& segment = GST_BASE_TRANSFORM(self)->segment;
  try {
    if (auto model = state.swap.take()) {
      GST_INFO_OBJECT(self, "bundle \"%s\" (%s) from here on", model->name,
                      model->engine->model().path.c_str());
      {
        const ObjectLock lock(self);
        state.classes = model->engine->model().classes;
      }
      state.queue->set_model(std::move(model));
    }
    // A gap holds no picture.
    if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP)) {
      state.queue->push_untouched(std::exchange(buffer, nullptr));
      return GST_FLOW_OK;
    }
    FrameTimes times;
    if (segment.format == GST_FORMAT_TIME) {
      times.running = gst_segment_to_running_time(&segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
      times.stream = gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    }
    const bool late = state.queue->can_repeat() && is_late(self, buffer, times);
    const DetectConfig config = config_now(self);
    const anomaly::MappedFrame frame(state.info, buffer);
    state.queue->push(std::exchange(buffer, nullptr), frame.view(), config, times, late);
    return GST_FLOW_OK;
  } catch (...) {
    if (buffer) gst_buffer_unref(buffer);
    anomaly::post_failure(GST_ELEMENT(self), std::current_exception());
    return GST_FLOW_ERROR;
  }
}

static GstFlowReturn gst_anomaly_detect_submit_input_buffer(GstBaseTransform* trans, gboolean is_discont,
                                                            GstBuffer* input) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  State& state = *self->state;
  // Renegotiates. It drops no late frames: it never hears of lateness.
  GstFlowReturn flow = GST_BASE_TRANSFORM_CLASS(parent_class)->submit_input_buffer(trans, is_discont, input);
  if (flow != GST_FLOW_OK || !trans->queued_buf) return flow;
  GstBuffer* buffer = std::exchange(trans->queued_buf, nullptr);
  flow = state.have_info && state.queue ? state.queue->wait_for_room() : GST_FLOW_NOT_NEGOTIATED;
  if (flow != GST_FLOW_OK) {
    gst_buffer_unref(buffer);
    return flow;
  }
  // For position queries. Where frames leave from here the base class keeps it.
  if (state.in_flight && trans->segment.format == GST_FORMAT_TIME && GST_BUFFER_PTS_IS_VALID(buffer))
    trans->segment.position = GST_BUFFER_PTS(buffer);
  return take_frame(self, buffer);
}

static GstFlowReturn gst_anomaly_detect_generate_output(GstBaseTransform* trans, GstBuffer** out) {
  State& state = *GST_ANOMALY_DETECT(trans)->state;
  if (state.in_flight) {
    *out = nullptr;
    return state.queue->wait_for_room();
  }
  const GstFlowReturn flow = state.output->next(false, out);
  state.queue->left(flow);
  return flow;
}

static gboolean gst_anomaly_detect_sink_event(GstBaseTransform* trans, GstEvent* event) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  State& state = *self->state;
  const GstEventType type = GST_EVENT_TYPE(event);
  const auto forward = [&] { return GST_BASE_TRANSFORM_CLASS(parent_class)->sink_event(trans, event); };
  if (type == GST_EVENT_FLUSH_START) {
    // From any thread, while the element may be stopping in another.
    state.signal->interrupt(true);
    const gboolean taken = forward();
    if (state.in_flight) gst_pad_pause_task(GST_BASE_TRANSFORM_SRC_PAD(trans));
    return taken;
  }
  if (!state.queue) return forward();  // stopped
  switch (type) {
    case GST_EVENT_FLUSH_STOP: {
      state.queue->clear();
      state.qos.reset();
      state.output->end_event("flush");
      const gboolean taken = forward();
      state.signal->interrupt(false);
      if (state.in_flight) state.output->start_task();
      return taken;
    }
    case GST_EVENT_STREAM_START:
    case GST_EVENT_SEGMENT:
      drain(self);
      // What comes may be far from what went: no map of before may stand on it.
      state.queue->forget();
      state.output->end_event(type == GST_EVENT_SEGMENT ? "segment" : "stream-start");
      if (state.queue->resume() && state.in_flight) state.output->start_task();
      return forward();
    case GST_EVENT_EOS: {
      // No frame comes any more that could take this upstream.
      const GstFlowReturn flow = drain(self);
      if (flow == GST_FLOW_NOT_LINKED || flow == GST_FLOW_NOT_NEGOTIATED) GST_ELEMENT_FLOW_ERROR(self, flow);
      state.output->end_event("eos");
      return forward();
    }
    default:
      if (gst_event_type_get_flags(type) & GST_EVENT_TYPE_SERIALIZED) drain(self);
      return forward();
  }
}

static gboolean gst_anomaly_detect_src_event(GstBaseTransform* trans, GstEvent* event) {
  if (GST_EVENT_TYPE(event) != GST_EVENT_QOS)
    return GST_BASE_TRANSFORM_CLASS(parent_class)->src_event(trans, event);
  // Not for the base class, which would drop late frames.
  GST_ANOMALY_DETECT(trans)->state->qos.update(event);
  return gst_pad_push_event(GST_BASE_TRANSFORM_SINK_PAD(trans), event);
}

// Raw video is pushed. The pad's task, where there is one, ends with the pad.
static gboolean gst_anomaly_detect_src_activate_mode([[maybe_unused]] GstPad* pad, GstObject* parent,
                                                     GstPadMode mode, gboolean active) {
  State& state = *GST_ANOMALY_DETECT(parent)->state;
  if (mode != GST_PAD_MODE_PUSH) return FALSE;
  if (active && state.queue) state.queue->reopen();
  state.signal->interrupt(!active);
  if (!state.in_flight) return TRUE;
  if (active)
    state.output->start_task();
  else
    state.output->stop_task();
  return TRUE;
}

static gboolean gst_anomaly_detect_query(GstBaseTransform* trans, GstPadDirection direction,
                                         GstQuery* query) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  const DetectStats& stats = self->state->stats;
  if (direction == GST_PAD_SRC && GST_QUERY_TYPE(query) == GST_QUERY_LATENCY) {
    GST_OBJECT_LOCK(self);
    const GstClockTime frame_duration = self->state->frame_duration;
    GST_OBJECT_UNLOCK(self);
    return anomaly::answer_latency(trans, query, stats.latency(), stats.max_latency(frame_duration));
  }
  if (direction == GST_PAD_SRC && GST_QUERY_TYPE(query) == GST_QUERY_SCHEDULING) {
    anomaly::answer_scheduling(query);
    return TRUE;
  }
  if (direction == GST_PAD_SINK &&
      (gst_query_type_get_flags(GST_QUERY_TYPE(query)) & GST_QUERY_TYPE_SERIALIZED))
    drain(self);
  return GST_BASE_TRANSFORM_CLASS(parent_class)->query(trans, direction, query);
}

static gboolean gst_anomaly_detect_propose_allocation(GstBaseTransform* trans,
                                                      [[maybe_unused]] GstQuery* decide_query,
                                                      GstQuery* query) {
  const int in_flight = config_now(GST_ANOMALY_DETECT(trans)).max_in_flight;
  anomaly::answer_allocation(trans, query, static_cast<guint>(in_flight - 1));
  return TRUE;
}

static GstStateChangeReturn gst_anomaly_detect_change_state(GstElement* element, GstStateChange transition) {
  // The streaming thread may wait for a result: it must be out before the pads can be stopped.
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    GST_ANOMALY_DETECT(element)->state->signal->interrupt(true);
  return GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
}

// Loads another bundle in the calling thread, while frames flow; the next frame uses it. One that cannot be
// used is a warning, and what was there before stays. False where the element has not started.
static bool swap_model(GstAnomalyDetect* self, const GValue* value) {
  State& state = *self->state;
  std::exception_ptr failure;
  {
    const std::lock_guard<std::mutex> model_lock(state.model);
    GST_OBJECT_LOCK(self);
    const bool started = state.started;
    GST_OBJECT_UNLOCK(self);
    if (!started) return false;
    const gchar* path = g_value_get_string(value);
    try {
      if (!state.swap.offer(path ? path : "", config_now(self).regions)) return false;
      std::string problem;
      const ObjectLock lock(self);
      anomaly::set_detect_property(state.config, anomaly::PROP_MODEL, value, problem);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (failure)
    anomaly::post_warning(GST_ELEMENT(self), failure, "The bundle that was in use before stays in use.");
  return true;
}

static void gst_anomaly_detect_set_property(GObject* object, guint id, const GValue* value,
                                            GParamSpec* pspec) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(object);
  try {
    if (id == anomaly::PROP_MODEL && swap_model(self, value)) return;
    if (id == anomaly::PROP_IGNORE_MASK || id == anomaly::PROP_CLASSES) {
      set_region_property(self, id, value);
      return;
    }
    std::string problem;
    bool known = false, running = false;
    {
      const ObjectLock lock(self);
      DetectConfig& config = self->state->config;
      known = anomaly::set_detect_property(config, id, value, problem) ||
              anomaly::set_event_property(self->state->event_settings, id, value);
      // A running element keeps the region that it had and warns; one that is not refuses to start.
      running = self->state->started;
      if (running) config.roi_problem.clear();
    }
    if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    if (running && !problem.empty())
      GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS, ("%s", problem.c_str()), (nullptr));
  } catch (...) {
    anomaly::post_failure(GST_ELEMENT(self), std::current_exception());
  }
}

static void gst_anomaly_detect_get_property(GObject* object, guint id, GValue* value, GParamSpec* pspec) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(object);
  if (id == anomaly::PROP_STATS) {
    g_value_take_boxed(value, self->state->stats.to_structure());
    return;
  }
  GST_OBJECT_LOCK(self);
  const bool known = anomaly::get_detect_property(self->state->config, id, value) ||
                     anomaly::get_event_property(self->state->event_settings, id, value) ||
                     anomaly::get_region_property(self->state->config.regions, id, value);
  GST_OBJECT_UNLOCK(self);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_anomaly_detect_finalize(GObject* object) {
  delete GST_ANOMALY_DETECT(object)->state;
  G_OBJECT_CLASS(parent_class)->finalize(object);
}

static void gst_anomaly_detect_class_init(GstAnomalyDetectClass* klass) {
  GObjectClass* object_class = G_OBJECT_CLASS(klass);
  GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass* trans_class = GST_BASE_TRANSFORM_CLASS(klass);
  GST_DEBUG_CATEGORY_INIT(gst_anomaly_detect_debug, "anomalydetect", 0, "Anomaly detection in video frames");

  object_class->set_property = gst_anomaly_detect_set_property;
  object_class->get_property = gst_anomaly_detect_get_property;
  object_class->finalize = gst_anomaly_detect_finalize;
  anomaly::install_detect_properties(object_class);
  anomaly::install_event_properties(object_class);
  anomaly::install_region_properties(object_class);

  GstCaps* caps = anomaly::supported_caps();
  gst_element_class_add_pad_template(element_class,
                                     gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template(element_class,
                                     gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref(caps);
  gst_element_class_set_static_metadata(
      element_class, "Anomaly detector", "Filter/Analyzer/Video",
      "Finds what does not belong on the road in driving video and attaches it as metadata",
      "The gst-anomaly authors");
  element_class->change_state = gst_anomaly_detect_change_state;

  trans_class->start = gst_anomaly_detect_start;
  trans_class->stop = gst_anomaly_detect_stop;
  trans_class->set_caps = gst_anomaly_detect_set_caps;
  trans_class->submit_input_buffer = gst_anomaly_detect_submit_input_buffer;
  trans_class->generate_output = gst_anomaly_detect_generate_output;
  trans_class->sink_event = gst_anomaly_detect_sink_event;
  trans_class->src_event = gst_anomaly_detect_src_event;
  trans_class->query = gst_anomaly_detect_query;
  trans_class->propose_allocation = gst_anomaly_detect_propose_allocation;
}

static void gst_anomaly_detect_init(GstAnomalyDetect* self) {
  self->state = new State;
  // A class without transform functions runs in passthrough: caps, pools and buffers are the neighbours' own.
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), TRUE);
  gst_pad_set_activatemode_function(GST_BASE_TRANSFORM_SRC_PAD(self), gst_anomaly_detect_src_activate_mode);
}
