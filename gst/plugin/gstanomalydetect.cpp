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

#include <memory>
#include <mutex>
#include <utility>

#include "gst/plugin/gstanomalydetectcaps.h"
#include "gst/plugin/gstanomalydetectdevice.h"
#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/gstanomalydetectpreset.h"
#include "gst/plugin/gstanomalydetectproperties.h"
#include "gst/plugin/gstanomalydetectquery.h"
#include "gst/plugin/gstanomalydetectstate.h"

GST_DEBUG_CATEGORY_STATIC(gst_anomaly_detect_debug);
#define GST_CAT_DEFAULT gst_anomaly_detect_debug

using anomaly::config_now;
using anomaly::DetectConfig;
using anomaly::DetectOutput;
using anomaly::DetectQos;
using anomaly::DetectQueue;
using anomaly::DetectStats;
using anomaly::FrameTimes;
using anomaly::ObjectLock;
using State = anomaly::DetectState;

#define gst_anomaly_detect_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE(GstAnomalyDetect, gst_anomaly_detect, GST_TYPE_BASE_TRANSFORM,
                        G_IMPLEMENT_INTERFACE(GST_TYPE_PRESET, anomaly::init_preset_interface))
GST_ELEMENT_REGISTER_DEFINE(anomalydetect, "anomalydetect", GST_RANK_NONE, GST_TYPE_ANOMALY_DETECT)

// Waits until every frame inside has left, so that what comes after them in the stream leaves after them.
static GstFlowReturn drain(GstAnomalyDetect* self) {
  return self->state->in_flight ? self->state->queue->wait_until_empty() : GST_FLOW_OK;
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
                                                  *state.queue, state.stats, state.qos, state.events,
                                                  [self] { return anomaly::event_settings_now(self); });
    state.in_flight = config.max_in_flight > 1;
    state.device = config.device;
    state.swap.start(config);
    anomaly::start_regions(self, config.regions, info.classes);
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
  anomaly::share_context(self);
  state.have_info = false;
  state.warned = {};
  state.qos.reset();
  state.lateness.ask_again();
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
  state.cuda.forget();
  state.on_gpu = false;
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
  state.kind = anomaly::buffer_kind(incaps);
  state.have_info = anomaly::check_device(self, state.kind) &&
                    anomaly::check_caps(GST_ELEMENT(self), state.info, state.warned);
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
    anomaly::FrameBudget budget;
    budget.late = late;
    if (GST_CLOCK_TIME_IS_VALID(config.streams.max_latency)) {
      const auto lateness =
          state.lateness.of(GST_ELEMENT(self), GST_BASE_TRANSFORM_SINK_PAD(self), times.running);
      if (lateness) {
        budget.max_latency = config.streams.max_latency;
        budget.lateness = *lateness;
      }
    }
    const auto frame = anomaly::map_for_engine(self, buffer);
    state.queue->push(std::exchange(buffer, nullptr), frame->pictures(), config, times, budget);
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
  if (GST_EVENT_TYPE(event) == GST_EVENT_LATENCY) GST_ANOMALY_DETECT(trans)->state->lateness.ask_again();
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
  if (GST_QUERY_TYPE(query) == GST_QUERY_CONTEXT && self->state->cuda.answer(query)) return TRUE;
  if (direction == GST_PAD_SRC && GST_QUERY_TYPE(query) == GST_QUERY_SCHEDULING) {
    anomaly::answer_scheduling(query);
    return TRUE;
  }
  if (direction == GST_PAD_SINK && GST_QUERY_TYPE(query) == GST_QUERY_CAPS) {
    if (!GST_BASE_TRANSFORM_CLASS(parent_class)->query(trans, direction, query)) return FALSE;
    GstCaps* caps = nullptr;
    gst_query_parse_caps_result(query, &caps);
    caps = anomaly::prefer_device(self, gst_caps_ref(caps));
    gst_query_set_caps_result(query, caps);
    gst_caps_unref(caps);
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
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  const auto held = static_cast<guint>(config_now(self).max_in_flight - 1);
  anomaly::answer_allocation(trans, query, held);
  anomaly::offer_device_pool(self, query, held);
  return TRUE;
}

static void gst_anomaly_detect_set_context(GstElement* element, GstContext* context) {
  GST_ANOMALY_DETECT(element)->state->cuda.offer(context);
  GST_ELEMENT_CLASS(parent_class)->set_context(element, context);
}

static GstStateChangeReturn gst_anomaly_detect_change_state(GstElement* element, GstStateChange transition) {
  // The streaming thread may wait for a result: it must be out before the pads can be stopped.
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    GST_ANOMALY_DETECT(element)->state->signal->interrupt(true);
  return GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
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

  object_class->finalize = gst_anomaly_detect_finalize;
  anomaly::install_properties(object_class);

  GstCaps* caps = anomaly::supported_memory_caps();
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
  element_class->set_context = gst_anomaly_detect_set_context;

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
  self->state = new State(GST_ELEMENT(self));
  self->state->config.streams.caller = anomaly::new_caller();
  // A class without transform functions runs in passthrough: caps, pools and buffers are the neighbours' own.
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), TRUE);
  gst_pad_set_activatemode_function(GST_BASE_TRANSFORM_SRC_PAD(self), gst_anomaly_detect_src_activate_mode);
}
