// SPDX-License-Identifier: LGPL-2.1-or-later
// Which entries of a relation meta are ours, and how they are taken out of it: the library only adds.
#include "gst/plugin/analytics/ourentries.h"

#include <gst/analytics/analytics.h>

#include <cstring>
#include <vector>

namespace anomaly {

namespace {

constexpr const char* kMarkName = "gst-anomaly";

struct Mark {
  guint entries;  // of ours that follow
};

// Plain numbers: GStreamer's own copy is enough.
gboolean keep(GstBuffer*, GstAnalyticsMtd*, GstBuffer*, GQuark, gpointer) {
  return TRUE;
}

const GstAnalyticsMtdImpl kMark = {kMarkName, keep, nullptr, {}};

// Adds to `to` the entries of `from` that are not ours, as a copy of the buffer would.
void copy_others(GstBuffer* to, GstBuffer* from, const OurEntries& ours) {
  GstAnalyticsRelationMeta* source = gst_buffer_get_analytics_relation_meta(from);
  const auto length = static_cast<guint>(gst_analytics_relation_get_length(source));
  GstAnalyticsRelationMetaInitParams size = {length, size_t{256} * length};
  GstAnalyticsRelationMeta* target = gst_buffer_add_analytics_relation_meta_full(to, &size);
  std::vector<guint> kept, ids;
  for (guint id = 0; id < length; ++id) {
    GstAnalyticsMtd entry, copy;
    if (ours.holds(id) ||
        !gst_analytics_relation_meta_get_mtd(source, id, GST_ANALYTICS_MTD_TYPE_ANY, &entry))
      continue;
    const auto* impl = reinterpret_cast<const GstAnalyticsMtdImpl*>(gst_analytics_mtd_get_mtd_type(&entry));
    const gsize bytes = gst_analytics_mtd_get_size(&entry);
    gpointer data = gst_analytics_relation_meta_add_mtd(target, impl, bytes, &copy);
    std::memcpy(data, gst_analytics_relation_meta_get_mtd_data(source, id), bytes);
    GstMetaTransformCopy whole = {FALSE, 0, static_cast<gsize>(-1)};
    if (impl->mtd_meta_transform) impl->mtd_meta_transform(to, &copy, from, _gst_meta_transform_copy, &whole);
    kept.push_back(id);
    ids.push_back(copy.id);
  }
  for (size_t i = 0; i < kept.size(); ++i)
    for (size_t j = 0; j < kept.size(); ++j) {
      const GstAnalyticsRelTypes relation =
          gst_analytics_relation_meta_get_relation(source, kept[i], kept[j]);
      if (relation != GST_ANALYTICS_REL_TYPE_NONE)
        gst_analytics_relation_meta_set_relation(target, relation, ids[i], ids[j]);
    }
}

}  // namespace

void mark_entries(GstAnalyticsRelationMeta* relations, guint entries, GstAnalyticsMtd* mark) {
  auto* data = static_cast<Mark*>(gst_analytics_relation_meta_add_mtd(relations, &kMark, sizeof(Mark), mark));
  data->entries = entries;
}

OurEntries our_entries(GstBuffer* buffer) {
  GstAnalyticsRelationMeta* relations = gst_buffer_get_analytics_relation_meta(buffer);
  if (!relations) return {};
  // By name, not by address: the frame may come from another copy of the plugin.
  gpointer state = nullptr;
  GstAnalyticsMtd entry;
  while (gst_analytics_relation_meta_iterate(relations, &state, GST_ANALYTICS_MTD_TYPE_ANY, &entry)) {
    if (std::strcmp(gst_analytics_mtd_type_get_name(gst_analytics_mtd_get_mtd_type(&entry)), kMarkName) != 0)
      continue;
    const auto* mark =
        static_cast<const Mark*>(gst_analytics_relation_meta_get_mtd_data(relations, entry.id));
    return {entry.id, entry.id + 1 + mark->entries};
  }
  return {};
}

IsObject our_objects(GstBuffer* buffer) {
  return [ours = our_entries(buffer), relations = gst_buffer_get_analytics_relation_meta(buffer)](
             const GstVideoRegionOfInterestMeta& meta) {
    GstAnalyticsODMtd object;
    gint x, y, width, height;
    if (meta.id < 0 || !ours.holds(static_cast<guint>(meta.id)) ||
        !gst_analytics_relation_meta_get_od_mtd(relations, static_cast<guint>(meta.id), &object) ||
        !gst_analytics_od_mtd_get_location(&object, &x, &y, &width, &height, nullptr))
      return false;
    return gst_analytics_od_mtd_get_obj_type(&object) == meta.roi_type && static_cast<guint>(x) == meta.x &&
           static_cast<guint>(y) == meta.y && static_cast<guint>(width) == meta.w &&
           static_cast<guint>(height) == meta.h;
  };
}

void remove_our_entries(GstBuffer* buffer) {
  const OurEntries ours = our_entries(buffer);
  if (ours.first == ours.last) return;
  GstAnalyticsRelationMeta* relations = gst_buffer_get_analytics_relation_meta(buffer);
  GstBuffer* others = nullptr;
  if (ours.last - ours.first < gst_analytics_relation_get_length(relations)) {
    others = gst_buffer_new();
    copy_others(others, buffer, ours);
  }
  gst_buffer_remove_meta(buffer, reinterpret_cast<GstMeta*>(relations));
  if (!others) return;
  gst_buffer_copy_into(buffer, others, GST_BUFFER_COPY_META, 0, static_cast<gsize>(-1));
  gst_buffer_unref(others);
}

}  // namespace anomaly
