// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectmeta.h"

#include <utility>

#include "gst/plugin/devicemap.h"

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

GstAnomalyRegion describe(const Region& region, const Sighting& sighting,
                          const std::vector<const char*>& classes) {
  GstAnomalyRegion out = {};
  out.id = sighting.id;
  out.first_seen =
      sighting.first_time < 0 ? GST_CLOCK_TIME_NONE : static_cast<GstClockTime>(sighting.first_time);
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

Findings::Findings(Result result, const std::vector<Sighting>& sightings, BufferMemory& memory,
                   float threshold, const DetectModel& model, guint standard, GstClockTime computed_at)
    : statistics_(std::move(result.statistics)),
      threshold_(threshold),
      inference_ms_(result.inference_ms),
      method_(model.method),
      model_(model.name),
      standard_(standard),
      computed_at_(computed_at) {
  maps_.reserve(1 + result.further.size());
  regions_.reserve(sightings.size());
  first_frames_.reserve(sightings.size());
  class_ids_.reserve(sightings.size());
  for (size_t i = 0; i < sightings.size(); ++i) {
    regions_.push_back(describe(statistics_.regions[i], sightings[i], model.classes));
    first_frames_.push_back(sightings[i].first_frame);
    class_ids_.push_back(regions_.back().label ? statistics_.regions[i].label : -1);
  }
  add_map(std::move(result.map), memory);
  for (Plane& plane : result.further) add_map(std::move(plane), memory);
}

void Findings::add_map(Plane plane, BufferMemory& memory) {
  GstBuffer* values =
      plane.kind == FrameMemory::Kind::Cuda ? device_map_new(plane) : memory.buffer_at(plane.data.get());
  if (!values) values = share(plane);
  plane.data.reset();
  plane.download = nullptr;
  maps_.push_back({std::move(plane), values});
}

Findings::~Findings() {
  for (const Map& map : maps_) gst_buffer_unref(map.values);
  gst_clear_buffer(&region_mask_);
}

void remove_findings(GstBuffer* buffer) {
  while (GstAnomalyMeta* old = gst_buffer_get_anomaly_meta(buffer))
    if (!gst_buffer_remove_meta(buffer, &old->meta)) break;
}

void Findings::attach(GstBuffer* buffer, int width, int height, guint surface, guint age, int64_t number) {
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
  meta->surface = surface;
  for (size_t i = 0; i < regions_.size(); ++i) {
    GstAnomalyRegion region = regions_[i];
    region.age = static_cast<guint>(CLAMP(number - first_frames_[i], 0, G_MAXUINT));
    gst_anomaly_meta_add_region(meta, &region);
  }
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
  attach_standard(buffer, width, height);
}

void Findings::attach_standard(GstBuffer* buffer, int width, int height) {
  if (!statistics_.runs.empty()) {  // once: later frames share the mask
    region_mask_ = standard_region_mask(statistics_, width, height);
    statistics_.runs = {};
  }
  StandardFindings findings;
  findings.width = width;
  findings.height = height;
  findings.regions = &regions_;
  findings.class_ids = &class_ids_;
  findings.model = model_;
  findings.score = statistics_.score;
  findings.computed_at = computed_at_;
  findings.region_mask = region_mask_;
  findings.scores = maps_.front().values;
  findings.map_width = static_cast<guint>(maps_.front().plane.width);
  findings.map_height = static_cast<guint>(maps_.front().plane.height);
  attach_standard_metadata(buffer, standard_, findings);
}

}  // namespace anomaly
