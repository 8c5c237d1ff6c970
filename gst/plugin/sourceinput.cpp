// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/sourceinput.h"

#include <gio/gio.h>
#include <gst/app/gstappsrc.h>
#include <gst/rtsp/gstrtsptransport.h>
#include <gst/video/video.h>

#include <stdexcept>

namespace anomaly {
namespace {

constexpr GstClockTime kUsualDuration = 40 * GST_MSECOND;

bool has_property(GstElement* element, const char* name) {
  return g_object_class_find_property(G_OBJECT_GET_CLASS(element), name) != nullptr;
}

// Of a frame, as far as the caps tell.
GstClockTime duration_of(GstCaps* caps) {
  GstVideoInfo info;
  if (!caps || !gst_video_info_from_caps(&info, caps) || info.fps_n <= 0) return kUsualDuration;
  return gst_util_uint64_scale_int(GST_SECOND, info.fps_d, info.fps_n);
}

// Where nothing has come for `sink`. `promised`: it has said that there is a video, so that another time it
// may.
void complain_unlinked(GstElement* element, GstElement* sink, bool promised) {
  GstPad* into = gst_element_get_static_pad(sink, "sink");
  if (!gst_pad_is_linked(into) && promised)
    GST_ELEMENT_ERROR(element, RESOURCE, READ, ("Its video ended before it began."), (nullptr));
  else if (!gst_pad_is_linked(into))
    GST_ELEMENT_ERROR(element, STREAM, WRONG_TYPE, ("There is no video in it."), (nullptr));
  gst_object_unref(into);
}

bool link_to(GstPad* pad, GstElement* sink) {
  GstPad* into = gst_element_get_static_pad(sink, "sink");
  const bool linked = !gst_pad_is_linked(into) && GST_PAD_LINK_SUCCESSFUL(gst_pad_link(pad, into));
  gst_object_unref(into);
  return linked;
}

}  // namespace

SourceInput::SourceInput(const SourceLocation& location, const SourceConfig& config, GstClock* clock,
                         SourceQueue& queue, SourceFacts& facts, Listener listener)
    : location_(location),
      config_(config),
      queue_(queue),
      facts_(facts),
      listener_(std::move(listener)),
      live_(location.live || config.is_live),
      paced_(live_ && !location.live),
      connection_(queue.open(live_)) {
  pipeline_ = GST_ELEMENT(gst_object_ref_sink(gst_pipeline_new(nullptr)));
  try {
    sink_ = add("appsink");
    GstCaps* raw = gst_caps_new_empty_simple("video/x-raw");
    g_object_set(sink_, "caps", raw, "sync", static_cast<gboolean>(paced_), "enable-last-sample", FALSE,
                 "max-buffers", 1u, "qos", FALSE, nullptr);
    gst_caps_unref(raw);
    GstAppSinkCallbacks callbacks = {};
    callbacks.new_sample = [](GstAppSink* sink, gpointer self) {
      return static_cast<SourceInput*>(self)->take(sink);
    };
    gst_app_sink_set_callbacks(GST_APP_SINK(sink_), &callbacks, this, nullptr);
    switch (location.kind) {
      case SourceLocation::Kind::Uri:
        if (g_ascii_strncasecmp(location.uri.c_str(), "rtsp", 4) == 0)
          build_rtsp();
        else
          build_uri();
        break;
      case SourceLocation::Kind::Pictures:
        build_pictures();
        break;
      case SourceLocation::Kind::Test:
        build_test();
        break;
    }
  } catch (...) {
    gst_object_unref(pipeline_);
    throw;
  }
  GstPad* pad = gst_element_get_static_pad(sink_, "sink");
  gst_pad_add_probe(
      pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      [](GstPad*, GstPadProbeInfo* info, gpointer data) {
        auto* self = static_cast<SourceInput*>(data);
        GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
        if (GST_EVENT_TYPE(event) != GST_EVENT_TAG) return GST_PAD_PROBE_OK;
        SourceItem item;
        item.tags.reset(gst_event_ref(event));
        self->queue_.push(self->connection_, std::move(item));
        return GST_PAD_PROBE_OK;
      },
      this, nullptr);
  gst_object_unref(pad);
  if (clock) gst_pipeline_use_clock(GST_PIPELINE(pipeline_), clock);
}

SourceInput::~SourceInput() {
  queue_.close();
  gst_element_set_state(pipeline_, GST_STATE_NULL);
  gst_object_unref(pipeline_);
}

void SourceInput::open() {
  gst_element_set_state(pipeline_, GST_STATE_PLAYING);
}

bool SourceInput::rewind() {
  anew_ = true;
  return gst_element_seek_simple(pipeline_, GST_FORMAT_TIME,
                                 static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT), 0);
}

