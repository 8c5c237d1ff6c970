// SPDX-License-Identifier: LGPL-2.1-or-later
// Buffers of memory:CUDAMemory. The implementation is in builds that have gstcuda.
#pragma once

#include "gst/plugin/devicebuffer.h"

namespace anomaly {

// Caps of the formats that gstcuda's memory can have and the kernels read and draw on. Transfer full.
GstCaps* cuda_caps();

// See map_pictures(). Pictures lie in the primary context of their GPU, the one that the CUDA runtime and
// LibTorch work in. Memory of another context, which those cannot address, is copied into it, on the GPU (and
// back after writing).
std::unique_ptr<MappedPictures> map_cuda(const GstVideoInfo& info, GstBuffer* buffer, Access access);

}  // namespace anomaly
