// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectstats.h"

#include <algorithm>
#include <utility>

namespace anomaly {

void DetectStats::start(int max_in_flight, std::shared_ptr<const BufferMemory> maps) {
  const std::lock_guard<std::mutex> lock(mutex_);
  frames_ = computed_ = skipped_ = late_ = batches_sum_ = 0;
  inference_sum_ms_ = inference_last_ms_ = held_ms_ = announced_ms_ = 0;
  max_in_flight_ = max_in_flight;
  maps_ = std::move(maps);
}

void DetectStats::stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (maps_) map_buffers_ = maps_->allocated();
  maps_.reset();
  share_.reset();
}

void DetectStats::model(const ModelInfo& model, const char* method,
                        const std::shared_ptr<EngineShare>& share) {
  const std::lock_guard<std::mutex> lock(mutex_);
  share_ = share;
  model_ = model.name;
  path_ = model.path;
  license_ = model.license;
  device_ = model.device;
  precision_ = model.precision;
  trunk_precision_ = model.trunk_precision;
  method_ = method;
}

void DetectStats::passed() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++frames_;
}

void DetectStats::repeated() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++frames_;
  ++skipped_;
}

void DetectStats::late(double held_ms) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++late_;
  held(held_ms);
}

void DetectStats::computed(double held_ms, double inference_ms, int batch) {
  computed_late(inference_ms, batch);
  const std::lock_guard<std::mutex> lock(mutex_);
  ++frames_;
  held(held_ms);
}

void DetectStats::computed_late(double inference_ms, int batch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++computed_;
  batches_sum_ += static_cast<guint64>(batch);
  inference_sum_ms_ += inference_ms;
  inference_last_ms_ = inference_ms;
}

void DetectStats::held(double held_ms) {
  // A peak that is forgotten over some dozens of frames: one slow frame must not count for ever, nor too
  // little.
  held_ms_ = std::max(held_ms, held_ms_ + 0.05 * (held_ms - held_ms_));
}

GstClockTime DetectStats::latency() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<GstClockTime>(held_ms_ * GST_MSECOND);
}

GstClockTime DetectStats::max_latency(GstClockTime frame_duration) const {
  const GstClockTime now = latency();
  if (!GST_CLOCK_TIME_IS_VALID(frame_duration)) return now;
  const std::lock_guard<std::mutex> lock(mutex_);
  // What is inside at most keeps a live source from losing frames for so long.
  return std::max(now, frame_duration * static_cast<GstClockTime>(max_in_flight_));
}

bool DetectStats::latency_changed() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (held_ms_ <= announced_ms_ * 1.2 && held_ms_ >= announced_ms_ * 0.5) return false;
  announced_ms_ = held_ms_;
  return true;
}

GstStructure* DetectStats::to_structure() const {
  std::shared_ptr<EngineShare> share;  // goes after the lock
  const std::lock_guard<std::mutex> lock(mutex_);
  share = share_.lock();
  return gst_structure_new(
      "application/x-anomaly-detect-stats", "frames", G_TYPE_UINT64, frames_, "computed", G_TYPE_UINT64,
      computed_, "skipped", G_TYPE_UINT64, skipped_, "late", G_TYPE_UINT64, late_, "mean-inference-ms",
      G_TYPE_DOUBLE, computed_ ? inference_sum_ms_ / computed_ : 0.0, "last-inference-ms", G_TYPE_DOUBLE,
      inference_last_ms_, "model", G_TYPE_STRING, model_.c_str(), "model-path", G_TYPE_STRING, path_.c_str(),
      "license", G_TYPE_STRING, license_.c_str(), "device", G_TYPE_STRING, device_.c_str(), "precision",
      G_TYPE_STRING, precision_.c_str(), "trunk-precision", G_TYPE_STRING, trunk_precision_.c_str(), "method",
      G_TYPE_STRING, method_.c_str(), "map-buffers", G_TYPE_UINT64, maps_ ? maps_->allocated() : map_buffers_,
      "engine-users", G_TYPE_UINT, share ? static_cast<guint>(share->users()) : 0u, "mean-batch",
      G_TYPE_DOUBLE, computed_ ? static_cast<double>(batches_sum_) / static_cast<double>(computed_) : 0.0,
      nullptr);
}

}  // namespace anomaly
