// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/resize.h"

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernels/cpu_threads.h"
#include "kernels/ingest.h"
#include "kernels/pixel_format.h"
#include "kernels/resample_plane.h"

namespace anomaly {
namespace {

void check_sizes(int in_width, int in_height, int out_width, int out_height) {
  for (const auto& [width, height] : {std::pair{in_width, in_height}, std::pair{out_width, out_height}})
    if (width < 1 || height < 1 || width > kMaxFrameSize || height > kMaxFrameSize)
      throw std::invalid_argument("resize of " + std::to_string(in_width) + "x" + std::to_string(in_height) +
                                  " to " + std::to_string(out_width) + "x" + std::to_string(out_height) +
                                  ": width and height must lie in 1.." + std::to_string(kMaxFrameSize));
}

}  // namespace

void resize_bicubic_rgb8(const uint8_t* in, int in_width, int in_height, uint8_t* out, int out_width,
                         int out_height) {
  FrameView view;
  view.format = PixelFormat::RGB;
  view.width = in_width;
  view.height = in_height;
  view.plane[0] = in;
  view.stride[0] = static_cast<std::ptrdiff_t>(in_width) * 3;
  ingest_rgb8(view, out, out_width, out_height);
}

void resize_bicubic_f32(const float* in, int in_width, int in_height, float* out, int out_width,
                        int out_height) {
  check_sizes(in_width, in_height, out_width, out_height);
  const PlaneResampler resampler(in, in_width, in_height, out_width, out_height);
#pragma omp parallel for schedule(static) if (static_cast <int64_t>(out_width) * out_height > 65536)
  for (int y = 0; y < out_height; ++y) resampler.row(y, out + static_cast<int64_t>(y) * out_width);
}

void resize_nearest_u8(const uint8_t* in, int in_width, int in_height, int channels, uint8_t* out,
                       int out_width, int out_height) {
  check_sizes(in_width, in_height, out_width, out_height);
  for (int y = 0; y < out_height; ++y) {
    const uint8_t* row =
        in + static_cast<int64_t>(nearest_index(y, in_height, out_height)) * in_width * channels;
    for (int x = 0; x < out_width; ++x, out += channels)
      std::memcpy(out, row + static_cast<int64_t>(nearest_index(x, in_width, out_width)) * channels,
                  channels);
  }
}

}  // namespace anomaly