GstElement* SourceInput::add(const char* factory) {
  GstElement* element = gst_element_factory_make(factory, nullptr);
  if (!element) throw std::runtime_error(std::string("the GStreamer element ") + factory + " is missing");
  gst_bin_add(GST_BIN(pipeline_), element);
  return element;
}

// The first video; sound and text are not decoded, and nothing else is linked.
void SourceInput::link_first(GstElement* decoder) {
  g_signal_connect(decoder, "autoplug-continue",
                   G_CALLBACK(+[](GstElement*, GstPad*, GstCaps* caps, gpointer) -> gboolean {
                     const char* name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
                     return !g_str_has_prefix(name, "audio/") && !g_str_has_prefix(name, "text/") &&
                            !g_str_has_prefix(name, "subpicture/");
                   }),
                   nullptr);
  g_signal_connect(decoder, "pad-added", G_CALLBACK(+[](GstElement*, GstPad* pad, gpointer data) {
                     GstCaps* caps = gst_pad_query_caps(pad, nullptr);
                     const bool video =
                         !gst_caps_is_any(caps) && !gst_caps_is_empty(caps) &&
                         gst_structure_has_name(gst_caps_get_structure(caps, 0), "video/x-raw");
                     gst_caps_unref(caps);
                     if (video) link_to(pad, static_cast<SourceInput*>(data)->sink_);
                   }),
                   this);
  g_signal_connect(decoder, "no-more-pads", G_CALLBACK(+[](GstElement* element, gpointer data) {
                     auto* input = static_cast<SourceInput*>(data);
                     complain_unlinked(element, input->sink_, input->promised_);
                   }),
                   this);
}

void SourceInput::build_uri() {
  GstElement* decoder = add("uridecodebin");
  g_object_set(decoder, "uri", location_.uri.c_str(), nullptr);
  // A camera's pictures one after the other (MJPEG): else further streams are waited for, megabytes long.
  g_signal_connect(decoder, "deep-element-added",
                   G_CALLBACK(+[](GstBin*, GstBin*, GstElement* element, gpointer) {
                     if (g_strcmp0(G_OBJECT_TYPE_NAME(element), "GstMultipartDemux") == 0)
                       g_object_set(element, "single-stream", TRUE, nullptr);
                   }),
                   nullptr);
  g_signal_connect(decoder, "source-setup", G_CALLBACK(+[](GstElement*, GstElement* source, gpointer self) {
                     static_cast<SourceInput*>(self)->set_up(source);
                   }),
                   this);
  link_first(decoder);
}

