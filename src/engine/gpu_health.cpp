// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/gpu_health.h"

#include "src/error.h"

namespace anomaly {

GpuHealth::GpuHealth(const Compute& compute, int device) : compute_(compute), device_(device) {
  if (const int status = probe())
    throw Error(ErrorKind::Device,
                "GPU " + std::to_string(device) + " does not answer: " + describe(status) +
                    ". If it failed earlier in this process, only a new process can use it again; else see "
                    "nvidia-smi.");
}

int GpuHealth::probe() const {
  if (const int status = compute_.kernels->set_device(device_)) return status;
  return compute_.kernels->synchronize(nullptr);
}

std::string GpuHealth::describe(int status) const {
  return std::string(compute_.kernels->error_string(status)) + " (CUDA error " + std::to_string(status) + ")";
}

void GpuHealth::check() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (status_ == 0) return;
  throw Error(ErrorKind::Device,
              "GPU " + std::to_string(device_) +
                  " has failed, and this engine computes no more frames: " + describe(status_) +
                  ". Open the engine again; where that fails as well, the process must be restarted.");
}

void GpuHealth::failed(const std::exception_ptr& failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::Device) return;
  } catch (...) {
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (status_ == 0) status_ = probe();
}

}  // namespace anomaly
