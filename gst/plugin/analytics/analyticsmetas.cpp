// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/analytics/analyticsmetas.h"

#include <gst/analytics/analytics.h>

#include <algorithm>

#include "gst/plugin/analytics/analyticsmaps.h"
#include "gst/plugin/analytics/ourentries.h"

namespace anomaly {

namespace {

GQuark anomaly_class() {
  static const GQuark quark = g_quark_from_static_string("anomaly");
  return quark;
}

// Both ways round, since some elements follow relations forwards, some backwards.
void relate(GstAnalyticsRelationMeta* relations, guint a, guint b) {
  gst_analytics_relation_meta_set_relation(relations, GST_ANALYTICS_REL_TYPE_RELATE_TO, a, b);
  gst_analytics_relation_meta_set_relation(relations, GST_ANALYTICS_REL_TYPE_RELATE_TO, b, a);
}

void contain(GstAnalyticsRelationMeta* relations, guint whole, guint part) {
  gst_analytics_relation_meta_set_relation(relations, GST_ANALYTICS_REL_TYPE_CONTAIN, whole, part);
  gst_analytics_relation_meta_set_relation(relations, GST_ANALYTICS_REL_TYPE_IS_PART_OF, part, whole);
}

// Box, classes and tracking of one region; the object's id.
guint add_object(GstAnalyticsRelationMeta* relations, const GstAnomalyRegion& region, GstClockTime seen) {
  const auto confidence = static_cast<gfloat>(confidence_of(region.max));
  const GQuark label = g_quark_from_string(label_of(region));
  GstAnalyticsODMtd object;
  gst_analytics_relation_meta_add_od_mtd(relations, label, region.x, region.y, region.width, region.height,
                                         confidence, &object);
  // "anomaly" comes first: what draws objects writes the first class beside them.
  GQuark names[] = {anomaly_class(), label};
  gfloat levels[] = {confidence, kNoConfidence};
  GstAnalyticsClsMtd classes;
  gst_analytics_relation_meta_add_cls_mtd(relations, region.label ? 2 : 1, levels, names, &classes);
  relate(relations, object.id, classes.id);
  GstAnalyticsTrackingMtd tracking;
  gst_analytics_relation_meta_add_tracking_mtd(relations, region.id, region.first_seen, &tracking);
  gst_analytics_tracking_mtd_update_last_seen(&tracking, seen);
  relate(relations, object.id, tracking.id);
  return object.id;
}

}  // namespace

guint supported_analytics() {
  return kStandardObjects | supported_maps();
}

std::vector<guint> add_analytics_metas(GstBuffer* buffer, guint flags, const StandardFindings& findings) {
  std::vector<guint> objects;
  if (flags & kStandardTensor) add_tensor(buffer, findings);
  const bool masked = (flags & kStandardSegmentation) && findings.region_mask;
  if (!(flags & kStandardObjects) && !masked) return objects;

  const size_t count = (flags & kStandardObjects) ? std::min(findings.regions->size(), kMaxObjects) : 0;
  const auto entries = static_cast<guint>(1 + 3 * count + (masked ? 2 : 0));
  GstAnalyticsRelationMetaInitParams size = {entries + 1, (entries + 1) * size_t{128}};
  GstAnalyticsRelationMeta* relations = gst_buffer_add_analytics_relation_meta_full(buffer, &size);
  GstAnalyticsMtd mark;
  mark_entries(relations, entries, &mark);
  GQuark name = anomaly_class();
  auto score = static_cast<gfloat>(confidence_of(findings.score));
  GstAnalyticsClsMtd frame;
  gst_analytics_relation_meta_add_cls_mtd(relations, 1, &score, &name, &frame);
  relate(relations, mark.id, frame.id);
  for (size_t i = 0; i < count; ++i) {
    objects.push_back(add_object(relations, (*findings.regions)[i], findings.computed_at));
    contain(relations, frame.id, objects.back());
  }
  if (masked) {
    const guint segmentation = add_segmentation(relations, findings);
    contain(relations, frame.id, segmentation);
    for (const guint object : objects) contain(relations, segmentation, object);
  }
  return objects;
}

void remove_analytics_metas(GstBuffer* buffer) {
  remove_our_entries(buffer);
  remove_tensor(buffer);
}

}  // namespace anomaly
