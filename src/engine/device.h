// SPDX-License-Identifier: LGPL-2.1-or-later
// Which device an engine computes on.
#pragma once

#include <string>

#include "src/framework/settings.h"

namespace anomaly {

struct Compute;

// "auto", "cpu", "cuda" or "cuda:N" -> "cpu" or "cuda:N". For a GPU it loads LibTorch's CUDA library and the
// kernels' module libanomaly-cuda.so, which nothing else needs. "auto" takes the first GPU that can be used,
// else the CPU; a GPU that was named and cannot be used throws Error(Device), saying what was looked for;
// another name Error(BadSettings). Where GST_ANOMALY_CUDA_MODULE names the emulated module, "cuda:N" are its
// devices, which "auto" does not take.
std::string resolve_device(const std::string& wanted);

// "cuda" or "cuda:N" -> N; -1 where `name` is neither.
int cuda_index(const std::string& name);

// The device as messages and ModelInfo name it: "cpu", "cuda:0", "cuda:0 (emulated)".
std::string device_name(const std::string& resolved);

// What computing on `resolved` with `precision` takes. Throws Error(BadSettings) where the device does not
// have the precision. Fp8 takes a GPU of compute capability 8.9 or newer; on the CPU it is computed, too, in
// float32 on the rounded numbers: slowly, to measure what it costs.
Compute compute_on(const std::string& resolved, Precision precision,
                   TrunkPrecision trunk = TrunkPrecision::Same);

}  // namespace anomaly
