// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectstandard.h"

#include "gst/plugin/propertyvalues.h"
#include "gst/plugin/regionmetas.h"
#ifdef HAVE_ANALYTICS
#include "gst/plugin/analytics/analyticsmetas.h"
#endif

namespace anomaly {

namespace {

GType standard_type() {
  static const GFlagsValue values[] = {
      {kStandardRegions, "GstVideoRegionOfInterestMeta for each region", "regions"},
      {kStandardObjects, "Analytics metadata: objects, classes, tracking (GStreamer 1.24)", "objects"},
      {kStandardSegmentation, "Analytics metadata: segmentation mask of the regions (GStreamer 1.26)",
       "segmentation"},
      {kStandardTensor, "GstTensorMeta with the score map (GStreamer 1.26)", "tensor"},
      {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_flags_register_static("GstAnomalyDetectStandard", values));
  return type;
}

}  // namespace

void install_standard_properties(GObjectClass* klass) {
  g_object_class_install_property(
      klass, PROP_STANDARD_METADATA,
      g_param_spec_flags(
          "standard-metadata", "Standard metadata",
          "Metadata of GStreamer's own to attach beside GstAnomalyMeta, as far as the "
          "GStreamer that the plugin was built with has it",
          standard_type(), kStandardAll,
          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)));
}

bool set_standard_property(guint& flags, guint id, const GValue* value) {
  if (id == PROP_STANDARD_METADATA) flags = g_value_get_flags(value);
  return id == PROP_STANDARD_METADATA;
}

bool get_standard_property(guint flags, guint id, GValue* value) {
  if (id == PROP_STANDARD_METADATA) g_value_set_flags(value, flags);
  return id == PROP_STANDARD_METADATA;
}

guint supported_standard(guint flags) {
#ifdef HAVE_ANALYTICS
  return flags & (kStandardRegions | supported_analytics());
#else
  return flags & kStandardRegions;
#endif
}

#ifdef HAVE_ANALYTICS
GstBuffer* standard_region_mask(const MapStatistics& statistics, int width, int height) {
  return region_mask(statistics, width, height);
}
#else
GstBuffer* standard_region_mask(const MapStatistics&, int, int) {
  return nullptr;
}
#endif

void attach_standard_metadata(GstBuffer* buffer, guint flags, const StandardFindings& findings) {
  std::vector<guint> objects;
#ifdef HAVE_ANALYTICS
  remove_region_metas(buffer, our_objects(buffer));
  remove_analytics_metas(buffer);
  if (flags & supported_analytics()) objects = add_analytics_metas(buffer, flags, findings);
#else
  remove_region_metas(buffer, [](const auto&) { return false; });
#endif
  if (flags & kStandardRegions) add_region_metas(buffer, findings, objects);
}

}  // namespace anomaly
