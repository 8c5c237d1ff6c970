// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalytestsrcconfig.h"

#include "gst/plugin/propertyvalues.h"

namespace anomaly {

namespace {

GType truth_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Truth::None), "Attach nothing", "none"},
      {static_cast<int>(Truth::Mask), "Attach the mask and the boxes of anomalies", "mask"},
      {static_cast<int>(Truth::Labels), "Attach mask, boxes, and the Cityscapes train id of every pixel",
       "labels"},
      {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_enum_register_static("GstAnomalyTestSrcTruth", values));
  return type;
}

}  // namespace

void install_testsrc_properties(GObjectClass* klass) {
  const auto flags =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  g_object_class_install_property(
      klass, TESTSRC_SEED,
      g_param_spec_uint64("seed", "Seed", "Which drive: place, weather, traffic and anomalies follow from it",
                          0, G_MAXUINT64, 0, flags));
  g_object_class_install_property(
      klass, TESTSRC_IS_LIVE,
      g_param_spec_boolean("is-live", "Is live", "Act as a camera: frames come in their own time", FALSE,
                           flags));
  g_object_class_install_property(
      klass, TESTSRC_ANOMALIES,
      g_param_spec_boolean(
          "anomalies", "Anomalies",
          "Put anomalies on the road; without them the drive is the same but for what they cover", TRUE,
          flags));
  g_object_class_install_property(
      klass, TESTSRC_ANOMALY_FIRST,
      g_param_spec_int("anomaly-first", "First anomaly", "Frame on which the first anomaly appears", 0,
                       G_MAXINT, 50, flags));
  g_object_class_install_property(
      klass, TESTSRC_ANOMALY_PERIOD,
      g_param_spec_int("anomaly-period", "Anomaly period", "Frames from one appearance to the next", 1,
                       G_MAXINT, 100, flags));
  g_object_class_install_property(
      klass, TESTSRC_ANOMALY_FRAMES,
      g_param_spec_int("anomaly-frames", "Anomaly frames",
                       "Frames for which an anomaly stays in view, at most anomaly-period", 1, G_MAXINT, 50,
                       flags));
  g_object_class_install_property(
      klass, TESTSRC_TRUTH,
      g_param_spec_enum("truth", "Truth", "What is attached to frames as GstAnomalyTruthMeta", truth_type(),
                        static_cast<int>(Truth::Mask), flags));
}

bool set_testsrc_property(TestSrcConfig& config, guint id, const GValue* value) {
  switch (id) {
    case TESTSRC_SEED:
      config.scene.seed = g_value_get_uint64(value);
      return true;
    case TESTSRC_ANOMALIES:
      config.scene.anomalies = g_value_get_boolean(value);
      return true;
    case TESTSRC_ANOMALY_FIRST:
      config.scene.anomaly_first = g_value_get_int(value);
      return true;
    case TESTSRC_ANOMALY_PERIOD:
      config.scene.anomaly_period = g_value_get_int(value);
      return true;
    case TESTSRC_ANOMALY_FRAMES:
      config.scene.anomaly_frames = g_value_get_int(value);
      return true;
    case TESTSRC_TRUTH:
      config.truth = static_cast<Truth>(g_value_get_enum(value));
      return true;
    default:
      return false;
  }
}

bool get_testsrc_property(const TestSrcConfig& config, guint id, GValue* value) {
  switch (id) {
    case TESTSRC_SEED:
      g_value_set_uint64(value, config.scene.seed);
      return true;
    case TESTSRC_ANOMALIES:
      g_value_set_boolean(value, config.scene.anomalies);
      return true;
    case TESTSRC_ANOMALY_FIRST:
      g_value_set_int(value, config.scene.anomaly_first);
      return true;
    case TESTSRC_ANOMALY_PERIOD:
      g_value_set_int(value, config.scene.anomaly_period);
      return true;
    case TESTSRC_ANOMALY_FRAMES:
      g_value_set_int(value, config.scene.anomaly_frames);
      return true;
    case TESTSRC_TRUTH:
      g_value_set_enum(value, static_cast<int>(config.truth));
      return true;
    default:
      return false;
  }
}

}  // namespace anomaly
