// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalysourceconfig.h"

#include "gst/plugin/propertyvalues.h"

namespace anomaly {
namespace {

GType transport_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(SourceTransport::Auto), "UDP, and TCP where nothing arrives", "auto"},
      {static_cast<int>(SourceTransport::Udp), "UDP", "udp"},
      {static_cast<int>(SourceTransport::Tcp), "TCP, interleaved with RTSP", "tcp"},
      {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_enum_register_static("GstAnomalySourceTransport", values));
  return type;
}

}  // namespace

void install_source_properties(GObjectClass* klass) {
  const SourceConfig defaults;
  const auto flags =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  const auto install = [klass](guint id, GParamSpec* spec) {
    g_object_class_install_property(klass, id, spec);
  };
  install(
      SOURCE_LOCATION,
      g_param_spec_string("location", "Location",
                          "A recording, a picture, a folder or pattern of pictures, /dev/videoN, rtsp://, "
                          "http:// or any other URI, or test://",
                          nullptr, flags));
  install(SOURCE_USER_ID,
          g_param_spec_string("user-id", "User", "Who asks the camera or server", nullptr, flags));
  install(SOURCE_USER_PW,
          g_param_spec_string(
              "user-pw", "Password", "Password of user-id; cannot be read back", nullptr,
              static_cast<GParamFlags>(G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)));
  install(SOURCE_TRANSPORT,
          g_param_spec_enum("transport", "Transport", "How video travels from an RTSP server",
                            transport_type(), static_cast<int>(defaults.transport), flags));
  install(SOURCE_LATENCY,
          g_param_spec_uint("latency", "Latency",
                            "How long to wait for packets of RTSP that are late, in milliseconds", 0, 60000,
                            defaults.latency, flags));
  install(SOURCE_TLS_VERIFY,
          g_param_spec_boolean("tls-verify", "TLS verify", "Refuse certificates that nobody known has signed",
                               defaults.tls_verify, flags));
  install(SOURCE_IS_LIVE,
          g_param_spec_boolean("is-live", "Is live",
                               "Play recordings and pictures as a camera would: in their own time",
                               defaults.is_live, flags));
  install(SOURCE_LOOP, g_param_spec_boolean("loop", "Loop", "Play recordings and pictures again at their end",
                                            defaults.loop, flags));
  install(SOURCE_FRAMERATE, gst_param_spec_fraction("framerate", "Frame rate", "Pictures a second", 1, 1000,
                                                    1000, 1, defaults.fps_n, defaults.fps_d, flags));
  install(SOURCE_RECONNECT,
          g_param_spec_boolean("reconnect", "Reconnect",
                               "Open cameras and addresses again when they fail, end or fall silent",
                               defaults.reconnect, flags));
  install(
      SOURCE_RECONNECT_MIN_DELAY,
      g_param_spec_uint64("reconnect-min-delay", "Reconnect minimum delay",
                          "Before the first attempt, in nanoseconds; each further one waits twice as long",
                          GST_MSECOND, G_MAXINT64, defaults.min_delay, flags));
  install(SOURCE_RECONNECT_MAX_DELAY,
          g_param_spec_uint64("reconnect-max-delay", "Reconnect maximum delay",
                              "Longest delay before an attempt, in nanoseconds", GST_MSECOND, G_MAXINT64,
                              defaults.max_delay, flags));
  install(
      SOURCE_TIMEOUT,
      g_param_spec_uint64("timeout", "Timeout",
                          "Without a frame for so long a camera or address counts as lost, in nanoseconds; "
                          "0 = never",
                          0, G_MAXINT64, defaults.timeout, flags));
  install(SOURCE_STATS,
          g_param_spec_boxed("stats", "Statistics", "connected, frames, dropped, reconnects, last-error",
                             GST_TYPE_STRUCTURE,
                             static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

bool set_source_property(SourceConfig& config, guint id, const GValue* value) {
  switch (id) {
    case SOURCE_LOCATION:
      config.location = text_of(value);
      return true;
    case SOURCE_USER_ID:
      config.user = text_of(value);
      return true;
    case SOURCE_USER_PW:
      config.password = text_of(value);
      return true;
    case SOURCE_TRANSPORT:
      config.transport = static_cast<SourceTransport>(g_value_get_enum(value));
      return true;
    case SOURCE_LATENCY:
      config.latency = g_value_get_uint(value);
      return true;
    case SOURCE_TLS_VERIFY:
      config.tls_verify = g_value_get_boolean(value);
      return true;
    case SOURCE_IS_LIVE:
      config.is_live = g_value_get_boolean(value);
      return true;
    case SOURCE_LOOP:
      config.loop = g_value_get_boolean(value);
      return true;
    case SOURCE_FRAMERATE:
      config.fps_n = gst_value_get_fraction_numerator(value);
      config.fps_d = gst_value_get_fraction_denominator(value);
      return true;
    case SOURCE_RECONNECT:
      config.reconnect = g_value_get_boolean(value);
      return true;
    case SOURCE_RECONNECT_MIN_DELAY:
      config.min_delay = g_value_get_uint64(value);
      return true;
    case SOURCE_RECONNECT_MAX_DELAY:
      config.max_delay = g_value_get_uint64(value);
      return true;
    case SOURCE_TIMEOUT:
      config.timeout = g_value_get_uint64(value);
      return true;
    default:
      return false;
  }
}

bool get_source_property(const SourceConfig& config, guint id, GValue* value) {
  switch (id) {
    case SOURCE_LOCATION:
      give_text(value, config.location);
      return true;
    case SOURCE_USER_ID:
      give_text(value, config.user);
      return true;
    case SOURCE_TRANSPORT:
      g_value_set_enum(value, static_cast<int>(config.transport));
      return true;
    case SOURCE_LATENCY:
      g_value_set_uint(value, config.latency);
      return true;
    case SOURCE_TLS_VERIFY:
      g_value_set_boolean(value, config.tls_verify);
      return true;
    case SOURCE_IS_LIVE:
      g_value_set_boolean(value, config.is_live);
      return true;
    case SOURCE_LOOP:
      g_value_set_boolean(value, config.loop);
      return true;
    case SOURCE_FRAMERATE:
      gst_value_set_fraction(value, config.fps_n, config.fps_d);
      return true;
    case SOURCE_RECONNECT:
      g_value_set_boolean(value, config.reconnect);
      return true;
    case SOURCE_RECONNECT_MIN_DELAY:
      g_value_set_uint64(value, config.min_delay);
      return true;
    case SOURCE_RECONNECT_MAX_DELAY:
      g_value_set_uint64(value, config.max_delay);
      return true;
    case SOURCE_TIMEOUT:
      g_value_set_uint64(value, config.timeout);
      return true;
    default:
      return false;
  }
}

}  // namespace anomaly
