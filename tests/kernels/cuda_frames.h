// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames and resamplers for the tests of CUDA kernels.
#pragma once

#include <memory>
#include <vector>

#include "kernels/pixel_format.h"
#include "tests/kernels/cuda_device.h"
#include "tests/kernels/random_values.h"

namespace check {

// A frame on the host and on the device, rows padded to odd strides, or to multiples of `align` bytes.
struct TwinFrame {
  anomaly::MutableFrameView host, device;
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<std::unique_ptr<DeviceArray<uint8_t>>> arrays;

  TwinFrame(const anomaly::PixelFormatInfo& info, int width, int height, uint64_t seed, int align = 0) {
    host.format = info.format;
    host.width = width;
    host.height = height;
    host.matrix = static_cast<anomaly::ColorMatrix>(seed % 3);
    host.range = static_cast<anomaly::ColorRange>(seed % 2);
    host.chroma_site = static_cast<anomaly::ChromaSite>(seed / 2 % 4);
    device = host;
    Random random(seed);
    for (int p = 0; p < info.planes; ++p) {
      const int used = anomaly::plane_row_bytes(info, p, width);
      const int stride = align ? (used + align - 1) / align * align + align : used + 5 + 2 * p;
      std::vector<uint8_t> plane(static_cast<size_t>(stride) * anomaly::plane_rows(info, p, height));
      for (uint8_t& b : plane) b = static_cast<uint8_t>(random.bits() >> 24);
      bytes.push_back(std::move(plane));
      arrays.push_back(std::make_unique<DeviceArray<uint8_t>>(bytes.back()));
      host.stride[p] = device.stride[p] = stride;
    }
    for (int p = 0; p < info.planes; ++p) {
      host.plane[p] = bytes[static_cast<size_t>(p)].data();
      device.plane[p] = arrays[static_cast<size_t>(p)]->data();
    }
  }
};

struct Resampler {
  AnomalyCudaResampler* resampler = nullptr;
  Resampler(int in_width, int in_height, int width, int height) {
    CHECK_CUDA(cuda().resampler_create(in_width, in_height, width, height, &resampler));
  }
  Resampler(const Resampler&) = delete;
  Resampler& operator=(const Resampler&) = delete;
  ~Resampler() { cuda().resampler_destroy(resampler); }
};

}  // namespace check
