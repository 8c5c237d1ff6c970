// SPDX-License-Identifier: LGPL-2.1-or-later
// Analytics metadata looked at: entries and relations, objects and masks against the regions that they tell
// of.
#pragma once

#include <gst/analytics/analytics.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tests/gst/standard_common.h"

inline GstAnalyticsRelationMeta* relations_of(GstBuffer* buffer) {
  GstAnalyticsRelationMeta* relations = gst_buffer_get_analytics_relation_meta(buffer);
  fail_unless(relations != nullptr, "no relation meta");
  return relations;
}

inline std::vector<guint> ids_of(GstBuffer* buffer, GstAnalyticsMtdType type) {
  std::vector<guint> ids;
  GstAnalyticsRelationMeta* relations = gst_buffer_get_analytics_relation_meta(buffer);
  gpointer state = nullptr;
  GstAnalyticsMtd entry;
  while (relations && gst_analytics_relation_meta_iterate(relations, &state, type, &entry))
    ids.push_back(entry.id);
  return ids;
}

inline std::vector<guint> objects_of(GstBuffer* buffer) {
  return ids_of(buffer, gst_analytics_od_mtd_get_mtd_type());
}

inline std::vector<guint> all_of(GstBuffer* buffer) {
  return ids_of(buffer, GST_ANALYTICS_MTD_TYPE_ANY);
}

// The one entry of `type` that `id` has this relation to.
inline guint related(GstAnalyticsRelationMeta* relations, guint id, GstAnalyticsRelTypes relation,
                     GstAnalyticsMtdType type) {
  gpointer state = nullptr;
  GstAnalyticsMtd entry, other;
  fail_unless(gst_analytics_relation_meta_get_direct_related(relations, id, relation, type, &state, &entry),
              "entry %u has no relation %d to a %s", id, relation, gst_analytics_mtd_type_get_name(type));
  fail_if(gst_analytics_relation_meta_get_direct_related(relations, id, relation, type, &state, &other),
          "entry %u has several relations %d to a %s", id, relation, gst_analytics_mtd_type_get_name(type));
  return entry.id;
}

inline void class_is(GstAnalyticsClsMtd* classes, gsize index, const char* name, double level) {
  fail_unless_equals_string(g_quark_to_string(gst_analytics_cls_mtd_get_quark(classes, index)), name);
  fail_unless_equals_float(gst_analytics_cls_mtd_get_level(classes, index), static_cast<gfloat>(level));
}

// One object with classes and tracking for each region, in their order, all part of the frame's class.
inline void objects_tell_regions(GstBuffer* buffer, GstClockTime computed_at, size_t most = 255) {
  GstAnalyticsRelationMeta* relations = relations_of(buffer);
  const auto regions = regions_of(buffer);
  const auto ids = objects_of(buffer);
  fail_unless_equals_int(ids.size(), std::min(regions.size(), most));
  const GstAnalyticsMtdType class_type = gst_analytics_cls_mtd_get_mtd_type();
  for (size_t i = 0; i < ids.size(); ++i) {
    const GstAnomalyRegion& region = regions[i];
    const double confidence = CLAMP(region.max, 0, 1);
    GstAnalyticsODMtd object;
    fail_unless(gst_analytics_relation_meta_get_od_mtd(relations, ids[i], &object));
    gint x, y, width, height;
    gfloat level;
    fail_unless(gst_analytics_od_mtd_get_location(&object, &x, &y, &width, &height, &level));
    fail_unless(x == region.x && y == region.y && width == region.width && height == region.height);
    fail_unless_equals_float(level, static_cast<gfloat>(confidence));
    fail_unless_equals_string(g_quark_to_string(gst_analytics_od_mtd_get_obj_type(&object)),
                              region.label ? region.label : "anomaly");

    GstAnalyticsClsMtd classes;
    fail_unless(gst_analytics_relation_meta_get_cls_mtd(
        relations, related(relations, ids[i], GST_ANALYTICS_REL_TYPE_RELATE_TO, class_type), &classes));
    fail_unless_equals_int(gst_analytics_cls_mtd_get_length(&classes), region.label ? 2 : 1);
    class_is(&classes, 0, "anomaly", confidence);
    if (region.label) class_is(&classes, 1, region.label, -1);

    GstAnalyticsTrackingMtd tracking;
    fail_unless(gst_analytics_relation_meta_get_tracking_mtd(
        relations,
        related(relations, ids[i], GST_ANALYTICS_REL_TYPE_RELATE_TO,
                gst_analytics_tracking_mtd_get_mtd_type()),
        &tracking));
    guint64 id;
    GstClockTime since, until;
    gboolean lost;
    fail_unless(gst_analytics_tracking_mtd_get_info(&tracking, &id, &since, &until, &lost));
    fail_unless_equals_uint64(id, region.id);
    fail_unless_equals_uint64(since, region.first_seen);
    fail_unless_equals_uint64(until, computed_at);
    fail_unless(!lost);

    const guint frame = related(relations, ids[i], GST_ANALYTICS_REL_TYPE_IS_PART_OF, class_type);
    fail_unless(gst_analytics_relation_meta_get_relation(relations, frame, ids[i]) ==
                GST_ANALYTICS_REL_TYPE_CONTAIN);
    GstAnalyticsClsMtd score;
    fail_unless(gst_analytics_relation_meta_get_cls_mtd(relations, frame, &score));
    fail_unless_equals_int(gst_analytics_cls_mtd_get_length(&score), 1);
    class_is(&score, 0, "anomaly", CLAMP(meta_of(buffer)->score, 0, 1));
  }
}

