// SPDX-License-Identifier: LGPL-2.1-or-later
// The same random frame in host and in device memory.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/frame_view.h"
#include "kernels/pixel_format.h"
#include "tests/kernels/cuda_device.h"
#include "tests/kernels/random_values.h"

namespace check {

using namespace anomaly;

// Rows are padded: to odd strides, or to multiples of `align` bytes, from addresses that are such too.
struct TwinFrame {
  MutableFrameView host, device;
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<std::unique_ptr<DeviceArray<uint8_t>>> arrays;

  TwinFrame(const PixelFormatInfo& info, int width, int height, uint64_t seed, int align = 0) {
    host.format = info.format;
    host.width = width;
    host.height = height;
    host.matrix = static_cast<ColorMatrix>(seed % 3);
    host.range = static_cast<ColorRange>(seed % 2);
    host.chroma_site = static_cast<ChromaSite>(seed / 2 % 4);
    device = host;
    check::Random random(seed);
    for (int p = 0; p < info.planes; ++p) {
      const int used = plane_row_bytes(info, p, width);
      const int stride = align ? (used + align - 1) / align * align + align : used + 5 + 2 * p;
      std::vector<uint8_t> plane(static_cast<size_t>(stride) * plane_rows(info, p, height));
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

}  // namespace check