// Every stream is asked for, and goes somewhere: servers that share a stream's pipeline among their clients
// stand still where one of its parts is not wanted, and rtspsrc fails where the first packet finds nobody.
void SourceInput::build_rtsp() {
  GError* error = nullptr;
  GstElement* source = gst_element_make_from_uri(GST_URI_SRC, location_.uri.c_str(), nullptr, &error);
  if (!source) {
    const std::string why = error ? error->message : "no element reads it";
    g_clear_error(&error);
    throw std::runtime_error(why);
  }
  gst_bin_add(GST_BIN(pipeline_), source);
  rtsp_decoder_ = add("decodebin");
  link_first(rtsp_decoder_);
  g_signal_connect(source, "pad-added", G_CALLBACK(+[](GstElement*, GstPad* pad, gpointer self) {
                     static_cast<SourceInput*>(self)->take_stream(pad);
                   }),
                   this);
  g_signal_connect(
      source, "select-stream", G_CALLBACK(+[](GstElement*, guint, GstCaps* caps, gpointer self) -> gboolean {
        const char* media = caps && !gst_caps_is_empty(caps)
                                ? gst_structure_get_string(gst_caps_get_structure(caps, 0), "media")
                                : nullptr;
        if (g_strcmp0(media, "video") == 0) static_cast<SourceInput*>(self)->promised_ = true;
        return TRUE;
      }),
      this);
  g_signal_connect(source, "no-more-pads", G_CALLBACK(+[](GstElement* element, gpointer data) {
                     auto* input = static_cast<SourceInput*>(data);
                     complain_unlinked(element, input->rtsp_decoder_, input->promised_);
                   }),
                   this);
  set_up(source);
}

void SourceInput::take_stream(GstPad* pad) {
  GstCaps* caps = gst_pad_query_caps(pad, nullptr);
  const bool known = !gst_caps_is_any(caps) && !gst_caps_is_empty(caps);
  const char* media = known ? gst_structure_get_string(gst_caps_get_structure(caps, 0), "media") : nullptr;
  const bool video = g_strcmp0(media, "video") == 0;
  gst_caps_unref(caps);
  if (video && link_to(pad, rtsp_decoder_)) return;
  GstElement* rest = gst_element_factory_make("fakesink", nullptr);
  if (!rest) return;
  g_object_set(rest, "sync", FALSE, "async", FALSE, nullptr);
  gst_bin_add(GST_BIN(pipeline_), rest);
  link_to(pad, rest);
  gst_element_sync_state_with_parent(rest);
}

void SourceInput::set_up(GstElement* source) {
  for (const auto& [name, text] :
       {std::pair("user-id", &config_.user), std::pair("user-pw", &config_.password)})
    if (!text->empty() && has_property(source, name)) g_object_set(source, name, text->c_str(), nullptr);
  if (!config_.tls_verify && has_property(source, "tls-validation-flags"))
    g_object_set(source, "tls-validation-flags", static_cast<GTlsCertificateFlags>(0), nullptr);
  if (!config_.tls_verify && has_property(source, "ssl-strict"))
    g_object_set(source, "ssl-strict", FALSE, nullptr);
  if (g_strcmp0(G_OBJECT_TYPE_NAME(source), "GstRTSPSrc") == 0) {
    g_object_set(source, "latency", config_.latency, nullptr);
    if (config_.transport == SourceTransport::Tcp)
      g_object_set(source, "protocols", GST_RTSP_LOWER_TRANS_TCP, nullptr);
    if (config_.transport == SourceTransport::Udp)
      g_object_set(source, "protocols", GST_RTSP_LOWER_TRANS_UDP | GST_RTSP_LOWER_TRANS_UDP_MCAST, nullptr);
  }
  listener_.on_source(source);
}

void SourceInput::build_pictures() {
  GstElement* source = add("appsrc");
  GstElement* decoder = add("decodebin");
  pictures_ =
      std::make_unique<SourcePictures>(location_.pictures, config_.fps_n, config_.fps_d, config_.loop);
  g_object_set(source, "format", GST_FORMAT_TIME, "block", TRUE, "max-buffers", guint64{1}, "max-bytes",
               guint64{0}, nullptr);
  GstAppSrcCallbacks callbacks = {};
  callbacks.need_data = [](GstAppSrc* appsrc, guint, gpointer self) {
    static_cast<SourceInput*>(self)->feed(GST_ELEMENT(appsrc));
  };
  gst_app_src_set_callbacks(GST_APP_SRC(source), &callbacks, this, nullptr);
  gst_element_link(source, decoder);
  link_first(decoder);
  listener_.on_source(source);
}

