// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalypublishconfig.h"

#include "gst/plugin/propertyvalues.h"

namespace anomaly {
namespace {

constexpr guint kQueueMin = 2, kQueueMax = 1000000;
constexpr GstClockTime kDrainMax = 600 * GST_SECOND;

GType policy_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(PublishQueue::Policy::DropOldest),
       "Give up the oldest line that is not under way: frames never wait", "drop-oldest"},
      {static_cast<int>(PublishQueue::Policy::Block), "Hold the frames up until there is room", "block"},
      {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_enum_register_static("GstAnomalyPublishPolicy", values));
  return type;
}

}  // namespace

void install_publish_properties(GObjectClass* klass) {
  const PublishConfig defaults;
  const auto read_write = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  const auto ready = static_cast<GParamFlags>(read_write | GST_PARAM_MUTABLE_READY);
  const auto install = [klass](guint id, GParamSpec* spec) {
    g_object_class_install_property(klass, id, spec);
  };
  install(PROP_LOCATION,
          g_param_spec_string("location", "Location",
                              "File to write to, \"-\" for standard output, or a broker: mqtt://HOST/TOPIC, "
                              "mqtts://, kafka://HOST,HOST/TOPIC, kafkas://",
                              defaults.location.c_str(), ready));
  install(PROP_STREAM,
          g_param_spec_string("stream", "Stream",
                              "Name of the stream in every line; unset: the element's own name", nullptr,
                              static_cast<GParamFlags>(read_write | GST_PARAM_MUTABLE_PLAYING)));
  install(PROP_APPEND,
          g_param_spec_boolean("append", "Append", "Add to a file that exists instead of replacing it",
                               defaults.append, ready));
  install(PROP_USER_ID, g_param_spec_string("user-id", "User", "Who connects to the broker", nullptr, ready));
  install(PROP_USER_PW,
          g_param_spec_string(
              "user-pw", "Password", "Password of user-id; cannot be read back", nullptr,
              static_cast<GParamFlags>(G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)));
  install(PROP_CA_FILE,
          g_param_spec_string("ca-file", "Certificates",
                              "PEM file of the authorities that mqtts:// and kafkas:// trust; unset: the "
                              "system's",
                              nullptr, ready));
  install(PROP_QUEUE_SIZE,
          g_param_spec_uint("queue-size", "Queue size", "Lines that wait for the broker's receipt at most",
                            kQueueMin, kQueueMax, defaults.queue_size, ready));
  install(PROP_POLICY, g_param_spec_enum("policy", "Policy", "What happens when the queue is full",
                                         policy_type(), static_cast<int>(defaults.policy), ready));
  install(PROP_DRAIN_TIMEOUT,
          g_param_spec_uint64("drain-timeout", "Drain timeout",
                              "How long the end of the stream and a stop wait for receipts (in nanoseconds)",
                              0, kDrainMax, defaults.drain_timeout, ready));
  install(PROP_STATS,
          g_param_spec_boxed("stats", "Statistics",
                             "lines, delivered, dropped, queued, reconnects, connected", GST_TYPE_STRUCTURE,
                             static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

bool set_publish_property(PublishConfig& config, guint id, const GValue* value) {
  switch (id) {
    case PROP_LOCATION:
      config.location = g_value_get_string(value) ? g_value_get_string(value) : PublishConfig().location;
      return true;
    case PROP_STREAM:
      config.stream.reset();
      if (g_value_get_string(value)) config.stream = g_value_get_string(value);
      return true;
    case PROP_APPEND:
      config.append = g_value_get_boolean(value);
      return true;
    case PROP_USER_ID:
      config.user = text_of(value);
      return true;
    case PROP_USER_PW:
      config.password = text_of(value);
      return true;
    case PROP_CA_FILE:
      config.ca_file = text_of(value);
      return true;
    case PROP_QUEUE_SIZE:
      config.queue_size = g_value_get_uint(value);
      return true;
    case PROP_POLICY:
      config.policy = static_cast<PublishQueue::Policy>(g_value_get_enum(value));
      return true;
    case PROP_DRAIN_TIMEOUT:
      config.drain_timeout = g_value_get_uint64(value);
      return true;
    default:
      return false;
  }
}

bool get_publish_property(const PublishConfig& config, guint id, GValue* value) {
  switch (id) {
    case PROP_LOCATION:
      g_value_set_string(value, config.location.c_str());
      return true;
    case PROP_STREAM:
      g_value_set_string(value, config.stream ? config.stream->c_str() : nullptr);
      return true;
    case PROP_APPEND:
      g_value_set_boolean(value, config.append);
      return true;
    case PROP_USER_ID:
      give_text(value, config.user);
      return true;
    case PROP_CA_FILE:
      give_text(value, config.ca_file);
      return true;
    case PROP_QUEUE_SIZE:
      g_value_set_uint(value, config.queue_size);
      return true;
    case PROP_POLICY:
      g_value_set_enum(value, static_cast<int>(config.policy));
      return true;
    case PROP_DRAIN_TIMEOUT:
      g_value_set_uint64(value, config.drain_timeout);
      return true;
    default:
      return false;
  }
}

}  // namespace anomaly
