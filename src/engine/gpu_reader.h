// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames into a GPU's memory: from host memory through pinned staging, from the GPU's own memory in place.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <mutex>

#include <ATen/core/Tensor.h>

#include "src/engine/buffer_pool.h"
#include "src/engine/engine.h"
#include "src/engine/gpu_health.h"
#include "src/framework/device_stream.h"

namespace anomaly {

// What a frame on a GPU needs until it has been computed: PreparedFrame::reading. Its end waits for the
// reading.
class GpuReading {
 public:
  ~GpuReading();
  // After which `rgb` is there.
  const DeviceEvent& done() const { return done_; }
  int device() const { return device_; }
  // Waits for the reading.
  StreamState::Thumbnail thumbnail() const;

 private:
  friend class GpuReader;
  int device_ = 0;
  DeviceEvent done_;
  std::shared_ptr<void> staging_, planes_, rgb_, sums_;
  std::shared_ptr<DeviceResampler> resampler_;
  at::Tensor thumbnail_;  // on the device
  int width_ = 0, height_ = 0;
};

// Any thread. Readings may outlive it.
class GpuReader {
 public:
  GpuReader(const Compute& compute, int device, std::shared_ptr<GpuHealth> health,
            std::shared_ptr<BufferPool> pinned, std::shared_ptr<BufferPool> on_device);

  // See Engine::ingest(). Frames in host memory are copied once, to staging memory, and uploaded while the
  // engine computes others; the reading is then still under way when this returns.
  PreparedFrame read(const FrameView& frame, const FrameMemory& memory, int width, int height);

 private:
  class Resamplers;
  struct ThumbnailCells {  // of a size: which rows and columns count, and for which cells
    int width = 0, height = 0;
    at::Tensor rows, columns, by_row, by_column;
  };

  FrameView upload(const FrameView& frame, GpuReading& reading) const;
  void queue_thumbnail(const at::Tensor& rgb, GpuReading& reading);
  ThumbnailCells cells_of(int width, int height);

  const Compute compute_;
  const int device_;
  const std::shared_ptr<GpuHealth> health_;
  const std::shared_ptr<BufferPool> pinned_, on_device_;
  const c10::Stream stream_;
  const std::shared_ptr<Resamplers> resamplers_;
  std::mutex mutex_;
  ThumbnailCells cells_;
};

}  // namespace anomaly
