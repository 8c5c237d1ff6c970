// SPDX-License-Identifier: LGPL-2.1-or-later
// Stands in for the module's launch.cuh: runs a kernel's blocks one after the other, and within a block one
// phase's threads one after the other. Nothing may depend on an order: every second launch has its blocks
// backwards, every second block its threads.
#pragma once

#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/cuda/grid.h"

namespace anomaly::cuda {

template <typename Kernel, int... Phases>
void run_block(const Kernel& kernel, unsigned x, unsigned y, float* shared,
               std::integer_sequence<int, Phases...>) {
  const bool backwards = (x + y) % 2 == 1;
  const auto phase = [&](auto number) {
    for (unsigned i = 0; i < Kernel::kThreads; ++i) {
      const ThreadIndex at{x, y, backwards ? Kernel::kThreads - 1 - i : i};
      kernel.template run<decltype(number)::value>(at, shared);
    }
  };
  (phase(std::integral_constant<int, Phases>()), ...);
}

template <typename Kernel>
int launch(const Kernel& kernel, void*) {
  const Grid grid = kernel.grid();
  const size_t bytes = kernel.shared_bytes();
  // What every GPU can do.
  if (grid.x > 2147483647u || grid.y > 65535 || Kernel::kThreads > 1024 || bytes > 48 * 1024)
    return cudaErrorInvalidConfiguration;
  // Just as large as asked for, so that a memory checker sees what reaches beyond; never zero, as on a GPU.
  float* shared = static_cast<float*>(std::malloc(bytes + 1));
  if (!shared) return cudaErrorMemoryAllocation;
  static thread_local bool backwards = false;
  const unsigned items = [&] {
    if constexpr (requires { kernel.items(); })
      return kernel.items();
    else
      return grid.x;
  }();
  for (unsigned j = 0; j < grid.y; ++j)
    for (unsigned i = 0; i < items; ++i) {
      std::memset(shared, 0xa5, bytes);
      run_block(kernel, backwards ? items - 1 - i : i, backwards ? grid.y - 1 - j : j, shared,
                std::make_integer_sequence<int, Kernel::kPhases>());
    }
  backwards = !backwards;
  std::free(shared);
  return cudaSuccess;
}

}  // namespace anomaly::cuda
