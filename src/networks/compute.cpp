// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/networks/compute.h"

#include <string>

#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "src/error.h"

namespace anomaly {
namespace {

const Compute kCpu;
thread_local const Compute* current = &kCpu;

}  // namespace

void* Compute::stream() const {
  if (device.is_cpu()) return nullptr;
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
}

void Compute::check(int status, const char* what) const {
  if (status == 0) return;
  const std::string text = std::string(what) + " failed on the GPU: " + kernels->error_string(status) +
                           " (CUDA error " + std::to_string(status) + ")";
  if (status == kCudaOutOfMemory)
    throw Error(ErrorKind::Resource,
                text +
                    ". Use a smaller segmentation size or batch, fewer frames in flight, or precision "
                    "bfloat16 or float16.");
  throw Error(ErrorKind::Device, text + ".");
}

const Compute& current_compute() {
  return *current;
}

ComputeScope::ComputeScope(const Compute& compute) : before_(current) {
  current = &compute;
}

ComputeScope::~ComputeScope() {
  current = before_;
}

AnomalyCudaType cuda_type(at::ScalarType type) {
  return type == at::kHalf ? kAnomalyFloat16 : type == at::kBFloat16 ? kAnomalyBFloat16 : kAnomalyFloat32;
}

}  // namespace anomaly
