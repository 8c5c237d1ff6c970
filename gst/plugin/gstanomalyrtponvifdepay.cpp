// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalyrtponvifdepay
 * @title: anomalyrtponvifdepay
 *
 * RTP packets back into ONVIF documents, one a buffer. A document of which a packet is missing is left out.
 *
 * ## Example
 * |[
 * gst-launch-1.0 rtspsrc location=rtsp://127.0.0.1:8554/front ! application/x-rtp,media=application !
 *     anomalyrtponvifdepay ! filesink location=front.xml
 * ]|
 */
#include "gst/plugin/gstanomalyrtponvifdepay.h"

#include <gst/rtp/gstrtpbuffer.h>

#include <cstring>

GST_DEBUG_CATEGORY_STATIC(anomalyrtponvifdepay_debug);
#define GST_CAT_DEFAULT anomalyrtponvifdepay_debug

enum { PROP_0, PROP_MAX_SIZE };

constexpr guint kClockRate = 90000;
constexpr guint kMaxSize = 1 << 20;

struct _GstAnomalyRtpOnvifDepay {
  GstRTPBaseDepayload parent;

  guint max_size;  // atomic

  // Of the streaming thread.
  GByteArray*
      document;  // what has come of it so far; bytes, so that tiny packets cost no more than they hold
  guint32 timestamp;
  bool in_document;  // a document has begun and is whole so far
  bool at_start;     // the packet before this one was a document's last
};

G_DEFINE_TYPE(GstAnomalyRtpOnvifDepay, gst_anomaly_rtp_onvif_depay, GST_TYPE_RTP_BASE_DEPAYLOAD)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(anomalyrtponvifdepay, "anomalyrtponvifdepay", GST_RANK_NONE,
                                      GST_TYPE_ANOMALY_RTP_ONVIF_DEPAY,
                                      GST_DEBUG_CATEGORY_INIT(anomalyrtponvifdepay_debug,
                                                              "anomalyrtponvifdepay", 0,
                                                              "ONVIF documents out of RTP"))

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS("application/x-rtp, media=(string)application, clock-rate=(int)90000, "
                    "encoding-name=(string)VND.ONVIF.METADATA"));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-onvif-metadata"));

static void forget(GstAnomalyRtpOnvifDepay* self) {
  g_byte_array_set_size(self->document, 0);
  self->in_document = self->at_start = false;
}

// Whether bytes look like a document's first, where no marker has told that they are: an XML declaration, or
// the root's tag with any prefix.
static bool begins_document(const guint8* data, gsize size) {
  const auto* text = reinterpret_cast<const char*>(data);
  gsize at = 0;
  if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) at = 3;
  while (at < size && memchr(" \t\r\n", text[at], 4)) ++at;
  if (size - at >= 5 && memcmp(text + at, "<?xml", 5) == 0) return true;
  if (at == size || text[at] != '<') return false;
  gsize name = ++at;
  for (; at < size && !memchr(" \t\r\n/>", text[at], 6); ++at)
    if (text[at] == ':') name = at + 1;
  constexpr char kRoot[] = "MetadataStream";
  return at - name == sizeof kRoot - 1 && memcmp(text + name, kRoot, sizeof kRoot - 1) == 0;
}

static gboolean gst_anomaly_rtp_onvif_depay_set_caps(GstRTPBaseDepayload* depayload,
                                                     [[maybe_unused]] GstCaps* caps) {
  depayload->clock_rate = kClockRate;
  GstCaps* documents = gst_static_pad_template_get_caps(&src_template);
  const gboolean ok = gst_pad_set_caps(GST_RTP_BASE_DEPAYLOAD_SRCPAD(depayload), documents);
  gst_caps_unref(documents);
  forget(GST_ANOMALY_RTP_ONVIF_DEPAY(depayload));
  return ok;
}

