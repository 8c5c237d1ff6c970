// SPDX-License-Identifier: LGPL-2.1-or-later
// Where networks compute, in which numbers, and with whose kernels: the CPU's own (kernels/*.h), or those of
// the CUDA module through its table.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "kernels/cuda/module.h"

namespace anomaly {

// The CPU is the default. On a GPU `kernels` is its module's table, tensors lie on `device`, and networks
// hold their weights there as `type`. With the emulated module (tests) the same code runs, whole batches,
// halves and all, over ordinary memory: `device` is the CPU, and `kernels` is not null all the same.
struct Compute {
  at::Device device{at::kCPU};
  at::ScalarType type = at::kFloat;             // of weights and activations: kFloat, kHalf or kBFloat16
  const AnomalyCudaKernels* kernels = nullptr;  // null: the CPU's own
  bool fp8_trunk = false;  // the segmentation's trunk is to be loaded with products of 8-bit numbers

  bool gpu() const { return kernels != nullptr; }
  at::TensorOptions options() const { return at::TensorOptions(type).device(device); }
  at::TensorOptions floats() const { return at::TensorOptions(at::kFloat).device(device); }
  at::TensorOptions bytes() const { return at::TensorOptions(at::kByte).device(device); }

  // The calling thread's current stream on `device`, as the table's functions take it; null in emulation.
  void* stream() const;
  // Throws Error(Resource or Device) where `status`, what a function of the table returned, is no success.
  void check(int status, const char* what) const;
};

// What the calling thread's networks are loaded for and run with: the CPU, outside of every scope.
const Compute& current_compute();

// For this thread, until it ends. `compute` must outlive it.
class ComputeScope {
 public:
  explicit ComputeScope(const Compute& compute);
  ~ComputeScope();
  ComputeScope(const ComputeScope&) = delete;
  ComputeScope& operator=(const ComputeScope&) = delete;

 private:
  const Compute* before_;
};

// kFloat, kHalf or kBFloat16 as the table's functions name them.
AnomalyCudaType cuda_type(at::ScalarType type);

// CUDA's number for "out of memory".
inline constexpr int kCudaOutOfMemory = 2;

}  // namespace anomaly
