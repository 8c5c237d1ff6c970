// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalypublish
 * @title: anomalypublish
 *
 * Passes frames on untouched and tells of each in one line of JSON: its times, and what #GstAnomalyMeta says
 * of it. The lines go to a file, to standard output, or to an MQTT or Kafka broker.
 *
 * ## Examples
 * |[
 * gst-launch-1.0 filesrc location=drive.mp4 ! decodebin ! videoconvert ! anomalydetect !
 *     anomalypublish location=drive.jsonl ! fakesink
 * gst-launch-1.0 v4l2src ! videoconvert ! anomalydetect !
 *     anomalypublish location=mqtts://broker.example/cars/7 user-id=car7 user-pw=secret ! fakesink
 * ]|
 */
#include "gst/plugin/gstanomalypublish.h"

#include <atomic>
#include <cerrno>
#include <exception>
#include <memory>
#include <string>

#include "gst/lib/gstanomalymeta.h"
#include "gst/plugin/brokerlink.h"
#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/gstanomalypublishconfig.h"
#include "gst/plugin/jsonline.h"
#include "gst/plugin/linewriter.h"
#include "gst/plugin/lockedproperties.h"
#include "gst/plugin/objectlock.h"
#include "gst/plugin/publishdebug.h"

GST_DEBUG_CATEGORY(anomalypublish_debug);

namespace anomaly {
namespace {

constexpr const char* kStandardOutput = "-";

struct Publisher {
  // Under the object lock.
  PublishConfig config;
  std::shared_ptr<PublishQueue> queue;  // of this run or, for `stats`, the last; null for files

  // Of the streaming thread and of changes of state.
  LineWriter writer;  // its interrupt(): any thread
  PublishTarget target;
  std::unique_ptr<BrokerLink> link;  // null for files
  GstClockTime drain_timeout = 0;
  bool drained = false;  // the end of the stream has waited already
  guint64 frames = 0;
  gint width = 0, height = 0;
  std::atomic<guint64> written = 0;  // lines, to a file
};

}  // namespace
}  // namespace anomaly

using anomaly::ObjectLock;

struct _GstAnomalyPublish {
  GstBaseTransform parent;
  anomaly::Publisher* own;
};

G_DEFINE_TYPE(GstAnomalyPublish, gst_anomaly_publish, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(anomalypublish, "anomalypublish", GST_RANK_NONE,
                                      GST_TYPE_ANOMALY_PUBLISH,
                                      GST_DEBUG_CATEGORY_INIT(anomalypublish_debug, "anomalypublish", 0,
                                                              "Anomalies as JSON Lines"))

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw(ANY)"));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw(ANY)"));

// Any thread.
static std::shared_ptr<anomaly::PublishQueue> queue_of(GstAnomalyPublish* self) {
  const ObjectLock lock(self);
  return self->own->queue;
}

static void interrupt(GstAnomalyPublish* self, bool on) {
  self->own->writer.interrupt(on);
  if (const auto queue = queue_of(self)) queue->interrupt(on);
}

static void post_news(GstAnomalyPublish* self, const std::string& broker, anomaly::BrokerNews news,
                      const std::string& reason) {
  const char* where = broker.c_str();
  const char* why = reason.c_str();
  switch (news) {
    case anomaly::BrokerNews::Connected:
      GST_ELEMENT_INFO(self, RESOURCE, OPEN_WRITE, ("Connected to %s again.", where), (nullptr));
      break;
    case anomaly::BrokerNews::Lost:
      GST_ELEMENT_WARNING(
          self, RESOURCE, OPEN_WRITE,
          ("No connection to %s: %s. It is tried again; lines wait in the queue.", where, why), (nullptr));
      break;
    case anomaly::BrokerNews::Refused:
      GST_ELEMENT_WARNING(self, RESOURCE, WRITE, ("%s does not take a line: %s.", where, why), (nullptr));
      break;
    case anomaly::BrokerNews::Unauthorized:
      GST_ELEMENT_ERROR(self, RESOURCE, NOT_AUTHORIZED,
                        ("%s refuses access: %s. Check user-id and user-pw.", where, why), (nullptr));
      break;
    case anomaly::BrokerNews::Failed:
      GST_ELEMENT_ERROR(self, RESOURCE, OPEN_WRITE, ("Could not publish to %s: %s.", where, why), (nullptr));
      break;
  }
}

