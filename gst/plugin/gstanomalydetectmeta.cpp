// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectmeta.h"

#include <utility>

namespace anomaly {

namespace {

using Owner = std::shared_ptr<const void>;

// A read-only buffer over the plane's numbers, which live as long as the buffer's memory.
GstBuffer* share(const Plane& plane) {
  auto* owner = new Owner(plane.data);
  GstBuffer* buffer = gst_buffer_new();
  gst_buffer_append_memory(
      buffer,
      gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY, const_cast<void*>(plane.data.get()), plane.bytes(), 0,
                             plane.bytes(), owner, [](gpointer data) { delete static_cast<Owner*>(data); }));
  return buffer;
}

GstAnomalyRegion describe(const Region& region, const std::vector<const char*>& classes) {
  GstAnomalyRegion out = {};
  out.id = static_cast<guint>(region.id);
  out.x = region.x;
  out.y = region.y;
  out.width = region.width;
  out.height = region.height;
  out.area = static_cast<guint64>(region.area);
  out.mean = region.mean;
  out.max = region.max;
  if (region.label >= 0 && static_cast<size_t>(region.label) < classes.size())
    out.label = classes[region.label];
  return out;
}

}  // namespace

Findings::Findings(Result result, float threshold, const char* method, const char* model,
                   const std::vector<const char*>& classes)
    : statistics_(std::move(result.statistics)),
      threshold_(threshold),
      inference_ms_(result.inference_ms),
      method_(method),
      model_(model) {
  maps_.reserve(1 + result.further.size());
  regions_.reserve(statistics_.regions.size());
  for (const Region& region : statistics_.regions) regions_.push_back(describe(region, classes));
  maps_.push_back({result.map, share(result.map)});
  for (const Plane& plane : result.further) maps_.push_back({plane, share(plane)});
}

Findings::~Findings() {
  for (const Map& map : maps_) gst_buffer_unref(map.values);
}

void Findings::attach(GstBuffer* buffer, int width, int height, guint age) const {
  while (GstAnomalyMeta* old = gst_buffer_get_anomaly_meta(buffer))
    if (!gst_buffer_remove_meta(buffer, &old->meta)) break;

  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  meta->score = statistics_.score;
  meta->max = statistics_.max;
  meta->mean = statistics_.mean;
  meta->share = statistics_.share;
  meta->threshold = threshold_;
  meta->width = width;
  meta->height = height;
  meta->method = method_;
  meta->model = model_;
  meta->inference_ms = inference_ms_;
  meta->age = age;
  for (const GstAnomalyRegion& region : regions_) gst_anomaly_meta_add_region(meta, &region);
  for (const Map& map : maps_) {
    const guint columns = map.plane.width, rows = map.plane.height;
    if (&map == &maps_.front())
      gst_anomaly_meta_set_map(meta, columns, rows, gst_buffer_ref(map.values));
    else
      gst_anomaly_meta_add_plane(
          meta, map.plane.name.c_str(),
          map.plane.type == Plane::Type::F32 ? GST_ANOMALY_PLANE_F32 : GST_ANOMALY_PLANE_U8, columns, rows,
          map.plane.channels, gst_buffer_ref(map.values));
  }
}

}  // namespace anomaly
