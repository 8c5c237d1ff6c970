// SPDX-License-Identifier: LGPL-2.1-or-later
// The emulated CUDA module that ANOMALY_EMULATED_MODULE names, which remembers what is fetched from its
// device.
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "kernels/cuda/module.h"
#include "tests/kernels/emulated_entry.h"

namespace {

std::mutex mutex;
std::vector<size_t> fetched;  // bytes of each copy
AnomalyCudaKernels kernels;
const AnomalyCudaKernels* emulated = nullptr;

int copy_to_host(void* host, const void* device, size_t bytes, void* stream) {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    fetched.push_back(bytes);
  }
  return emulated->copy_to_host(host, device, bytes, stream);
}

}  // namespace

// How many copies of so many bytes were fetched so far; all of them for 0.
extern "C" __attribute__((visibility("default"))) int watched_downloads(size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  return static_cast<int>(
      bytes == 0 ? fetched.size() : static_cast<size_t>(std::count(fetched.begin(), fetched.end(), bytes)));
}

extern "C" __attribute__((visibility("default"))) const AnomalyCudaKernels* anomaly_cuda_kernels(int abi) {
  emulated = emulated_kernels(abi);
  if (!emulated) return nullptr;
  kernels = *emulated;
  kernels.copy_to_host = copy_to_host;
  return &kernels;
}
