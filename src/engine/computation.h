// SPDX-License-Identifier: LGPL-2.1-or-later
// The seam between the engine's queue and what it computes: tests put a network of their own in.
#pragma once

#include <memory>
#include <vector>

#include "src/engine/engine.h"
#include "src/framework/framework.h"

namespace anomaly {

// Both are called from the engine's worker only, one at a time. They may throw anything.
class Computation {
 public:
  virtual ~Computation() = default;
  virtual void prepare(const Settings& settings) = 0;
  // What the method computed for each frame of `batch`, which has at least one, all with the same settings
  // and size; `anomaly` (height x width, float32) is always among it. request.memory is there;
  // request.stream, which no two have in common, is to be told of the frame, where it is there.
  virtual std::vector<FrameTensors> compute(const std::vector<const Request*>& batch) = 0;
};

// An engine around `computation`. threads: of the worker's computations, 0 = all cores. Throws Error.
std::shared_ptr<Engine> make_engine(std::unique_ptr<Computation> computation, ModelInfo model, int threads);

}  // namespace anomaly