static bool start_file(GstAnomalyPublish* self, bool append) {
  anomaly::LineWriter& writer = self->own->writer;
  const char* location = self->own->target.location.c_str();
  const int error = writer.open(location, append);
  if (error != 0)
    GST_ELEMENT_ERROR(self, RESOURCE, OPEN_WRITE,
                      ("Could not open \"%s\" for writing: %s.", location, g_strerror(error)), (nullptr));
  else if (writer.waits_for_reader())
    GST_ELEMENT_INFO(self, RESOURCE, OPEN_WRITE, ("Waiting for somebody to read the pipe \"%s\".", location),
                     (nullptr));
  return error == 0;
}

static bool start_broker(GstAnomalyPublish* self, const anomaly::PublishConfig& config) {
  const anomaly::BrokerSettings settings = {self->own->target, config.user, config.password, config.ca_file};
  const std::string problem = anomaly::broker_problem(settings);
  if (!problem.empty()) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS,
                      ("Could not publish to %s: %s.", settings.target.location.c_str(), problem.c_str()),
                      (nullptr));
    return false;
  }
  auto queue = std::make_shared<anomaly::PublishQueue>(config.queue_size, config.policy);
  {
    const ObjectLock lock(self);
    self->own->queue = queue;
  }
  self->own->drain_timeout = config.drain_timeout;
  self->own->drained = false;
  // The link ends before the element does.
  self->own->link = std::make_unique<anomaly::BrokerLink>(
      settings, std::move(queue),
      [self, broker = settings.target.location](anomaly::BrokerNews news, const std::string& reason) {
        post_news(self, broker, news, reason);
      });
  return true;
}

static bool start(GstAnomalyPublish* self) {
  anomaly::Publisher* own = self->own;
  anomaly::PublishConfig config;
  {
    const ObjectLock lock(self);
    config = own->config;
    own->queue.reset();
  }
  own->frames = 0;
  own->written = 0;
  own->writer.interrupt(false);
  std::string problem;
  if (!anomaly::parse_publish_target(config.location, &own->target, &problem)) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS,
                      ("Could not publish to \"%s\": %s.", own->target.location.c_str(), problem.c_str()),
                      (nullptr));
    return false;
  }
  return own->target.kind == anomaly::PublishTarget::Kind::File ? start_file(self, config.append)
                                                                : start_broker(self, config);
}

static gboolean gst_anomaly_publish_start(GstBaseTransform* trans) {
  try {
    return start(GST_ANOMALY_PUBLISH(trans));
  } catch (...) {
    anomaly::post_failure(GST_ELEMENT(trans), std::current_exception());
    return FALSE;
  }
}

static void warn_of_undelivered(GstAnomalyPublish* self, const char* when) {
  const guint left = self->own->queue->stats().queued;
  GST_ELEMENT_WARNING(
      self, RESOURCE, WRITE,
      ("Lines that were not delivered to %s %s: %u.", self->own->target.location.c_str(), when, left),
      (nullptr));
}

static gboolean gst_anomaly_publish_stop(GstBaseTransform* trans) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(trans);
  anomaly::Publisher* own = self->own;
  own->writer.close();
  if (own->link) {
    if (!own->queue->drain(own->drained ? 0 : own->drain_timeout, false))
      warn_of_undelivered(self, "and are lost with the stop");
    own->link.reset();
  }
  return TRUE;
}

