// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/regionmetas.h"

#include <algorithm>

namespace anomaly {

namespace {

constexpr const char* kDetection = "detection";
constexpr const char* kObjectId = "object_id";
constexpr const char* kSource = "source";
constexpr const char* kOurs = "anomalydetect";

// Ids of metas without an object lie in a range of their own: 'A', then the region's place in the list.
constexpr gint kIdBase = 0x41000000, kIdMask = 0x7f000000;

bool is_ours(const GstVideoRegionOfInterestMeta& meta, const IsObject& is_object) {
  for (const GList* at = meta.params; at; at = at->next) {
    const auto* structure = static_cast<const GstStructure*>(at->data);
    if (gst_structure_has_name(structure, kDetection))
      return g_strcmp0(gst_structure_get_string(structure, kSource), kOurs) == 0;
  }
  if (meta.params) return false;
  return (meta.id & kIdMask) == kIdBase || is_object(meta);
}

}  // namespace

double confidence_of(double score) {
  return score > 0 ? std::min(score, 1.0) : 0;  // NaN: 0
}

const char* label_of(const GstAnomalyRegion& region) {
  return region.label ? region.label : "anomaly";
}

void add_region_metas(GstBuffer* buffer, const StandardFindings& findings, const std::vector<guint>& ids) {
  const double width = findings.width, height = findings.height;
  for (size_t i = 0; i < findings.regions->size(); ++i) {
    const GstAnomalyRegion& region = (*findings.regions)[i];
    GstVideoRegionOfInterestMeta* meta = gst_buffer_add_video_region_of_interest_meta(
        buffer, label_of(region), static_cast<guint>(region.x), static_cast<guint>(region.y),
        static_cast<guint>(region.width), static_cast<guint>(region.height));
    meta->id = i < ids.size() ? static_cast<gint>(ids[i]) : kIdBase | (static_cast<gint>(i) + 1);
    gst_video_region_of_interest_meta_add_param(
        meta, gst_structure_new(kDetection, "x_min", G_TYPE_DOUBLE, region.x / width, "x_max", G_TYPE_DOUBLE,
                                (region.x + region.width) / width, "y_min", G_TYPE_DOUBLE, region.y / height,
                                "y_max", G_TYPE_DOUBLE, (region.y + region.height) / height, "confidence",
                                G_TYPE_DOUBLE, confidence_of(region.max), "label_id", G_TYPE_INT,
                                (*findings.class_ids)[i], "model_name", G_TYPE_STRING, findings.model,
                                kSource, G_TYPE_STRING, kOurs, nullptr));
    gst_video_region_of_interest_meta_add_param(
        meta, gst_structure_new(kObjectId, "id", G_TYPE_INT, static_cast<gint>(region.id), nullptr));
  }
}

void remove_region_metas(GstBuffer* buffer, const IsObject& is_object) {
  const auto drop = [](GstBuffer*, GstMeta** meta, gpointer data) -> gboolean {
    if ((*meta)->info->api != GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE) return TRUE;
    const auto& object = *static_cast<const IsObject*>(data);
    if (is_ours(*reinterpret_cast<GstVideoRegionOfInterestMeta*>(*meta), object)) *meta = nullptr;
    return TRUE;
  };
  gst_buffer_foreach_meta(buffer, drop, const_cast<IsObject*>(&is_object));
}

}  // namespace anomaly
