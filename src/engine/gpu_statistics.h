// SPDX-License-Identifier: LGPL-2.1-or-later
// Figures and regions of a map that lies on a GPU, found there (kernels/statistics.h).
#pragma once

#include <list>
#include <memory>

#include <ATen/core/Tensor.h>

#include "src/engine/buffer_pool.h"
#include "src/engine/engine.h"
#include "src/networks/compute.h"

namespace anomaly {

// For the thread and the stream that frames are computed on.
class GpuStatistics {
 public:
  GpuStatistics(const Compute& compute, std::shared_ptr<BufferPool> pinned,
                std::shared_ptr<BufferPool> on_device);
  ~GpuStatistics();

  // Whether the device finds all that the request asks for. A mask, and regions' pixels, it does not.
  static bool serves(const Request& request);

  // What was queued. The engine's stream writes it.
  class Pending {
   public:
    // Once the stream has come so far.
    MapStatistics statistics() const;

   private:
    friend class GpuStatistics;
    std::shared_ptr<void> figures_, on_host_;
  };
  // map: map_height x map_width scores, labels: train ids, both on the device. On the current stream.
  std::shared_ptr<Pending> queue(const Request& request, const at::Tensor& map, const at::Tensor& labels);

 private:
  struct Workspace;
  AnomalyCudaStatistics* workspace_for(int map_width, int map_height, int frame_width, int frame_height);

  const Compute compute_;
  const std::shared_ptr<BufferPool> pinned_, on_device_;
  std::list<Workspace> workspaces_;  // the one used last in front
};

}  // namespace anomaly
