// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectstats.h"

#include <algorithm>

namespace anomaly {

void DetectStats::start(const ModelInfo& model, const char* method, int max_in_flight) {
  const std::lock_guard<std::mutex> lock(mutex_);
  frames_ = computed_ = skipped_ = 0;
  inference_sum_ms_ = inference_last_ms_ = cost_ms_ = announced_ms_ = 0;
  max_in_flight_ = max_in_flight;
  model_ = model.name;
  path_ = model.path;
  license_ = model.license;
  device_ = model.device;
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

void DetectStats::computed(double ingest_ms, double inference_ms) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++frames_;
  ++computed_;
  inference_sum_ms_ += inference_ms;
  inference_last_ms_ = inference_ms;
  // A peak that is forgotten over some dozens of frames: one slow frame must not count for ever, nor too
  // little.
  const double cost = ingest_ms + inference_ms;
  cost_ms_ = std::max(cost, cost_ms_ + 0.05 * (cost - cost_ms_));
}

GstClockTime DetectStats::latency(GstClockTime frame_duration) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto computing = static_cast<GstClockTime>(cost_ms_ * max_in_flight_ * GST_MSECOND);
  if (max_in_flight_ == 1 || !GST_CLOCK_TIME_IS_VALID(frame_duration)) return computing;
  return std::max(computing, frame_duration);
}

bool DetectStats::latency_changed() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (cost_ms_ <= announced_ms_ * 1.2 && cost_ms_ >= announced_ms_ * 0.5) return false;
  announced_ms_ = cost_ms_;
  return true;
}

GstStructure* DetectStats::to_structure() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return gst_structure_new("application/x-anomaly-detect-stats", "frames", G_TYPE_UINT64, frames_, "computed",
                           G_TYPE_UINT64, computed_, "skipped", G_TYPE_UINT64, skipped_, "mean-inference-ms",
                           G_TYPE_DOUBLE, computed_ ? inference_sum_ms_ / computed_ : 0.0,
                           "last-inference-ms", G_TYPE_DOUBLE, inference_last_ms_, "model", G_TYPE_STRING,
                           model_.c_str(), "model-path", G_TYPE_STRING, path_.c_str(), "license",
                           G_TYPE_STRING, license_.c_str(), "device", G_TYPE_STRING, device_.c_str(),
                           "method", G_TYPE_STRING, method_.c_str(), nullptr);
}

}  // namespace anomaly
