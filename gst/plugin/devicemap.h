// SPDX-License-Identifier: LGPL-2.1-or-later
// Maps that stay in device memory until somebody reads them with the processor.
#pragma once

#include <gst/gst.h>

#include "src/engine/engine.h"
#include "src/engine/frame_memory.h"

namespace anomaly {

// A read-only buffer around a plane of Kind::Cuda, which it keeps alive. The first map for reading downloads
// the values, once, whatever threads ask; where that fails, mapping fails. Transfer full.
GstBuffer* device_map_new(const Plane& plane);

// Whether `buffer` (GstAnomalyPlane::data) was made by device_map_new(): then *values is the plane's address
// in device memory, all of it computed, valid as long as the buffer is held, and *memory says where that is.
bool device_map_at(GstBuffer* buffer, const void** values, FrameMemory* memory);

}  // namespace anomaly
