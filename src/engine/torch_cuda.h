// SPDX-License-Identifier: LGPL-2.1-or-later
// What only LibTorch's CUDA library can do, through a module of its own (libanomaly-torch-cuda.so): recording
// CUDA graphs.
#pragma once

#include <memory>

#include "src/framework/device_graph.h"

namespace anomaly {

// Raised with every change of GraphRecorder.
inline constexpr int kTorchCudaAbi = 1;
inline constexpr char kTorchCudaEntry[] = "anomaly_torch_cuda_recorder";
using TorchCudaEntry = GraphRecorder* (*)(int abi);  // null: of another version

// The recorder for `compute`'s device: for the emulated module one that runs the work itself again. Null
// where GST_ANOMALY_CUDA_GRAPHS=off. The module is looked for beside this library, in a build folder's
// src/torch_cuda, and on the loader's path, after LibTorch's CUDA library has been loaded. Throws
// Error(Device) where it cannot be opened, saying what was looked for.
std::shared_ptr<GraphRecorder> graph_recorder(const Compute& compute);

}  // namespace anomaly
