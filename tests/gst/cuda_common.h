// SPDX-License-Identifier: LGPL-2.1-or-later
// What the suites on the stand-in of the NVIDIA driver share.
#pragma once

#include <cstddef>
#include <vector>

#include <gst/video/video.h>

#include "kernels/frame_view.h"
#include "kernels/pixel_format.h"

// tests/gst/standin/cuda.cpp
extern "C" {
int standin_cuda_copies(const char* way);
void standin_cuda_read(void* out, const void* device, size_t bytes);
void standin_cuda_write(void* device, const void* in, size_t bytes);
int standin_cuda_allocations();
void standin_cuda_fail_copies(int on);
}

// Bytes of all rows, plane after plane, of a picture in device memory.
inline std::vector<uint8_t> cuda_pixels(const anomaly::FrameView& view) {
  const auto& format = anomaly::pixel_format_info(view.format);
  std::vector<uint8_t> all;
  for (int i = 0; i < format.planes; ++i) {
    const auto bytes = static_cast<size_t>(anomaly::plane_row_bytes(format, i, view.width));
    for (int row = 0; row < anomaly::plane_rows(format, i, view.height); ++row) {
      all.resize(all.size() + bytes);
      standin_cuda_read(all.data() + all.size() - bytes, view.plane[i] + row * view.stride[i], bytes);
    }
  }
  return all;
}

// The same of a buffer that the processor maps.
inline std::vector<uint8_t> mapped_pixels(const GstVideoInfo& info, GstBuffer* buffer) {
  const auto& format = *anomaly::find_pixel_format(GST_VIDEO_INFO_NAME(&info));
  std::vector<uint8_t> all;
  GstVideoFrame frame;
  g_assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
  for (int i = 0; i < format.planes; ++i) {
    const auto* data = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, i));
    for (int row = 0; row < anomaly::plane_rows(format, i, info.height); ++row) {
      const auto* start = data + ptrdiff_t{row} * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, i);
      all.insert(all.end(), start, start + anomaly::plane_row_bytes(format, i, info.width));
    }
  }
  gst_video_frame_unmap(&frame);
  return all;
}
