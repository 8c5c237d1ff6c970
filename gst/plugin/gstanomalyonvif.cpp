// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalyonvif
 * @title: anomalyonvif
 *
 * Makes an ONVIF document, `tt:MetadataStream`, of each frame's #GstAnomalyMeta.
 *
 * ## Example
 * |[
 * gst-launch-1.0 anomalytestsrc ! anomalydetect ! anomalyonvif ! filesink location=drive.xml
 * ]|
 */
#include "gst/plugin/gstanomalyonvif.h"

#include <exception>
#include <string>

#include "gst/lib/gstanomalymeta.h"
#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/onvifdocument.h"

GST_DEBUG_CATEGORY_STATIC(anomalyonvif_debug);
#define GST_CAT_DEFAULT anomalyonvif_debug

struct _GstAnomalyOnvif {
  GstBaseTransform parent;

  // Of the streaming thread.
  gint width, height;
  gint64 utc_offset;  // microseconds: UTC less running time
  bool has_offset;
};

G_DEFINE_TYPE(GstAnomalyOnvif, gst_anomaly_onvif, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(anomalyonvif, "anomalyonvif", GST_RANK_NONE, GST_TYPE_ANOMALY_ONVIF,
                                      GST_DEBUG_CATEGORY_INIT(anomalyonvif_debug, "anomalyonvif", 0,
                                                              "Anomalies as ONVIF documents"))

#define DOCUMENTS "application/x-onvif-metadata, parsed=(boolean)true"
static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw(ANY)"));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(DOCUMENTS));

static gboolean gst_anomaly_onvif_start(GstBaseTransform* trans) {
  GST_ANOMALY_ONVIF(trans)->has_offset = false;
  return TRUE;
}

static GstCaps* gst_anomaly_onvif_transform_caps(GstBaseTransform* trans, GstPadDirection direction,
                                                 [[maybe_unused]] GstCaps* caps, GstCaps* filter) {
  GstPad* other =
      direction == GST_PAD_SINK ? GST_BASE_TRANSFORM_SRC_PAD(trans) : GST_BASE_TRANSFORM_SINK_PAD(trans);
  GstCaps* result = gst_pad_get_pad_template_caps(other);
  if (filter) {
    GstCaps* narrowed = gst_caps_intersect_full(filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(result);
    result = narrowed;
  }
  return result;
}

static gboolean gst_anomaly_onvif_set_caps(GstBaseTransform* trans, GstCaps* incaps,
                                           [[maybe_unused]] GstCaps* outcaps) {
  GstAnomalyOnvif* self = GST_ANOMALY_ONVIF(trans);
  const GstStructure* structure = gst_caps_get_structure(incaps, 0);
  if (gst_structure_get_int(structure, "width", &self->width) &&
      gst_structure_get_int(structure, "height", &self->height) && self->width > 0 && self->height > 0)
    return TRUE;
  GST_WARNING_OBJECT(self, "caps without width and height: %" GST_PTR_FORMAT, incaps);
  return FALSE;
}

// Pixels are not looked at: any layout, and whatever the others of a tee ask for, will do.
static gboolean gst_anomaly_onvif_propose_allocation([[maybe_unused]] GstBaseTransform* trans,
                                                     [[maybe_unused]] GstQuery* decide, GstQuery* query) {
  gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
  return TRUE;
}

// Microseconds since 1970 at which the frame was, or would have been, shown: the clock of the wall on the
// first frame, and from there on the stream's own time, so that documents keep the distances of their frames.
static gint64 utc_of(GstAnomalyOnvif* self, GstBuffer* buffer) {
  const GstSegment& segment = GST_BASE_TRANSFORM(self)->segment;
  const gint64 now = g_get_real_time();
  guint64 running_time = GST_CLOCK_TIME_NONE;
  if (segment.format == GST_FORMAT_TIME)
    running_time = gst_segment_to_running_time(&segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  if (!GST_CLOCK_TIME_IS_VALID(running_time)) return now;
  const auto microseconds = static_cast<gint64>(running_time / GST_USECOND);
  if (!self->has_offset) {
    self->utc_offset = now - microseconds;
    self->has_offset = true;
  }
  return self->utc_offset + microseconds;
}

static GstFlowReturn gst_anomaly_onvif_prepare_output_buffer(GstBaseTransform* trans, GstBuffer* input,
                                                             GstBuffer** output) {
  GstAnomalyOnvif* self = GST_ANOMALY_ONVIF(trans);
  try {
    const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(input);
    if (!meta) {
      // Nobody looked at the frame, which is not to say that there was nothing on it.
      *output = gst_buffer_new();
      return GST_FLOW_OK;
    }
    const std::string document =
        anomaly::onvif_document(*meta, self->width, self->height, utc_of(self, input));
    *output = gst_buffer_new_memdup(document.data(), document.size());
    gst_buffer_copy_into(*output, input,
                         static_cast<GstBufferCopyFlags>(GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS),
                         0, -1);
    return GST_FLOW_OK;
  } catch (...) {
    anomaly::post_failure(GST_ELEMENT(trans), std::current_exception());
    return GST_FLOW_ERROR;
  }
}

static GstFlowReturn gst_anomaly_onvif_transform(GstBaseTransform* trans, GstBuffer* input,
                                                 GstBuffer* output) {
  if (gst_buffer_get_size(output) > 0) return GST_FLOW_OK;
  if (GST_BUFFER_PTS_IS_VALID(input))
    gst_pad_push_event(GST_BASE_TRANSFORM_SRC_PAD(trans),
                       gst_event_new_gap(GST_BUFFER_PTS(input), GST_BUFFER_DURATION(input)));
  return GST_BASE_TRANSFORM_FLOW_DROPPED;
}

static void gst_anomaly_onvif_init([[maybe_unused]] GstAnomalyOnvif* self) {}

static void gst_anomaly_onvif_class_init(GstAnomalyOnvifClass* klass) {
  GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  gst_element_class_set_static_metadata(
      element_class, "Anomalies as ONVIF documents", "Filter/Analyzer/Video",
      "Makes an ONVIF metadata document of what was found in each frame", "The gst-anomaly authors");
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  transform_class->start = gst_anomaly_onvif_start;
  transform_class->transform_caps = gst_anomaly_onvif_transform_caps;
  transform_class->set_caps = gst_anomaly_onvif_set_caps;
  transform_class->propose_allocation = gst_anomaly_onvif_propose_allocation;
  transform_class->prepare_output_buffer = gst_anomaly_onvif_prepare_output_buffer;
  transform_class->transform = gst_anomaly_onvif_transform;
}
