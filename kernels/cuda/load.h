// SPDX-License-Identifier: LGPL-2.1-or-later
// Finds and opens the CUDA module at run time.
#pragma once

#include <string>

#include "kernels/cuda/module.h"

namespace anomaly {

// The table of the module, opened on the first call and never closed. Null where it cannot be opened, and
// then `problem` says why. Looked for as $GST_ANOMALY_CUDA_MODULE alone where that is set (a path); else
// beside the library or program that this is linked into, in its folder's parents' `kernels/cuda` (a build
// folder), and on the loader's path. Needs no GPU: ask the table's device_count(). Any thread.
const AnomalyCudaKernels* load_cuda_kernels(std::string* problem = nullptr);

}  // namespace anomaly
