// SPDX-License-Identifier: LGPL-2.1-or-later
// Whether an engine's GPU still answers. After some failures (a lost device, an access out of bounds)
// everything that the process asks of the GPU fails: an engine then says so once more for every frame, and
// nothing else.
#pragma once

#include <exception>
#include <mutex>
#include <string>

#include "src/networks/compute.h"

namespace anomaly {

// Any thread.
class GpuHealth {
 public:
  // Throws Error(Device) where the GPU does not answer.
  GpuHealth(const Compute& compute, int device);

  // Throws Error(Device) once the GPU has been found dead.
  void check() const;
  // To be told of what failed: asks the GPU, unless it was only memory that ran out. Never throws.
  void failed(const std::exception_ptr& failure) noexcept;

 private:
  // 0, or what the device answers to.
  int probe() const;
  std::string describe(int status) const;

  const Compute compute_;
  const int device_;
  mutable std::mutex mutex_;
  int status_ = 0;  // CUDA's error number
};

}  // namespace anomaly
