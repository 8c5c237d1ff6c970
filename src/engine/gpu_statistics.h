// SPDX-License-Identifier: LGPL-2.1-or-later
// Figures and regions of a map that lies on a GPU, found there (kernels/statistics.h).
#pragma once

#include <list>
#include <memory>

#include <ATen/core/Tensor.h>

#include "src/engine/buffer_pool.h"
#include "src/engine/computation.h"
#include "src/networks/compute.h"

namespace anomaly {

// For the thread and the stream that frames are computed on.
class GpuStatistics {
 public:
  GpuStatistics(const Compute& compute, std::shared_ptr<BufferPool> pinned,
                std::shared_ptr<BufferPool> on_device);
  ~GpuStatistics();

  // What was queued, and the memory that the engine's stream reads and writes for it.
  class Pending {
   public:
    // Once the stream has come so far. Fetches the pixels of regions with `download`, where they were asked
    // for.
    MapStatistics statistics(const ComputedFrame::Download& download) const;

   private:
    friend class GpuStatistics;
    std::shared_ptr<void> figures_, on_host_;
    at::Tensor runs_;                           // undefined: not asked for. Large, so not from the pool
    std::shared_ptr<void> mask_, mask_staged_;  // null: no mask; it was there already
  };
  // map: map_height x map_width scores, labels: train ids, both on the device. On the current stream. `out`
  // is set before anything is queued: where this throws it must be kept until the stream has come so far.
  void queue(const Request& request, const at::Tensor& map, const at::Tensor& labels,
             std::shared_ptr<Pending>& out);

 private:
  struct Workspace;
  struct UploadedMask;
  AnomalyCudaStatistics* workspace_for(int map_width, int map_height, int frame_width, int frame_height);
  const uint8_t* mask_on_device(const std::shared_ptr<const PixelMask>& mask, Pending& pending);

  const Compute compute_;
  const std::shared_ptr<BufferPool> pinned_, on_device_;
  std::list<Workspace> workspaces_;  // the one used last in front
  std::list<UploadedMask> masks_;    // likewise
};

}  // namespace anomaly
