// SPDX-License-Identifier: LGPL-2.1-or-later
// What the statistics of a map need between their kernels, allocated once for all frames of a size.
#pragma once

#include "kernels/cuda/figures_kernels.h"
#include "kernels/cuda/run_tables.h"

// Named as in module.h, where it is opaque.
struct AnomalyCudaStatistics {
  AnomalyCudaResampler* resampler = nullptr;  // map -> frame
  int map_width = 0, map_height = 0;
  anomaly::cuda::RunTables runs{};
  uint8_t* cells = nullptr;       // map_height x map_width
  uint32_t* row_begin = nullptr;  // a row of the frame
  anomaly::cuda::FigureState* figures = nullptr;
  void* memory = nullptr;  // all of the above but the resampler
};
