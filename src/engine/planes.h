// SPDX-License-Identifier: LGPL-2.1-or-later
// From a computation's tensors to the planes of a result, without copying a number.
#pragma once

#include "src/engine/engine.h"
#include "src/framework/framework.h"

namespace anomaly {

// The score map, and the maps of `maps` (MapFlags) that were computed, in the flags' order. Throws
// Error(Device) where a tensor does not have the type and shape that its name promises.
Result result_planes(const FrameTensors& tensors, unsigned maps);

// Train ids at segmentation size, or a plane without data.
Plane label_plane(const FrameTensors& tensors);

}  // namespace anomaly
