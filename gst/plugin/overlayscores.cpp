// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlayscores.h"

#include <algorithm>
#include <cstddef>

#include "gst/plugin/devicemap.h"
#include "src/error.h"

namespace anomaly {
namespace {

bool map_scores(const GstAnomalyMeta& meta, GstMapInfo* info, ScoreMap* map) {
  guint width = 0, height = 0;
  const gfloat* values = nullptr;
  if (!gst_anomaly_meta_map_scores(&meta, info, &values, &width, &height)) return false;
  *map = {values, static_cast<int>(width), static_cast<int>(height)};
  return true;
}

}  // namespace

Scores::Scores(const GstAnomalyMeta& meta) : meta_(meta) {
  GstBuffer* data = meta.map.data;
  const void* values = nullptr;
  if (data && device_map_at(data, &values, &memory_) && memory_.kind == FrameMemory::Kind::Cuda) {
    const gsize size = gst_anomaly_plane_get_size(&meta.map);
    if (size > 0 && gst_buffer_get_size(data) >= size)
      map_ = {static_cast<const float*>(values), static_cast<int>(meta.map.width),
              static_cast<int>(meta.map.height)};
    return;
  }
  memory_ = {};
  if (map_scores(meta, &info_, &host_)) map_ = host_;
}

Scores::~Scores() {
  if (host_.values) gst_anomaly_meta_unmap_scores(&meta_, &info_);
}

bool Scores::reach(float threshold) const {
  if (!there()) return false;
  if (memory_.kind == FrameMemory::Kind::Cuda) return meta_.max >= threshold;
  const size_t count = static_cast<size_t>(map_.width) * static_cast<size_t>(map_.height);
  return std::any_of(map_.values, map_.values + count, [=](float score) { return score >= threshold; });
}

const ScoreMap& Scores::on_host() {
  if (there() && !host_.values && !map_scores(meta_, &info_, &host_))
    throw Error(ErrorKind::Device, "A score map cannot be copied from the GPU's memory.");
  return host_;
}

ScoreMap Scores::on_device(int device) const {
  return memory_.kind == FrameMemory::Kind::Cuda && memory_.device == device ? map_ : ScoreMap{};
}

}  // namespace anomaly
