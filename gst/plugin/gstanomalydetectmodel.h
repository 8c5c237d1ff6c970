// SPDX-License-Identifier: LGPL-2.1-or-later
// A bundle on its device, ready for frames, and how another takes its place while frames flow.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gst/plugin/gstanomalydetectconfig.h"
#include "src/engine/shared_engine.h"

namespace anomaly {

struct DetectModel {
  std::shared_ptr<EngineShare> share;
  std::shared_ptr<Engine> engine;  // the share's
  Settings settings;
  int segmentation_width = 0, segmentation_height = 0;  // 0 = the bundle's
  const char* method = nullptr;                         // interned, as are the others
  const char* name = nullptr;
  std::vector<const char*> classes;
};

// Opens the engine, or joins those who share it, and loads what the settings need. Throws Error or
// std::bad_alloc.
std::shared_ptr<const DetectModel> open_detect_model(const DetectConfig& config);

// Hands a bundle from the thread that sets the property `model` to the streaming thread. Any thread.
class ModelSwap {
 public:
  // The element has started with `config`: its other settings hold for every bundle until it stops.
  void start(const DetectConfig& config);
  void stop();

  // Bundles are opened on this device from here on.
  void move_to(const std::string& device);

  // Loads the bundle at `path` in the calling thread, one call after the other, and holds it ready; one that
  // was not taken yet is dropped. Throws as open_detect_model; nothing has changed then. False where the
  // element has stopped meanwhile. regions: what is in force, which the bundle must know the classes of.
  bool offer(const std::string& path, const RegionConfig& regions);

  // What was offered since the last call, or null. Does not wait for a load.
  std::shared_ptr<const DetectModel> take();

 private:
  std::mutex loading_;  // one at a time
  std::mutex mutex_;    // of what follows
  DetectConfig config_;
  unsigned run_ = 0;  // counts starts and stops
  bool running_ = false;
  std::shared_ptr<const DetectModel> ready_;
};

}  // namespace anomaly
