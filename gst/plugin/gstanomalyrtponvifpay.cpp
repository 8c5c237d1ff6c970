// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalyrtponvifpay
 * @title: anomalyrtponvifpay
 *
 * ONVIF documents into RTP packets, as the ONVIF Streaming Specification lays down: a document is cut into as
 * many packets as it takes, all of one timestamp, the last of them with the marker.
 *
 * ## Example
 * |[
 * gst-launch-1.0 anomalytestsrc is-live=true ! anomalydetect ! anomalyonvif ! anomalyrtponvifpay !
 *     udpsink host=127.0.0.1 port=5000
 * ]|
 */
#include "gst/plugin/gstanomalyrtponvifpay.h"

#include <gst/rtp/gstrtpbuffer.h>

GST_DEBUG_CATEGORY_STATIC(anomalyrtponvifpay_debug);
#define GST_CAT_DEFAULT anomalyrtponvifpay_debug

constexpr guint kClockRate = 90000;

struct _GstAnomalyRtpOnvifPay {
  GstRTPBasePayload parent;
};

G_DEFINE_TYPE(GstAnomalyRtpOnvifPay, gst_anomaly_rtp_onvif_pay, GST_TYPE_RTP_BASE_PAYLOAD)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(anomalyrtponvifpay, "anomalyrtponvifpay", GST_RANK_NONE,
                                      GST_TYPE_ANOMALY_RTP_ONVIF_PAY,
                                      GST_DEBUG_CATEGORY_INIT(anomalyrtponvifpay_debug, "anomalyrtponvifpay",
                                                              0, "ONVIF documents into RTP"))

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-onvif-metadata"));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                            GST_STATIC_CAPS("application/x-rtp, media=(string)application, "
                                            "payload=(int)[96, 127], clock-rate=(int)90000, "
                                            "encoding-name=(string)VND.ONVIF.METADATA"));

static gboolean gst_anomaly_rtp_onvif_pay_set_caps(GstRTPBasePayload* payload,
                                                   [[maybe_unused]] GstCaps* caps) {
  gst_rtp_base_payload_set_options(payload, "application", TRUE, "VND.ONVIF.METADATA", kClockRate);
  return gst_rtp_base_payload_set_outcaps(payload, nullptr);
}

static GstFlowReturn gst_anomaly_rtp_onvif_pay_handle_buffer(GstRTPBasePayload* payload,
                                                             GstBuffer* document) {
  const gsize size = gst_buffer_get_size(document);
  if (size == 0) {
    GST_DEBUG_OBJECT(payload, "an empty buffer is no document");
    gst_buffer_unref(document);
    return GST_FLOW_OK;
  }
  const guint header = gst_rtp_buffer_calc_header_len(0), mtu = GST_RTP_BASE_PAYLOAD_MTU(payload);
  const gsize room = mtu > header ? mtu - header : 1;
  GstBufferList* packets = gst_buffer_list_new_sized(static_cast<guint>((size + room - 1) / room));
  for (gsize at = 0; at < size; at += room) {
    const gsize length = MIN(room, size - at);
    GstBuffer* packet = gst_rtp_base_payload_allocate_output_buffer(payload, 0, 0, 0);
    GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
    gst_rtp_buffer_map(packet, GST_MAP_WRITE, &rtp);
    gst_rtp_buffer_set_marker(&rtp, at + length == size);
    gst_rtp_buffer_unmap(&rtp);
    gst_buffer_copy_into(packet, document, GST_BUFFER_COPY_MEMORY, at, length);
    GST_BUFFER_PTS(packet) = GST_BUFFER_PTS(document);
    GST_BUFFER_DTS(packet) = GST_BUFFER_DTS(document);
    gst_buffer_list_add(packets, packet);
  }
  gst_buffer_unref(document);
  return gst_rtp_base_payload_push_list(payload, packets);
}

static void gst_anomaly_rtp_onvif_pay_init([[maybe_unused]] GstAnomalyRtpOnvifPay* self) {}

static void gst_anomaly_rtp_onvif_pay_class_init(GstAnomalyRtpOnvifPayClass* klass) {
  GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
  GstRTPBasePayloadClass* payload_class = GST_RTP_BASE_PAYLOAD_CLASS(klass);
  gst_element_class_set_static_metadata(
      element_class, "RTP payloader of ONVIF metadata", "Codec/Payloader/Network/RTP",
      "ONVIF metadata documents into RTP packets", "The gst-anomaly authors");
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  payload_class->set_caps = gst_anomaly_rtp_onvif_pay_set_caps;
  payload_class->handle_buffer = gst_anomaly_rtp_onvif_pay_handle_buffer;
}
