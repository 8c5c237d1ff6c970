// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdexcept>

#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/heat_levels.h"
#include "kernels/cuda/launch.cuh"

namespace anomaly::cuda {

int blend_heatmap(const MutableFrameView* frame, const float* map, int map_width, int map_height, int x,
                  int y, int width, int height, const uint8_t* lut, float opacity, float threshold,
                  void* stream) {
  if (!map || !lut || map_width < 1 || map_height < 1) return cudaErrorInvalidValue;
  try {
    check_frame(*frame);
    const bool whole = width <= 0 || height <= 0;
    const HeatmapArguments arguments{*frame,
                                     pixel_format_info(frame->format),
                                     map,
                                     map_width,
                                     map_height,
                                     whole ? 0 : x,
                                     whole ? 0 : y,
                                     whole ? frame->width : width,
                                     whole ? frame->height : height,
                                     threshold};
    return launch(HeatmapKernel(arguments, heat_levels(*frame, lut, opacity)), stream);
  } catch (const std::invalid_argument&) {
    return cudaErrorInvalidValue;
  }
}

}  // namespace anomaly::cuda
