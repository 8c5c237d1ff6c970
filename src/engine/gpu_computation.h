// SPDX-License-Identifier: LGPL-2.1-or-later
// The networks of a bundle on a GPU.
#pragma once

#include <memory>
#include <string>

#include "src/bundle/bundle.h"
#include "src/engine/computation.h"

namespace anomaly {

// device: as resolve_device() gave it, "cuda:N"; of the options, the precisions count. Throws Error.
std::unique_ptr<Computation> make_gpu_computation(std::shared_ptr<const Bundle> bundle,
                                                  const std::string& device, const EngineOptions& options);

}  // namespace anomaly