void SourceInput::feed(GstElement* source) {
  GstAppSrc* appsrc = GST_APP_SRC(source);
  GError* error = nullptr;
  GstBuffer* buffer = pictures_->next(&error);
  if (buffer) {
    GstCaps* caps = pictures_->caps();
    gst_app_src_set_caps(appsrc, caps);
    gst_caps_unref(caps);
    gst_app_src_push_buffer(appsrc, buffer);
  } else if (error) {
    gst_element_post_message(source, gst_message_new_error(GST_OBJECT(source), error, nullptr));
    g_clear_error(&error);
  } else {
    gst_app_src_end_of_stream(appsrc);
  }
}

void SourceInput::build_test() {
  GstElement* source = add("anomalytestsrc");
  for (const auto& [name, text] : location_.settings) {
    GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(source), name.c_str());
    GValue value = G_VALUE_INIT;
    g_value_init(&value, spec->value_type);
    const bool taken =
        gst_value_deserialize_with_pspec(&value, text.c_str(), spec) && !g_param_value_validate(spec, &value);
    if (taken) g_object_set_property(G_OBJECT(source), name.c_str(), &value);
    g_value_unset(&value);
    if (!taken) {
      std::string problem = "\"";
      throw std::runtime_error(
          problem.append(text).append("\" is no value of anomalytestsrc's ").append(name));
    }
  }
  GstCaps* caps = location_.caps.empty() ? nullptr : gst_caps_from_string(location_.caps.c_str());
  gst_element_link_filtered(source, sink_, caps);
  if (caps) gst_caps_unref(caps);
  listener_.on_source(source);
}

// What frames of a live source are behind it, when they come.
void SourceInput::measure_latency(GstCaps* caps) {
  GstClockTime least = duration_of(caps), most = GST_CLOCK_TIME_NONE;
  gboolean live = FALSE;
  GstQuery* query = gst_query_new_latency();
  GstPad* pad = gst_element_get_static_pad(sink_, "sink");
  GstClockTime own = 0;
  if (!paced_ && gst_pad_peer_query(pad, query)) {
    gst_query_parse_latency(query, &live, &own, &most);
    if (live) least = own;
  }
  gst_object_unref(pad);
  gst_query_unref(query);
  // The queue holds two frames; then the oldest gives way.
  const GstClockTime bound = least + 2 * duration_of(caps);
  most = GST_CLOCK_TIME_IS_VALID(most) ? MIN(MAX(most, least), bound) : bound;
  const GstClockTime before = facts_.min_latency.exchange(least);
  if (facts_.max_latency.exchange(most) != most || before != least) listener_.on_latency();
}

GstFlowReturn SourceInput::take(GstAppSink* sink) {
  SourceItem item;
  // Not kept: appsink uses it again.
  GstSample* sample = gst_app_sink_pull_sample(sink);
  if (!sample) return GST_FLOW_EOS;
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  GstCaps* caps = gst_sample_get_caps(sample);
  if (buffer && caps) {
    item.frame.reset(gst_buffer_ref(buffer));
    item.caps.reset(gst_caps_ref(caps));
    item.running_time =
        gst_segment_to_running_time(gst_sample_get_segment(sample), GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  }
  gst_sample_unref(sample);
  if (!item.frame) return GST_FLOW_OK;
  if (live_ && GST_CLOCK_TIME_IS_VALID(item.running_time)) {
    GstClock* clock = gst_element_get_clock(GST_ELEMENT(sink));
    item.clock = clock;
    if (clock) {
      item.due = gst_element_get_base_time(GST_ELEMENT(sink)) + item.running_time;
      gst_object_unref(clock);
    }
    if (!connected_) measure_latency(item.caps.get());
  }
  item.anew = anew_.exchange(false);
  item.connected = !connected_;
  connected_ = true;
  facts_.arrived = g_get_monotonic_time();
  return queue_.push(connection_, std::move(item)) ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

}  // namespace anomaly