static GstBuffer* gst_anomaly_rtp_onvif_depay_process(GstRTPBaseDepayload* depayload, GstRTPBuffer* rtp) {
  GstAnomalyRtpOnvifDepay* self = GST_ANOMALY_RTP_ONVIF_DEPAY(depayload);
  const guint8* data = static_cast<const guint8*>(gst_rtp_buffer_get_payload(rtp));
  const guint size = gst_rtp_buffer_get_payload_len(rtp);
  const guint32 timestamp = gst_rtp_buffer_get_timestamp(rtp);
  if (GST_BUFFER_IS_DISCONT(rtp->buffer)) {
    if (self->in_document) GST_DEBUG_OBJECT(self, "a packet is missing: the document is left out");
    forget(self);
  }
  if (self->in_document && timestamp != self->timestamp) {
    GST_DEBUG_OBJECT(self, "a document without its end is left out");
    forget(self);
  }
  if (!self->in_document && size > 0 && (self->at_start || begins_document(data, size))) {
    self->in_document = true;
    self->timestamp = timestamp;
  }
  if (self->in_document) {
    const guint limit = static_cast<guint>(g_atomic_int_get(reinterpret_cast<gint*>(&self->max_size)));
    if (size > limit || self->document->len > limit - size) {
      GST_DEBUG_OBJECT(self, "a document of more than %u bytes is left out", limit);
      forget(self);
    } else if (size > 0) {
      g_byte_array_append(self->document, data, size);
      self->at_start = false;
    }
  }
  if (!gst_rtp_buffer_get_marker(rtp)) return nullptr;

  GstBuffer* buffer = nullptr;
  if (self->in_document && g_utf8_validate_len(reinterpret_cast<const char*>(self->document->data),
                                               self->document->len, nullptr)) {
    buffer = gst_buffer_new_memdup(self->document->data, self->document->len);
  } else if (self->in_document) {
    GST_DEBUG_OBJECT(self, "a document that is no UTF-8 is left out");
  }
  forget(self);
  self->at_start = true;
  return buffer;
}

static gboolean gst_anomaly_rtp_onvif_depay_handle_event(GstRTPBaseDepayload* depayload, GstEvent* event) {
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) forget(GST_ANOMALY_RTP_ONVIF_DEPAY(depayload));
  return GST_RTP_BASE_DEPAYLOAD_CLASS(gst_anomaly_rtp_onvif_depay_parent_class)
      ->handle_event(depayload, event);
}

static GstStateChangeReturn gst_anomaly_rtp_onvif_depay_change_state(GstElement* element,
                                                                     GstStateChange transition) {
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(gst_anomaly_rtp_onvif_depay_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) forget(GST_ANOMALY_RTP_ONVIF_DEPAY(element));
  return result;
}

static void gst_anomaly_rtp_onvif_depay_set_property(GObject* object, guint id, const GValue* value,
                                                     GParamSpec* spec) {
  GstAnomalyRtpOnvifDepay* self = GST_ANOMALY_RTP_ONVIF_DEPAY(object);
  if (id == PROP_MAX_SIZE)
    g_atomic_int_set(reinterpret_cast<gint*>(&self->max_size), static_cast<gint>(g_value_get_uint(value)));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_anomaly_rtp_onvif_depay_get_property(GObject* object, guint id, GValue* value,
                                                     GParamSpec* spec) {
  GstAnomalyRtpOnvifDepay* self = GST_ANOMALY_RTP_ONVIF_DEPAY(object);
  if (id == PROP_MAX_SIZE)
    g_value_set_uint(value, static_cast<guint>(g_atomic_int_get(reinterpret_cast<gint*>(&self->max_size))));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_anomaly_rtp_onvif_depay_finalize(GObject* object) {
  g_byte_array_unref(GST_ANOMALY_RTP_ONVIF_DEPAY(object)->document);
  G_OBJECT_CLASS(gst_anomaly_rtp_onvif_depay_parent_class)->finalize(object);
}

static void gst_anomaly_rtp_onvif_depay_init(GstAnomalyRtpOnvifDepay* self) {
  self->document = g_byte_array_new();
  self->max_size = kMaxSize;
}

static void gst_anomaly_rtp_onvif_depay_class_init(GstAnomalyRtpOnvifDepayClass* klass) {
  GObjectClass* object_class = G_OBJECT_CLASS(klass);
  GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
  GstRTPBaseDepayloadClass* depayload_class = GST_RTP_BASE_DEPAYLOAD_CLASS(klass);
  object_class->set_property = gst_anomaly_rtp_onvif_depay_set_property;
  object_class->get_property = gst_anomaly_rtp_onvif_depay_get_property;
  object_class->finalize = gst_anomaly_rtp_onvif_depay_finalize;
  g_object_class_install_property(
      object_class, PROP_MAX_SIZE,
      g_param_spec_uint(
          "max-size", "Maximum size",
          "Largest document that is put together, bytes; larger ones are left out", 1, G_MAXINT, kMaxSize,
          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)));
  gst_element_class_set_static_metadata(
      element_class, "RTP depayloader of ONVIF metadata", "Codec/Depayloader/Network/RTP",
      "ONVIF metadata documents out of RTP packets", "The gst-anomaly authors");
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  element_class->change_state = gst_anomaly_rtp_onvif_depay_change_state;
  depayload_class->set_caps = gst_anomaly_rtp_onvif_depay_set_caps;
  depayload_class->process_rtp_packet = gst_anomaly_rtp_onvif_depay_process;
  depayload_class->handle_event = gst_anomaly_rtp_onvif_depay_handle_event;
}
