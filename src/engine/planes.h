// SPDX-License-Identifier: LGPL-2.1-or-later
// From a computation's tensors to the planes of a result, without copying a number.
#pragma once

#include "src/engine/computation.h"

namespace anomaly {

// The score map, the maps that the request asked for (MapFlags) and that were computed, in the flags' order,
// and the statistics of the score map. Throws Error(Device) where a tensor does not have the type and shape
// that its name promises.
Result result_of(const Request& request, const ComputedFrame& frame);

}  // namespace anomaly
