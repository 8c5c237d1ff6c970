// SPDX-License-Identifier: LGPL-2.1-or-later
// What tests say to the module of failing_module.cpp.
#pragma once

#include <atomic>

#include "kernels/cuda/module.h"

// CUDA's error number that a function returns in the place of its work; 0: it works.
struct Faults {
  std::atomic<int> ensemble{0}, ingest{0}, synchronize{0};
};

inline constexpr char kFaultsEntry[] = "anomaly_faults";
using FaultsEntry = Faults* (*)();
