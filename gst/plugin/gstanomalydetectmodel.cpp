// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectmodel.h"

#include <utility>

namespace anomaly {

std::shared_ptr<const DetectModel> open_detect_model(const DetectConfig& config) {
  EngineOptions options;
  options.bundle = config.model;
  options.device = config.device;
  options.threads = config.threads;
  options.precision = static_cast<Precision>(config.precision);
  options.trunk_precision = static_cast<TrunkPrecision>(config.trunk_precision);
  auto model = std::make_shared<DetectModel>();
  model->share = EngineRegistry::of_process().share(options, config.streams.engine_id, config.streams.caller);
  model->engine = std::shared_ptr<Engine>(model->share, &model->share->engine());
  model->settings = detect_settings(config, model->engine->model());
  RegionConfig regions = config.regions;
  check_classes(regions, model->engine->model().classes);
  model->engine->prepare(model->settings);
  model->segmentation_width = config.segmentation_width;
  model->segmentation_height = config.segmentation_height;
  const ModelInfo& info = model->engine->model();
  model->method = g_intern_string(to_string(model->settings.method));
  model->name = g_intern_string(info.name.c_str());
  for (const std::string& name : info.classes) model->classes.push_back(g_intern_string(name.c_str()));
  return model;
}

void ModelSwap::start(const DetectConfig& config) {
  const std::lock_guard<std::mutex> lock(mutex_);
  config_ = config;
  running_ = true;
  ++run_;
}

void ModelSwap::stop() {
  std::shared_ptr<const DetectModel> unused;  // goes after the lock: an engine's end takes its time
  const std::lock_guard<std::mutex> lock(mutex_);
  running_ = false;
  ++run_;
  unused.swap(ready_);
}

void ModelSwap::move_to(const std::string& device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  config_.device = device;
}

bool ModelSwap::offer(const std::string& path, const RegionConfig& regions) {
  const std::lock_guard<std::mutex> one(loading_);
  DetectConfig config;
  unsigned run = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!running_) return false;
    config = config_;
    run = run_;
  }
  config.model = path;
  config.regions = regions;
  std::shared_ptr<const DetectModel> model = open_detect_model(config);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (run_ != run) return false;
  ready_.swap(model);
  return true;
}

std::shared_ptr<const DetectModel> ModelSwap::take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(ready_, nullptr);
}

}  // namespace anomaly
