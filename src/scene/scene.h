// SPDX-License-Identifier: LGPL-2.1-or-later
// Procedural driving scenes in perspective, with anomalies whose pixels are known. Deterministic in (seed,
// frame index).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/statistics.h"

namespace anomaly {

struct SceneOptions {
  int width = 960, height = 540;  // pixels, 16..8192
  uint64_t seed = 0;
  double frames_per_second = 25;  // how far camera and traffic move from frame to frame
  bool anomalies = true;          // false: a normal drive
  int anomaly_first = 50;         // index of the first frame on which an anomaly appears
  int anomaly_period = 100;       // frames from one appearance to the next
  int anomaly_frames = 50;        // frames for which each stays in view
};

struct SceneFrame {
  std::vector<uint8_t> rgb;     // height x width x 3
  std::vector<uint8_t> labels;  // height x width Cityscapes train ids; 255 where an anomaly is
  std::vector<uint8_t> mask;    // height x width: 1 where an anomaly is visible, else 0
  std::vector<Rect> boxes;      // of the visible anomalies, frame pixels
};

class Scene {
 public:
  static std::unique_ptr<Scene> create(const SceneOptions& options);  // throws Error(BadSettings)
  // Throws what create() would throw, without the work.
  static void check(const SceneOptions& options);
  virtual ~Scene() = default;
  // Frame `index` (>= 0) of the drive, in any order: the same index gives the same bytes.
  virtual void render(int64_t index, SceneFrame& out) const = 0;
};

}  // namespace anomaly
