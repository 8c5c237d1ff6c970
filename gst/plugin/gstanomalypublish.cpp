// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalypublish
 * @title: anomalypublish
 *
 * Passes frames on untouched and writes one line of JSON for each: its times, and what #GstAnomalyMeta says
 * of it.
 *
 * ## Example
 * |[
 * gst-launch-1.0 filesrc location=drive.mp4 ! decodebin ! videoconvert ! anomalydetect !
 *     anomalypublish location=drive.jsonl ! fakesink
 * ]|
 */
#include "gst/plugin/gstanomalypublish.h"

#include <cerrno>
#include <exception>
#include <memory>
#include <string>

#include "gst/lib/gstanomalymeta.h"
#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/jsonline.h"
#include "gst/plugin/linewriter.h"

GST_DEBUG_CATEGORY_STATIC(anomalypublish_debug);
#define GST_CAT_DEFAULT anomalypublish_debug

enum { PROP_0, PROP_LOCATION, PROP_STREAM, PROP_APPEND };

constexpr const char* kStandardOutput = "-";

struct _GstAnomalyPublish {
  GstBaseTransform parent;

  // Properties, under the object lock.
  gchar* location;
  gchar* stream;
  gboolean append;

  // Of the streaming thread, but for LineWriter::interrupt.
  anomaly::LineWriter* writer;
  std::string* opened;  // for messages
  guint64 frames;
  gint width, height;
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

static gboolean gst_anomaly_publish_start(GstBaseTransform* trans) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(trans);
  GST_OBJECT_LOCK(self);
  gchar* location = g_strdup(self->location ? self->location : kStandardOutput);
  const bool append = self->append;
  GST_OBJECT_UNLOCK(self);
  self->frames = 0;
  self->writer->interrupt(false);
  int error = 0;
  try {
    *self->opened = location;
    error = self->writer->open(*self->opened, append);
    if (error != 0)
      GST_ELEMENT_ERROR(self, RESOURCE, OPEN_WRITE,
                        ("Could not open \"%s\" for writing: %s.", location, g_strerror(error)), (nullptr));
    else if (self->writer->waits_for_reader())
      GST_ELEMENT_INFO(self, RESOURCE, OPEN_WRITE,
                       ("Waiting for somebody to read the pipe \"%s\".", location), (nullptr));
  } catch (...) {
    anomaly::post_failure(GST_ELEMENT(self), std::current_exception());
    error = ENOMEM;
  }
  g_free(location);
  return error == 0;
}

static gboolean gst_anomaly_publish_stop(GstBaseTransform* trans) {
  GST_ANOMALY_PUBLISH(trans)->writer->close();
  return TRUE;
}

static gboolean gst_anomaly_publish_set_caps(GstBaseTransform* trans, GstCaps* incaps,
                                             [[maybe_unused]] GstCaps* outcaps) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(trans);
  // Not GstVideoInfo: it does not know every memory kind's formats.
  const GstStructure* structure = gst_caps_get_structure(incaps, 0);
  if (gst_structure_get_int(structure, "width", &self->width) &&
      gst_structure_get_int(structure, "height", &self->height))
    return TRUE;
  GST_WARNING_OBJECT(self, "caps without width and height: %" GST_PTR_FORMAT, incaps);
  return FALSE;
}

static gboolean gst_anomaly_publish_sink_event(GstBaseTransform* trans, GstEvent* event) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(trans);
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_START) self->writer->interrupt(true);
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) self->writer->interrupt(false);
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_publish_parent_class)->sink_event(trans, event);
}

static GstStateChangeReturn gst_anomaly_publish_change_state(GstElement* element, GstStateChange transition) {
  // A reader that is slow or stuck must not keep the pipeline from stopping.
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) GST_ANOMALY_PUBLISH(element)->writer->interrupt(true);
  return GST_ELEMENT_CLASS(gst_anomaly_publish_parent_class)->change_state(element, transition);
}

