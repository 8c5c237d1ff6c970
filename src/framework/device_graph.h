// SPDX-License-Identifier: LGPL-2.1-or-later
// Work on a device that is recorded once and then started again with one call.
#pragma once

#include <functional>
#include <memory>

#include <c10/core/Stream.h>

#include "src/networks/compute.h"

namespace anomaly {

// Reads and writes the tensors that the recorded work did: they must stay where they are. Replayed, and
// destroyed, on the thread and the stream it was recorded on.
class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
  virtual void replay() = 0;
};

class GraphRecorder {
 public:
  virtual ~GraphRecorder() = default;
  // Records what `work` queues on `stream`, the calling thread's current one. Nothing of it may wait for the
  // device. Whether the work has been done afterwards is not said: replay() does it. Throws where it cannot
  // be recorded.
  virtual std::unique_ptr<DeviceGraph> record(const Compute& compute, c10::Stream stream,
                                              const std::function<void()>& work) = 0;
};

}  // namespace anomaly
