// SPDX-License-Identifier: LGPL-2.1-or-later
// Batches of frames on a GPU: queued on a stream of its own, one graph for each size and settings, results
// fetched when somebody needs them.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "src/framework/batch_steps.h"
#include "src/framework/device_graph.h"
#include "src/framework/device_stream.h"
#include "src/framework/framework.h"

namespace anomaly {

struct GpuFrame {
  at::Tensor rgb;                      // height x width x 3 uint8, contiguous, on the device
  const DeviceEvent* ready = nullptr;  // after which `rgb` is there; null: it is
  StreamState* stream = nullptr;       // begin_frame() has been called; null: a frame on its own
  // Which tensors come back: to host memory, to device memory of their own. Those that the method does not
  // compute do not.
  std::set<std::string> to_host, on_device;
  bool all_to_host = false;
  // Called in launch(), on its stream, with all that was computed and this frame's place in the batch: queues
  // what else is to be done with the tensors, which the next batch overwrites.
  std::function<void(const BatchSteps::Tensors& batch, int64_t index)> also;
};

// A batch that was queued.
class GpuBatch {
 public:
  struct Frame {
    FrameTensors host, device;
  };
  ~GpuBatch();  // waits
  // Waits until all is computed. Then tells each frame's stream its bounds (Normalization::Temporal): no
  // other frame of the stream may be begun before that. Call once. Throws what LibTorch throws where the
  // device has failed.
  std::vector<Frame> finish();

 private:
  friend class GpuRunner;
  struct Copy {
    at::Tensor to, from;
  };
  std::vector<Frame> frames_;
  std::vector<StreamState*> streams_;
  std::set<StreamState::Map> smoothed_;
  at::Tensor numbers_, bounds_;  // pinned: read and written by the device until `done_`
  std::vector<at::Tensor> inputs_;
  DeviceEvent done_;
  bool finished_ = false;
};

// For one thread at a time, the batches' finish() apart.
class GpuRunner {
 public:
  // Memory for results: pinned, and on the device. Both may be null: LibTorch's allocators then serve.
  struct Memory {
    std::shared_ptr<MapMemory> pinned, device;
  };
  // recorder: null where work cannot be recorded.
  GpuRunner(const Compute& compute, const BundleInfo& info, Memory memory,
            std::shared_ptr<GraphRecorder> recorder);
  ~GpuRunner();  // waits for the stream

  const Compute& compute() const { return compute_; }
  const c10::Stream& stream() const { return stream_; }

  // Queues `frames`, at least one, all of one size; returns without waiting for them. networks: see
  // BatchSteps.
  std::unique_ptr<GpuBatch> launch(const std::shared_ptr<const NetworkSet>& networks,
                                   const std::vector<GpuFrame>& frames, const Settings& settings,
                                   bool everything);

  // How many batches were started as a recorded graph.
  uint64_t replays() const { return replays_; }

 private:
  struct Plan;
  Plan& plan_for(const std::shared_ptr<const NetworkSet>& networks, const std::vector<GpuFrame>& frames,
                 const Settings& settings, bool everything);
  std::unique_ptr<GpuBatch> queue(const std::shared_ptr<const NetworkSet>& networks,
                                  const std::vector<GpuFrame>& frames, const Settings& settings,
                                  bool everything);
  void compute(Plan& plan);
  at::Tensor empty(MapMemory* memory, at::IntArrayRef shape, at::ScalarType type, bool pinned) const;

  const Compute compute_;
  const BundleInfo info_;
  const Memory memory_;
  const std::shared_ptr<GraphRecorder> recorder_;
  const c10::Stream stream_;
  std::list<std::unique_ptr<Plan>> plans_;  // the one used last in front
  uint64_t replays_ = 0;
};

}  // namespace anomaly
