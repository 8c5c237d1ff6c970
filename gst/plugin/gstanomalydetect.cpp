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
#include <utility>

#include "gst/plugin/gstanomalydetectconfig.h"
#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/gstanomalydetectframe.h"
#include "gst/plugin/gstanomalydetectqueue.h"
#include "gst/plugin/gstanomalydetectstats.h"
#include "gst/plugin/videoview.h"

GST_DEBUG_CATEGORY_STATIC(gst_anomaly_detect_debug);
#define GST_CAT_DEFAULT gst_anomaly_detect_debug

namespace {

using anomaly::DetectConfig;
using anomaly::DetectQueue;
using anomaly::DetectSignal;
using anomaly::DetectStats;

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
  DetectConfig config;                                                            // under the object lock
  bool started = false;                                                           // under the object lock
  GstClockTime frame_duration = GST_CLOCK_TIME_NONE;                              // under the object lock
  DetectStats stats;                                                              // locks itself
  const std::shared_ptr<DetectSignal> signal = std::make_shared<DetectSignal>();  // locks itself

  // From start to stop, in the streaming thread.
  std::unique_ptr<DetectQueue> queue;
  GstVideoInfo info;
  bool have_info = false;
  GstFlowReturn drained = GST_FLOW_OK;  // what a drain outside of a frame's own push came to
};

}  // namespace

struct _GstAnomalyDetect {
  GstBaseTransform parent;
  State* state;
};

#define gst_anomaly_detect_parent_class parent_class
G_DEFINE_TYPE(GstAnomalyDetect, gst_anomaly_detect, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE(anomalydetect, "anomalydetect", GST_RANK_NONE, GST_TYPE_ANOMALY_DETECT)

static DetectConfig config_now(GstAnomalyDetect* self) {
  const ObjectLock lock(self);
  return self->state->config;
}

// Ends every catch of this file.
static GstFlowReturn fail(GstAnomalyDetect* self) {
  anomaly::post_failure(GST_ELEMENT(self), std::current_exception());
  if (self->state->queue) self->state->queue->clear();
  return GST_FLOW_ERROR;
}

// The pipeline asks again for latencies when a frame's cost has changed.
static void tell_latency(GstAnomalyDetect* self) {
  if (self->state->stats.latency_changed())
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
}

// Pushes every frame that is queued, so that what comes after them in the stream leaves after them.
static GstFlowReturn drain(GstAnomalyDetect* self) {
  State& state = *self->state;
  GstFlowReturn flow = GST_FLOW_OK;
  while (flow == GST_FLOW_OK && state.queue && state.queue->size() > 0) {
    GstBuffer* buffer = nullptr;
    try {
      flow = state.queue->pop(true, &buffer);
    } catch (...) {
      flow = fail(self);
    }
    tell_latency(self);
    if (buffer) flow = gst_pad_push(GST_BASE_TRANSFORM_SRC_PAD(self), buffer);
  }
  if (flow != GST_FLOW_OK && state.queue) state.queue->clear();
  if (flow != GST_FLOW_OK) state.drained = flow;
  return flow;
}

static gboolean gst_anomaly_detect_start(GstBaseTransform* trans) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  State& state = *self->state;
  try {
    state.queue = std::make_unique<DetectQueue>(config_now(self), state.signal, state.stats);
  } catch (...) {
    fail(self);
    return FALSE;
  }
  const anomaly::ModelInfo& model = state.queue->model();
  GST_INFO_OBJECT(self, "bundle \"%s\" (%s) on %s; licence of its weights: %s", model.name.c_str(),
                  model.path.c_str(), model.device.c_str(), model.license.c_str());
  state.have_info = false;
  state.drained = GST_FLOW_OK;
  state.signal->interrupt(false);
  const ObjectLock lock(self);
  state.started = true;
  return TRUE;
}

static gboolean gst_anomaly_detect_stop(GstBaseTransform* trans) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  GST_OBJECT_LOCK(self);
  self->state->started = false;
  self->state->frame_duration = GST_CLOCK_TIME_NONE;
  GST_OBJECT_UNLOCK(self);
  self->state->queue.reset();
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
  if (state.queue) state.queue->forget();
  const gint n = GST_VIDEO_INFO_FPS_N(&state.info), d = GST_VIDEO_INFO_FPS_D(&state.info);
  GST_OBJECT_LOCK(self);
  state.frame_duration = n > 0 && d > 0 ? gst_util_uint64_scale_int(GST_SECOND, d, n) : GST_CLOCK_TIME_NONE;
  GST_OBJECT_UNLOCK(self);
  return TRUE;
}

// Reads the frame and queues it. Takes `buffer` over.
static GstFlowReturn take_frame(GstAnomalyDetect* self, GstBuffer* buffer) {
  State& state = *self->state;
  try {
    // A gap holds no picture.
    if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP)) {
      GstBuffer* gap = std::exchange(buffer, nullptr);
      state.queue->push_untouched(gap);
      return GST_FLOW_OK;
    }
    const DetectConfig config = config_now(self);
    anomaly::MappedFrame frame(state.info, buffer);
    state.queue->push(std::exchange(buffer, nullptr), frame.view(), config);
    return GST_FLOW_OK;
  } catch (...) {
    if (buffer) gst_buffer_unref(buffer);
    return fail(self);
  }
}