// Somebody else's: an object with a class.
inline guint add_foreign(GstBuffer* buffer) {
  GstAnalyticsRelationMeta* relations = gst_buffer_add_analytics_relation_meta(buffer);
  GstAnalyticsODMtd object;
  GstAnalyticsClsMtd classes;
  gfloat level = 0.75F;
  GQuark name = g_quark_from_static_string("car");
  fail_unless(gst_analytics_relation_meta_add_od_mtd(relations, name, 1, 2, 3, 4, 0.5F, &object));
  fail_unless(gst_analytics_relation_meta_add_cls_mtd(relations, 1, &level, &name, &classes));
  fail_unless(gst_analytics_relation_meta_set_relation(relations, GST_ANALYTICS_REL_TYPE_CONTAIN, object.id,
                                                       classes.id));
  return object.id;
}

// That the first object is somebody else's, as it was added.
inline void foreign_is_there(GstBuffer* buffer) {
  GstAnalyticsRelationMeta* relations = relations_of(buffer);
  GstAnalyticsODMtd object;
  fail_unless(gst_analytics_relation_meta_get_od_mtd(relations, objects_of(buffer).at(0), &object));
  fail_unless_equals_string(g_quark_to_string(gst_analytics_od_mtd_get_obj_type(&object)), "car");
  gint x, y, width, height;
  gfloat level;
  fail_unless(gst_analytics_od_mtd_get_location(&object, &x, &y, &width, &height, &level));
  fail_unless(x == 1 && y == 2 && width == 3 && height == 4);
  GstAnalyticsClsMtd classes;
  fail_unless(gst_analytics_relation_meta_get_cls_mtd(
      relations,
      related(relations, object.id, GST_ANALYTICS_REL_TYPE_CONTAIN, gst_analytics_cls_mtd_get_mtd_type()),
      &classes));
  class_is(&classes, 0, "car", 0.75);
}

// A mask whose every second pixel of every second row counts: more regions than objects are told of.
inline std::string dotted_mask() {
  char name[] = "/tmp/anomaly-analytics-XXXXXX";
  close(mkstemp(name));
  std::string bytes = "P5 " + std::to_string(kFrameWidth) + " " + std::to_string(kFrameHeight) + " 255\n";
  for (int y = 0; y < kFrameHeight; ++y)
    for (int x = 0; x < kFrameWidth; ++x) bytes += static_cast<char>(x % 2 == 0 && y % 2 == 0 ? 255 : 0);
  fail_unless(g_file_set_contents(name, bytes.data(), static_cast<gssize>(bytes.size()), nullptr));
  return name;
}

#ifdef HAVE_ANALYTICS_MAPS
inline GstAnalyticsSegmentationMtd segmentation_of(GstBuffer* buffer) {
  const auto ids = ids_of(buffer, gst_analytics_segmentation_mtd_get_mtd_type());
  fail_unless_equals_int(ids.size(), 1);
  GstAnalyticsSegmentationMtd segmentation;
  fail_unless(gst_analytics_relation_meta_get_segmentation_mtd(relations_of(buffer), ids[0], &segmentation));
  return segmentation;
}

