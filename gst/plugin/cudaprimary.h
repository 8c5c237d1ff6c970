// SPDX-License-Identifier: LGPL-2.1-or-later
// The primary context of a GPU, which the CUDA runtime and LibTorch work in, as gstcuda's object. In builds
// with gstcuda alone.
#pragma once

#include <gst/cuda/gstcudacontext.h>

namespace anomaly {

// Owned by the process: one a GPU, until its end. Throws Error(Device) that says what is missing. Any thread.
GstCudaContext* primary_cuda_context(int device);

// The GPU of a context, as CUDA numbers them.
int cuda_device_of(GstCudaContext* context);

// Whether memory of `context` can be addressed in the primary context of its GPU: it is the same one.
bool is_primary(GstCudaContext* context);

}  // namespace anomaly
