// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectstreams.h"

namespace anomaly {

namespace {

constexpr int kBatchMax = 64;
constexpr guint64 kTimeoutMax = 10 * GST_SECOND;

}  // namespace

void install_stream_properties(GObjectClass* klass) {
  const auto flags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  const auto ready = static_cast<GParamFlags>(flags | GST_PARAM_MUTABLE_READY);
  const auto playing = static_cast<GParamFlags>(flags | GST_PARAM_MUTABLE_PLAYING);
  g_object_class_install_property(
      klass, PROP_ENGINE_ID,
      g_param_spec_string(
          "engine-id", "Engine ID",
          "Elements of the same engine-id share an engine, and must have the same model, device "
          "and threads; unset = all elements that have these in common, and no engine-id",
          nullptr, ready));
  g_object_class_install_property(
      klass, PROP_BATCH_SIZE,
      g_param_spec_int("batch-size", "Batch size",
                       "Frames of different elements on one engine that are computed together at most", 1,
                       kBatchMax, 1, playing));
  g_object_class_install_property(
      klass, PROP_BATCH_TIMEOUT,
      g_param_spec_uint64(
          "batch-timeout", "Batch timeout",
          "Nanoseconds that a frame waits for others to make a batch with, where nothing else "
          "is to be computed; 0 = goes with those that are there",
          0, kTimeoutMax, 0, playing));
  g_object_class_install_property(
      klass, PROP_MAX_LATENCY,
      g_param_spec_uint64(
          "max-latency", "Maximum latency",
          "Nanoseconds that a frame of a live source may become late by waiting for its result; "
          "one that would is passed on with the last map and its age. 2^64 - 1 = any",
          0, G_MAXUINT64, GST_CLOCK_TIME_NONE, playing));
}

bool set_stream_property(StreamConfig& config, guint id, const GValue* value) {
  switch (id) {
    case PROP_ENGINE_ID: {
      const char* text = g_value_get_string(value);
      config.engine_id = text ? text : "";
      return true;
    }
    case PROP_BATCH_SIZE:
      config.batch_size = g_value_get_int(value);
      return true;
    case PROP_BATCH_TIMEOUT:
      config.batch_timeout = g_value_get_uint64(value);
      return true;
    case PROP_MAX_LATENCY:
      config.max_latency = g_value_get_uint64(value);
      return true;
    default:
      return false;
  }
}

bool get_stream_property(const StreamConfig& config, guint id, GValue* value) {
  switch (id) {
    case PROP_ENGINE_ID:
      g_value_set_string(value, config.engine_id.empty() ? nullptr : config.engine_id.c_str());
      return true;
    case PROP_BATCH_SIZE:
      g_value_set_int(value, config.batch_size);
      return true;
    case PROP_BATCH_TIMEOUT:
      g_value_set_uint64(value, config.batch_timeout);
      return true;
    case PROP_MAX_LATENCY:
      g_value_set_uint64(value, config.max_latency);
      return true;
    default:
      return false;
  }
}

}  // namespace anomaly