// Area and box of each region, as the mask has them: every pixel of 1 + its index.
inline void mask_tells_regions(GstBuffer* buffer, int width, int height) {
  GstAnalyticsSegmentationMtd segmentation = segmentation_of(buffer);
  gint x, y;
  guint covered_width, covered_height;
  GstBuffer* mask =
      gst_analytics_segmentation_mtd_get_mask(&segmentation, &x, &y, &covered_width, &covered_height);
  fail_unless(x == 0 && y == 0);
  fail_unless_equals_int(covered_width, width);
  fail_unless_equals_int(covered_height, height);
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, static_cast<guint>(width),
                            static_cast<guint>(height));
  GstVideoFrame frame;
  fail_unless(gst_video_frame_map(&frame, &info, mask, GST_MAP_READ));
  const auto regions = regions_of(buffer);
  const size_t count = std::min<size_t>(regions.size(), 255);
  std::vector<guint64> area(count);
  std::vector<std::array<int, 4>> box(count, {width, height, 0, 0});
  const auto* data = static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column) {
      const guint8 id = data[row * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0) + column];
      if (id == 0) continue;
      fail_unless(id <= count, "region id %u of %zu at %d,%d", id, count, column, row);
      ++area[id - 1u];
      auto& [left, top, right, bottom] = box[id - 1u];
      left = std::min(left, column), right = std::max(right, column + 1);
      top = std::min(top, row), bottom = std::max(bottom, row + 1);
    }
  gst_video_frame_unmap(&frame);
  gst_buffer_unref(mask);
  for (size_t i = 0; i < count; ++i) {
    const GstAnomalyRegion& r = regions[i];
    fail_unless_equals_uint64(area[i], r.area);
    fail_unless((box[i] == std::array{r.x, r.y, r.x + r.width, r.y + r.height}));
  }

  // The region ids, and the class of each.
  GstAnalyticsRelationMeta* relations = relations_of(buffer);
  fail_unless_equals_int(gst_analytics_segmentation_mtd_get_region_count(&segmentation), count + 1);
  GstAnalyticsClsMtd classes;
  fail_unless(gst_analytics_relation_meta_get_cls_mtd(
      relations,
      related(relations, segmentation.id, GST_ANALYTICS_REL_TYPE_N_TO_N,
              gst_analytics_cls_mtd_get_mtd_type()),
      &classes));
  fail_unless_equals_int(gst_analytics_cls_mtd_get_length(&classes), count + 1);
  class_is(&classes, 0, "background", -1);
  for (size_t i = 0; i < count; ++i) {
    gsize index = 0;
    fail_unless(
        gst_analytics_segmentation_mtd_get_region_index(&segmentation, &index, static_cast<guint>(i + 1)));
    fail_unless_equals_int(index, i + 1);
    class_is(&classes, index, "anomaly", CLAMP(regions[i].max, 0, 1));
  }
  // Part of the frame's class, and what the objects are part of.
  const guint whole = related(relations, segmentation.id, GST_ANALYTICS_REL_TYPE_IS_PART_OF,
                              gst_analytics_cls_mtd_get_mtd_type());
  fail_unless(gst_analytics_relation_meta_get_relation(relations, whole, segmentation.id) ==
              GST_ANALYTICS_REL_TYPE_CONTAIN);
  for (const guint object : objects_of(buffer))
    fail_unless_equals_int(related(relations, object, GST_ANALYTICS_REL_TYPE_IS_PART_OF,
                                   gst_analytics_segmentation_mtd_get_mtd_type()),
                           segmentation.id);
}

inline const GstTensor* tensor_of(GstBuffer* buffer, const char* id) {
  GstTensorMeta* meta = gst_buffer_get_tensor_meta(buffer);
  if (!meta) return nullptr;
  const gint index = gst_tensor_meta_get_index_from_id(meta, g_quark_from_string(id));
  return index < 0 ? nullptr : gst_tensor_meta_get(meta, static_cast<gsize>(index));
}
#endif
