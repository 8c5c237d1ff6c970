// SPDX-License-Identifier: LGPL-2.1-or-later
// Buffers of memory:CUDAMemory. The implementation is in builds that have gstcuda.
#pragma once

#include "gst/plugin/devicebuffer.h"

typedef struct _GstCudaContext GstCudaContext;

namespace anomaly {

// Whether gstcuda's allocator lays such frames out: others end the process in 1.22.
bool is_cuda_format(GstVideoFormat format);

// Caps of the formats that gstcuda's memory can have and the kernels read and draw on. Transfer full.
GstCaps* cuda_caps();

// The context that the memory of `buffer` belongs to, as long as that lives. Throws Error(Io) where it is
// other memory.
GstCudaContext* cuda_context_of(GstBuffer* buffer);

// See map_pictures(). Pictures lie in the primary context of their GPU, the one that the CUDA runtime and
// LibTorch work in. Memory of another context, which those cannot address, is copied into it, on the GPU (and
// back after writing).
std::unique_ptr<MappedPictures> map_cuda(const GstVideoInfo& info, GstBuffer* buffer, Access access);

}  // namespace anomaly
