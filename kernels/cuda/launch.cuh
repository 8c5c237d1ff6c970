// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a kernel structure (grid.h) on a GPU.
#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "kernels/cuda/grid.h"

namespace anomaly::cuda {

template <typename Kernel, int Phase>
__device__ inline void run_phase(const Kernel& kernel, ThreadIndex at, float* shared) {
  if constexpr (Phase > 0) {
    if constexpr (Kernel::kWarpPhases)
      __syncwarp();
    else
      __syncthreads();
  }
  kernel.template run<Phase>(at, shared);
}

template <typename Kernel, int... Phases>
__device__ inline void run_phases(const Kernel& kernel, ThreadIndex at, float* shared,
                                  std::integer_sequence<int, Phases...>) {
  (run_phase<Kernel, Phases>(kernel, at, shared), ...);
}

template <typename Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, 1) grid_kernel(const __grid_constant__ Kernel kernel) {
  extern __shared__ __align__(16) float shared_memory[];
  constexpr auto phases = std::make_integer_sequence<int, Kernel::kPhases>();
  if constexpr (requires { kernel.items(); }) {
    const unsigned items = kernel.items();
    for (unsigned item = blockIdx.x; item < items; item += gridDim.x) {
      run_phases(kernel, ThreadIndex{item, blockIdx.y, threadIdx.x}, shared_memory, phases);
      __syncthreads();  // the next one uses the same shared memory
    }
  } else {
    run_phases(kernel, ThreadIndex{blockIdx.x, blockIdx.y, threadIdx.x}, shared_memory, phases);
  }
}

// Queues the kernel. Returns a cudaError_t.
template <typename Kernel>
int launch(const Kernel& kernel, void* stream) {
  const Grid grid = kernel.grid();
  if (grid.x == 0 || grid.y == 0) return cudaSuccess;
  grid_kernel<<<dim3(grid.x, grid.y), Kernel::kThreads, kernel.shared_bytes(),
                static_cast<cudaStream_t>(stream)>>>(kernel);
  return cudaGetLastError();
}

}  // namespace anomaly::cuda
