// SPDX-License-Identifier: LGPL-2.1-or-later
// The seam between the engine's queue and what it computes: tests put a network of their own in.
#pragma once

#include <memory>

#include "src/engine/engine.h"
#include "src/framework/framework.h"

namespace anomaly {

// Both are called from the engine's worker only, one at a time. They may throw anything.
class Computation {
 public:
  virtual ~Computation() = default;
  virtual void prepare(const Settings& settings) = 0;
  // What the method computed for request.frame; `anomaly` (height x width, float32) is always among it.
  // request.memory is there; request.stream is to be told of the frame, where it is there.
  virtual FrameTensors compute(const Request& request) = 0;
};

// An engine around `computation`. threads: of the worker's computations, 0 = all cores. Throws Error.
std::shared_ptr<Engine> make_engine(std::unique_ptr<Computation> computation, ModelInfo model, int threads);

}  // namespace anomaly
