// SPDX-License-Identifier: LGPL-2.1-or-later
// Both filters of a resize in device memory, and room for what lies between the passes.
#pragma once

#include "kernels/cuda/resample_kernels.h"

// Named as in module.h, where it is opaque.
struct AnomalyCudaResampler {
  anomaly::cuda::FilterTables across{}, down{};
  void* memory = nullptr;                 // the tables
  anomaly::cuda::Rgbx* pixels = nullptr;  // in_height x in_width
  void* between = nullptr;                // in_height x out_width words
};