static gboolean gst_anomaly_publish_set_caps(GstBaseTransform* trans, GstCaps* incaps,
                                             [[maybe_unused]] GstCaps* outcaps) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(trans);
  // Not GstVideoInfo: it does not know every memory kind's formats.
  const GstStructure* structure = gst_caps_get_structure(incaps, 0);
  if (gst_structure_get_int(structure, "width", &self->own->width) &&
      gst_structure_get_int(structure, "height", &self->own->height))
    return TRUE;
  GST_WARNING_OBJECT(self, "caps without width and height: %" GST_PTR_FORMAT, incaps);
  return FALSE;
}

static void end_of_stream(GstAnomalyPublish* self) {
  anomaly::Publisher* own = self->own;
  if (!own->link || own->drained) return;
  own->drained = true;
  if (!own->queue->drain(own->drain_timeout, true)) warn_of_undelivered(self, "by the end of the stream");
}

static gboolean gst_anomaly_publish_sink_event(GstBaseTransform* trans, GstEvent* event) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(trans);
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START:
      interrupt(self, true);
      break;
    case GST_EVENT_FLUSH_STOP:
      interrupt(self, false);
      break;
    case GST_EVENT_EOS:
      end_of_stream(self);
      break;
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_publish_parent_class)->sink_event(trans, event);
}

static GstStateChangeReturn gst_anomaly_publish_change_state(GstElement* element, GstStateChange transition) {
  // A reader or broker that is slow or stuck must not keep the pipeline from stopping.
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) interrupt(GST_ANOMALY_PUBLISH(element), true);
  return GST_ELEMENT_CLASS(gst_anomaly_publish_parent_class)->change_state(element, transition);
}

// For messages.
static std::string target(GstAnomalyPublish* self) {
  const std::string& location = self->own->target.location;
  return location == anomaly::kStandardOutput ? "standard output" : "\"" + location + "\"";
}

static void post_write_error(GstAnomalyPublish* self, int error) {
  const std::string path = target(self);
  if (error == ENOSPC || error == EDQUOT) {
    GST_ELEMENT_ERROR(self, RESOURCE, NO_SPACE_LEFT, ("No space left for %s.", path.c_str()),
                      ("%s", g_strerror(error)));
  } else if (error == EPIPE) {
    GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("Nobody reads %s any more.", path.c_str()),
                      ("%s", g_strerror(error)));
  } else {
    GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("Could not write to %s: %s.", path.c_str(), g_strerror(error)),
                      (nullptr));
  }
}

static GstFlowReturn publish_line(GstAnomalyPublish* self, const anomaly::FrameFacts& frame,
                                  const GstAnomalyMeta* meta) {
  anomaly::Publisher* own = self->own;
  std::string line = anomaly::json_line(frame, meta);
  if (own->link) {
    line.pop_back();  // a message is an object, without the newline
    own->drained = false;
    switch (own->queue->push(frame.stream, std::move(line))) {
      case anomaly::PublishQueue::Outcome::Ok:
        return GST_FLOW_OK;
      case anomaly::PublishQueue::Outcome::Interrupted:
        return GST_FLOW_FLUSHING;
      default:
        return GST_FLOW_ERROR;  // the network thread has said why
    }
  }
  int error = 0;
  switch (own->writer.write(line, &error)) {
    case anomaly::LineWriter::Outcome::Ok:
      ++own->written;
      return GST_FLOW_OK;
    case anomaly::LineWriter::Outcome::Interrupted:
      return GST_FLOW_FLUSHING;
    default:
      post_write_error(self, error);
      return GST_FLOW_ERROR;
  }
}

