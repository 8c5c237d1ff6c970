// SPDX-License-Identifier: LGPL-2.1-or-later
// Which device an engine computes on.
#pragma once

#include <string>

namespace anomaly {

// "auto", "cpu", "cuda" or "cuda:N" -> "cpu" or "cuda:N". For a GPU it loads LibTorch's CUDA library and the
// kernels' module libanomaly-cuda.so, which nothing else needs. "auto" takes the first GPU that can be used,
// else the CPU; a GPU that was named and cannot be used throws Error(Device), saying what was looked for;
// another name Error(BadSettings).
std::string resolve_device(const std::string& wanted);

}  // namespace anomaly