static GstFlowReturn gst_anomaly_detect_submit_input_buffer(GstBaseTransform* trans, gboolean is_discont,
                                                            GstBuffer* input) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  State& state = *self->state;
  if (state.drained != GST_FLOW_OK || (is_discont && drain(self) != GST_FLOW_OK)) {
    gst_buffer_unref(input);
    return std::exchange(state.drained, GST_FLOW_OK);
  }
  // Renegotiates, and drops what is late where quality of service is on.
  const GstFlowReturn flow =
      GST_BASE_TRANSFORM_CLASS(parent_class)->submit_input_buffer(trans, is_discont, input);
  if (flow != GST_FLOW_OK || !trans->queued_buf) return flow;
  GstBuffer* buffer = std::exchange(trans->queued_buf, nullptr);
  if (!state.have_info || !state.queue) {
    gst_buffer_unref(buffer);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  return take_frame(self, buffer);
}

static GstFlowReturn gst_anomaly_detect_generate_output(GstBaseTransform* trans, GstBuffer** out) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  try {
    const GstFlowReturn flow = self->state->queue->pop(false, out);
    tell_latency(self);
    return flow;
  } catch (...) {
    return fail(self);
  }
}

static gboolean gst_anomaly_detect_sink_event(GstBaseTransform* trans, GstEvent* event) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  State& state = *self->state;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START:
      state.signal->interrupt(true);
      break;
    case GST_EVENT_FLUSH_STOP:
      if (state.queue) state.queue->clear();
      state.drained = GST_FLOW_OK;
      state.signal->interrupt(false);
      break;
    case GST_EVENT_STREAM_START:
    case GST_EVENT_SEGMENT:
      drain(self);
      // What comes may be far from what went: no map of before may stand on it.
      if (state.queue) state.queue->forget();
      break;
    default:
      if (gst_event_type_get_flags(GST_EVENT_TYPE(event)) & GST_EVENT_TYPE_SERIALIZED) drain(self);
      break;
  }
  return GST_BASE_TRANSFORM_CLASS(parent_class)->sink_event(trans, event);
}

static gboolean answer_latency(GstAnomalyDetect* self, GstQuery* query) {
  if (!gst_pad_peer_query(GST_BASE_TRANSFORM_SINK_PAD(self), query)) return FALSE;
  gboolean live = FALSE;
  GstClockTime min = 0, max = GST_CLOCK_TIME_NONE;
  gst_query_parse_latency(query, &live, &min, &max);
  GST_OBJECT_LOCK(self);
  const GstClockTime frame_duration = self->state->frame_duration;
  GST_OBJECT_UNLOCK(self);
  const GstClockTime own = self->state->stats.latency(frame_duration);
  min += own;
  if (GST_CLOCK_TIME_IS_VALID(max)) max += own;
  gst_query_set_latency(query, live, min, max);
  GST_DEBUG_OBJECT(self, "latency %" GST_TIME_FORMAT ", %" GST_TIME_FORMAT " of it here", GST_TIME_ARGS(min),
                   GST_TIME_ARGS(own));
  return TRUE;
}

static gboolean gst_anomaly_detect_query(GstBaseTransform* trans, GstPadDirection direction,
                                         GstQuery* query) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  if (direction == GST_PAD_SRC && GST_QUERY_TYPE(query) == GST_QUERY_LATENCY)
    return answer_latency(self, query);
  if (direction == GST_PAD_SINK &&
      (gst_query_type_get_flags(GST_QUERY_TYPE(query)) & GST_QUERY_TYPE_SERIALIZED))
    drain(self);
  return GST_BASE_TRANSFORM_CLASS(parent_class)->query(trans, direction, query);
}

// Buffers pass through, so whoever is downstream may provide them; the element reads any layout that a video
// meta describes, and holds up to max-in-flight of them.
static gboolean gst_anomaly_detect_propose_allocation(GstBaseTransform* trans,
                                                      [[maybe_unused]] GstQuery* decide_query,
                                                      GstQuery* query) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(trans);
  gst_pad_peer_query(GST_BASE_TRANSFORM_SRC_PAD(trans), query);
  GST_OBJECT_LOCK(self);
  const guint held = static_cast<guint>(self->state->config.max_in_flight - 1);
  GST_OBJECT_UNLOCK(self);
  for (guint i = 0; i < gst_query_get_n_allocation_pools(query); ++i) {
    GstBufferPool* pool = nullptr;
    guint size = 0, min = 0, max = 0;
    gst_query_parse_nth_allocation_pool(query, i, &pool, &size, &min, &max);
    min = max ? MIN(min + held, max) : min + held;
    gst_query_set_nth_allocation_pool(query, i, pool, size, min, max);
    if (pool) gst_object_unref(pool);
  }
  if (!gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr))
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
  return TRUE;
}

static GstStateChangeReturn gst_anomaly_detect_change_state(GstElement* element, GstStateChange transition) {
  // The streaming thread may wait for a result: it must be out before the pads can be stopped.
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    GST_ANOMALY_DETECT(element)->state->signal->interrupt(true);
  return GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
}

static void gst_anomaly_detect_set_property(GObject* object, guint id, const GValue* value,
                                            GParamSpec* pspec) {
  GstAnomalyDetect* self = GST_ANOMALY_DETECT(object);
  try {
    std::string problem;
    bool known = false, running = false;
    {
      const ObjectLock lock(self);
      DetectConfig& config = self->state->config;
      known = anomaly::set_detect_property(config, id, value, problem);
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
  const bool known = anomaly::get_detect_property(self->state->config, id, value);
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
  trans_class->query = gst_anomaly_detect_query;
  trans_class->propose_allocation = gst_anomaly_detect_propose_allocation;
}

static void gst_anomaly_detect_init(GstAnomalyDetect* self) {
  self->state = new State;
  // A class without transform functions runs in passthrough: caps, pools and buffers are the neighbours' own.
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), TRUE);
}
