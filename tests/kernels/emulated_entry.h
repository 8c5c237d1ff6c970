// SPDX-License-Identifier: LGPL-2.1-or-later
// For modules that stand in front of the emulated one and change some of its functions.
#pragma once

#include <dlfcn.h>

#include <cstdlib>

#include "kernels/cuda/module.h"

// The table of the module that $ANOMALY_EMULATED_MODULE names; null where there is none, or none of that
// version.
inline const AnomalyCudaKernels* emulated_kernels(int abi) {
  const char* path = std::getenv("ANOMALY_EMULATED_MODULE");
  void* module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  const auto entry =
      module ? reinterpret_cast<AnomalyCudaModuleEntry>(dlsym(module, kAnomalyCudaEntry)) : nullptr;
  return entry ? entry(abi) : nullptr;
}
