// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/analytics/analyticsmaps.h"

#include <gst/video/video.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "gst/plugin/regionmetas.h"

namespace anomaly {

namespace {

GQuark tensor_id() {
  static const GQuark quark = g_quark_from_static_string("gst-anomaly-scores");
  return quark;
}

// Those tensors of the meta that are not ours, copies, with room for `more` behind them.
GPtrArray* others(const GstTensorMeta* meta, guint more) {
  GPtrArray* tensors = g_ptr_array_sized_new(static_cast<guint>(meta->num_tensors) + more);
  for (gsize i = 0; i < meta->num_tensors; ++i)
    if (meta->tensors[i]->id != tensor_id()) g_ptr_array_add(tensors, gst_tensor_copy(meta->tensors[i]));
  return tensors;
}

void set_tensors(GstTensorMeta* meta, GPtrArray* tensors) {
  const guint count = tensors->len;
  gst_tensor_meta_set(meta, count, reinterpret_cast<GstTensor**>(g_ptr_array_free(tensors, FALSE)));
}

}  // namespace

guint supported_maps() {
  return kStandardSegmentation | kStandardTensor;
}

GstBuffer* region_mask(const MapStatistics& statistics, int width, int height) {
  if (statistics.regions.empty()) return nullptr;
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, static_cast<guint>(width),
                            static_cast<guint>(height));
  GstBuffer* mask = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
  GstMapInfo map;
  if (!mask || !gst_buffer_map(mask, &map, GST_MAP_WRITE)) {
    gst_clear_buffer(&mask);
    return nullptr;
  }
  std::memset(map.data, 0, map.size);
  const auto stride = static_cast<gsize>(GST_VIDEO_INFO_PLANE_STRIDE(&info, 0));
  for (const RegionRun& run : statistics.runs)
    if (static_cast<size_t>(run.region) < kMaxObjects)
      std::memset(map.data + run.y * stride + run.first, run.region + 1,
                  static_cast<size_t>(run.last) - static_cast<size_t>(run.first) + 1);
  gst_buffer_unmap(mask, &map);
  gst_buffer_add_video_meta(mask, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8,
                            static_cast<guint>(width), static_cast<guint>(height));
  return mask;
}

guint add_segmentation(GstAnalyticsRelationMeta* relations, const StandardFindings& findings) {
  // Region ids, and of each its class; the background is one of them.
  const size_t count = 1 + std::min(findings.regions->size(), kMaxObjects);
  std::vector<guint> ids(count);
  std::vector<GQuark> names(count);
  std::vector<gfloat> levels(count, kNoConfidence);
  names[0] = g_quark_from_static_string("background");
  for (size_t i = 1; i < count; ++i) {
    const GstAnomalyRegion& region = (*findings.regions)[i - 1];
    ids[i] = static_cast<guint>(i);
    names[i] = g_quark_from_static_string("anomaly");
    levels[i] = static_cast<gfloat>(confidence_of(region.max));
  }
  GstAnalyticsSegmentationMtd segmentation;
  gst_analytics_relation_meta_add_segmentation_mtd(
      relations, gst_buffer_ref(findings.region_mask), GST_SEGMENTATION_TYPE_INSTANCE, count, ids.data(), 0,
      0, static_cast<guint>(findings.width), static_cast<guint>(findings.height), &segmentation);
  GstAnalyticsClsMtd classes;
  gst_analytics_relation_meta_add_cls_mtd(relations, count, levels.data(), names.data(), &classes);
  const auto both =
      static_cast<GstAnalyticsRelTypes>(GST_ANALYTICS_REL_TYPE_RELATE_TO | GST_ANALYTICS_REL_TYPE_N_TO_N);
  gst_analytics_relation_meta_set_relation(relations, both, segmentation.id, classes.id);
  gst_analytics_relation_meta_set_relation(relations, both, classes.id, segmentation.id);
  return segmentation.id;
}

void add_tensor(GstBuffer* buffer, const StandardFindings& findings) {
  GstTensorMeta* meta = gst_buffer_add_tensor_meta(buffer);  // or the one that is there
  gsize size[] = {findings.map_height, findings.map_width};
  GPtrArray* tensors = others(meta, 1);
  g_ptr_array_add(tensors, gst_tensor_new_simple(tensor_id(), GST_TENSOR_DATA_TYPE_FLOAT32,
                                                 gst_buffer_ref(findings.scores),
                                                 GST_TENSOR_DIM_ORDER_ROW_MAJOR, G_N_ELEMENTS(size), size));
  set_tensors(meta, tensors);
}

void remove_tensor(GstBuffer* buffer) {
  GstTensorMeta* meta = gst_buffer_get_tensor_meta(buffer);
  if (!meta || gst_tensor_meta_get_index_from_id(meta, tensor_id()) < 0) return;
  GPtrArray* tensors = others(meta, 0);
  if (tensors->len > 0) {
    set_tensors(meta, tensors);
    return;
  }
  g_ptr_array_free(tensors, TRUE);
  gst_buffer_remove_meta(buffer, reinterpret_cast<GstMeta*>(meta));
}

}  // namespace anomaly
