// SPDX-License-Identifier: LGPL-2.1-or-later
// The seam between the engine's queue and what it computes: tests put a network of their own in.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "src/engine/engine.h"
#include "src/framework/framework.h"

namespace anomaly {

// What was computed for a frame.
struct ComputedFrame {
  // `anomaly` (height x width, float32) is always among them.
  FrameTensors tensors;
  bool scene_cut = false;  // see Result

  std::optional<MapStatistics> statistics;  // where the computation has found them

  // Set where `tensors` lie in the memory of GPU `device`, and `statistics` then are, too: copies `bytes` of
  // one of them to host memory.
  using Download = std::function<void(void* host, const void* plane, size_t bytes)>;
  Download download;
  int device = 0;
};

// A batch whose computation has been begun.
class Computing {
 public:
  virtual ~Computing() = default;  // waits for it
  // Waits for it. Called once, from one thread of the engine's, in the order in which batches were begun. May
  // throw anything.
  virtual std::vector<ComputedFrame> finish() = 0;
};

// All but read() are called from the engine's worker only, one at a time. They may throw anything.
class Computation {
 public:
  virtual ~Computation() = default;
  virtual void prepare(const Settings& settings) = 0;
  // What the method computed for each frame of `batch`, which has at least one, all with the same settings
  // and size; `anomaly` (height x width, float32) is always among it. request.memory is there;
  // request.stream, which no two have in common, is to be told of the frame, where it is there.
  virtual std::vector<FrameTensors> compute(const std::vector<const Request*>& batch) = 0;

  // How many batches may be under way at once. Above 1, begin() is called in the place of compute(), `batch`
  // stays until the computing's end, and a batch is not begun before all with a frame of one of its streams
  // are finished where the settings say Normalization::Temporal.
  virtual int depth() const { return 1; }
  virtual std::unique_ptr<Computing> begin(const std::vector<const Request*>& batch);

  // Whether frames are read by read() rather than to host memory. It is called from any thread.
  virtual bool reads() const { return false; }
  virtual PreparedFrame read(const FrameView& frame, const FrameMemory& memory, int width, int height);
};

// An engine around `computation`. threads: of the worker's computations, 0 = all cores. Throws Error.
std::shared_ptr<Engine> make_engine(std::unique_ptr<Computation> computation, ModelInfo model, int threads);

}  // namespace anomaly