static GstFlowReturn publish(GstAnomalyPublish* self, GstBuffer* buffer) {
  anomaly::Publisher* own = self->own;
  const GstSegment& segment = GST_BASE_TRANSFORM(self)->segment;
  anomaly::FrameFacts frame;
  {
    const ObjectLock lock(self);
    frame.stream = own->config.stream ? *own->config.stream : GST_OBJECT_NAME(self);
  }
  frame.frame = own->frames++;
  frame.pts = GST_BUFFER_PTS(buffer);
  if (segment.format == GST_FORMAT_TIME)
    frame.running_time = gst_segment_to_running_time(&segment, GST_FORMAT_TIME, frame.pts);
  frame.width = own->width;
  frame.height = own->height;
  const std::vector<const GstAnomalyMeta*> pictures = anomaly::metas_of_batch(buffer);
  frame.batched = !pictures.empty();
  if (!frame.batched) return publish_line(self, frame, gst_buffer_get_anomaly_meta(buffer));
  GstFlowReturn flow = GST_FLOW_OK;
  for (size_t i = 0; i < pictures.size() && flow == GST_FLOW_OK; ++i)
    flow = publish_line(self, frame, pictures[i]);
  return flow;
}

static GstFlowReturn gst_anomaly_publish_transform_ip(GstBaseTransform* trans, GstBuffer* buffer) {
  try {
    return publish(GST_ANOMALY_PUBLISH(trans), buffer);
  } catch (...) {
    anomaly::post_failure(GST_ELEMENT(trans), std::current_exception());
    return GST_FLOW_ERROR;
  }
}

static GstStructure* stats(GstAnomalyPublish* self) {
  anomaly::PublishQueue::Stats stats;
  if (const auto queue = queue_of(self))
    stats = queue->stats();
  else
    stats.lines = stats.delivered = self->own->written;
  return gst_structure_new("anomalypublish-stats", "lines", G_TYPE_UINT64, stats.lines, "delivered",
                           G_TYPE_UINT64, stats.delivered, "dropped", G_TYPE_UINT64, stats.dropped, "queued",
                           G_TYPE_UINT, stats.queued, "reconnects", G_TYPE_UINT64, stats.reconnects,
                           "connected", G_TYPE_BOOLEAN, static_cast<gboolean>(stats.connected), nullptr);
}

static void gst_anomaly_publish_set_property(GObject* object, guint id, const GValue* value,
                                             GParamSpec* spec) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(object);
  const auto locked = [=] { return id != anomaly::PROP_STREAM && GST_STATE(self) > GST_STATE_READY; };
  anomaly::set_locked_property(object, id, value, spec, self->own->config, anomaly::set_publish_property,
                               locked);
}

static void gst_anomaly_publish_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(object);
  anomaly::get_locked_property(object, id, value, spec, self->own->config, anomaly::get_publish_property,
                               anomaly::PROP_STATS, [self] { return stats(self); });
}

static void gst_anomaly_publish_finalize(GObject* object) {
  delete GST_ANOMALY_PUBLISH(object)->own;
  G_OBJECT_CLASS(gst_anomaly_publish_parent_class)->finalize(object);
}

static void gst_anomaly_publish_init(GstAnomalyPublish* self) {
  self->own = new anomaly::Publisher();
  gst_base_transform_set_passthrough(GST_BASE_TRANSFORM(self), TRUE);
}

static void gst_anomaly_publish_class_init(GstAnomalyPublishClass* klass) {
  GObjectClass* object_class = G_OBJECT_CLASS(klass);
  GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass* transform_class = GST_BASE_TRANSFORM_CLASS(klass);

  object_class->set_property = gst_anomaly_publish_set_property;
  object_class->get_property = gst_anomaly_publish_get_property;
  object_class->finalize = gst_anomaly_publish_finalize;

  anomaly::install_publish_properties(object_class);
  gst_element_class_set_static_metadata(
      element_class, "Anomaly publisher", "Filter/Analyzer/Video",
      "Tells what was found in each frame in a line of JSON, to a file or a broker",
      "The gst-anomaly authors");
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  element_class->change_state = gst_anomaly_publish_change_state;

  transform_class->start = gst_anomaly_publish_start;
  transform_class->stop = gst_anomaly_publish_stop;
  transform_class->set_caps = gst_anomaly_publish_set_caps;
  transform_class->sink_event = gst_anomaly_publish_sink_event;
  transform_class->transform_ip = gst_anomaly_publish_transform_ip;
  transform_class->transform_ip_on_passthrough = TRUE;
}