// For messages.
static std::string target(GstAnomalyPublish* self) {
  return *self->opened == kStandardOutput ? "standard output" : "\"" + *self->opened + "\"";
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

static GstFlowReturn publish(GstAnomalyPublish* self, GstBuffer* buffer) {
  const GstSegment& segment = GST_BASE_TRANSFORM(self)->segment;
  anomaly::FrameFacts frame;
  GST_OBJECT_LOCK(self);
  const std::unique_ptr<gchar, decltype(&g_free)> stream(
      g_strdup(self->stream ? self->stream : GST_OBJECT_NAME(self)), g_free);
  GST_OBJECT_UNLOCK(self);
  frame.stream = stream.get();
  frame.frame = self->frames++;
  frame.pts = GST_BUFFER_PTS(buffer);
  if (segment.format == GST_FORMAT_TIME)
    frame.running_time = gst_segment_to_running_time(&segment, GST_FORMAT_TIME, frame.pts);
  frame.width = self->width;
  frame.height = self->height;

  int error = 0;
  const std::string line = anomaly::json_line(frame, gst_buffer_get_anomaly_meta(buffer));
  switch (self->writer->write(line, &error)) {
    case anomaly::LineWriter::Outcome::Ok:
      return GST_FLOW_OK;
    case anomaly::LineWriter::Outcome::Interrupted:
      return GST_FLOW_FLUSHING;
    default:
      post_write_error(self, error);
      return GST_FLOW_ERROR;
  }
}

static GstFlowReturn gst_anomaly_publish_transform_ip(GstBaseTransform* trans, GstBuffer* buffer) {
  try {
    return publish(GST_ANOMALY_PUBLISH(trans), buffer);
  } catch (...) {
    anomaly::post_failure(GST_ELEMENT(trans), std::current_exception());
    return GST_FLOW_ERROR;
  }
}

static void gst_anomaly_publish_set_property(GObject* object, guint id, const GValue* value,
                                             GParamSpec* spec) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(object);
  GST_OBJECT_LOCK(self);
  if (id != PROP_STREAM && GST_STATE(self) > GST_STATE_READY) {
    GST_OBJECT_UNLOCK(self);
    g_warning("anomalypublish: \"%s\" cannot be changed while the file is open", spec->name);
    return;
  }
  switch (id) {
    case PROP_LOCATION:
      g_free(self->location);
      self->location = g_value_dup_string(value);
      break;
    case PROP_STREAM:
      g_free(self->stream);
      self->stream = g_value_dup_string(value);
      break;
    case PROP_APPEND:
      self->append = g_value_get_boolean(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void gst_anomaly_publish_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(object);
  GST_OBJECT_LOCK(self);
  switch (id) {
    case PROP_LOCATION:
      g_value_set_string(value, self->location);
      break;
    case PROP_STREAM:
      g_value_set_string(value, self->stream);
      break;
    case PROP_APPEND:
      g_value_set_boolean(value, self->append);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void gst_anomaly_publish_finalize(GObject* object) {
  GstAnomalyPublish* self = GST_ANOMALY_PUBLISH(object);
  g_free(self->location);
  g_free(self->stream);
  delete self->writer;
  delete self->opened;
  G_OBJECT_CLASS(gst_anomaly_publish_parent_class)->finalize(object);
}

static void gst_anomaly_publish_init(GstAnomalyPublish* self) {
  self->location = g_strdup(kStandardOutput);
  self->writer = new anomaly::LineWriter();
  self->opened = new std::string();
  gst_base_transform_set_passthrough(GST_BASE_TRANSFORM(self), TRUE);
}

static void gst_anomaly_publish_class_init(GstAnomalyPublishClass* klass) {
  GObjectClass* object_class = G_OBJECT_CLASS(klass);
  GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass* transform_class = GST_BASE_TRANSFORM_CLASS(klass);

  object_class->set_property = gst_anomaly_publish_set_property;
  object_class->get_property = gst_anomaly_publish_get_property;
  object_class->finalize = gst_anomaly_publish_finalize;

  const auto flags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  const auto ready = static_cast<GParamFlags>(flags | GST_PARAM_MUTABLE_READY);
  g_object_class_install_property(
      object_class, PROP_LOCATION,
      g_param_spec_string("location", "Location", "File to write to; \"-\" is standard output",
                          kStandardOutput, ready));
  g_object_class_install_property(
      object_class, PROP_STREAM,
      g_param_spec_string("stream", "Stream",
                          "Name of the stream in every line; unset: the element's own name", nullptr,
                          static_cast<GParamFlags>(flags | GST_PARAM_MUTABLE_PLAYING)));
  g_object_class_install_property(
      object_class, PROP_APPEND,
      g_param_spec_boolean("append", "Append", "Add to a file that exists instead of replacing it", FALSE,
                           ready));

  gst_element_class_set_static_metadata(element_class, "Anomaly publisher", "Filter/Analyzer/Video",
                                        "Writes what was found in each frame as a line of JSON",
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
