// SPDX-License-Identifier: LGPL-2.1-or-later
// Buffers of memory:NVMM: an NvBufSurface with one picture or a batch of them. What a surface says of itself
// is not believed before it is checked.
#pragma once

#include "gst/plugin/devicebuffer.h"

namespace anomaly {

// Caps of the formats that surfaces can have and the kernels read and draw on. Transfer full.
GstCaps* nvmm_caps();

// See map_pictures(). Surfaces in the GPU's memory are not touched; those that the library must map, or that
// are block-linear, are mapped by it for as long as the result lives.
std::unique_ptr<MappedPictures> map_nvmm(const GstVideoInfo& info, GstBuffer* buffer, Access access,
                                         const FrameMemory& reader);

}  // namespace anomaly
