// SPDX-License-Identifier: LGPL-2.1-or-later
// Buffers of memory:NVMM over ordinary memory: what maps to an NvBufSurface, as NVIDIA's elements give them.
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "gst/plugin/nvbufsurface.h"
#include "kernels/pixel_format.h"

// Owned by its buffer. Lists are longer than the structures, as those of newer libraries are.
struct NvmmBatch {
  anomaly::nvmm::Surface surface = {};
  uint8_t appended[64] = {};
  std::vector<anomaly::nvmm::SurfaceParams> list;
  std::vector<std::vector<uint8_t>> pixels;
};

struct NvmmKind {
  anomaly::nvmm::MemoryType memory = anomaly::nvmm::MemoryType::System;
  uint32_t color_format = 0;
  uint32_t padding = 40;  // bytes behind each row
  bool hidden = false;    // the pixels are the library's: no data_ptr
};

// `info`: of one picture. The planes have no row that the other's offset would suggest.
inline void nvmm_lay_out(const GstVideoInfo& info, const NvmmKind& kind,
                         anomaly::nvmm::SurfaceParams* params) {
  const auto& format = *anomaly::find_pixel_format(GST_VIDEO_INFO_NAME(&info));
  auto& planes = params->plane_params;
  params->width = static_cast<uint32_t>(info.width);
  params->height = static_cast<uint32_t>(info.height);
  params->color_format = kind.color_format;
  planes.num_planes = static_cast<uint32_t>(format.planes);
  uint32_t offset = 16;
  for (int i = 0; i < format.planes; ++i) {
    const auto rows = static_cast<uint32_t>(anomaly::plane_rows(format, i, info.height));
    planes.pitch[i] = static_cast<uint32_t>(anomaly::plane_row_bytes(format, i, info.width)) + kind.padding;
    planes.height[i] = rows;
    planes.offset[i] = offset;
    planes.psize[i] = planes.pitch[i] * rows;
    offset += planes.psize[i] + 32;
  }
  params->pitch = planes.pitch[0];
  params->data_size = offset;
}

inline uint8_t* nvmm_plane(NvmmBatch& batch, size_t index, int plane) {
  return batch.pixels[index].data() + batch.list[index].plane_params.offset[plane];
}

// Rows of frame and surface, in either direction.
inline void nvmm_copy(const GstVideoInfo& info, GstBuffer* frame, NvmmBatch& batch, size_t index,
                      bool to_surface) {
  const auto& format = *anomaly::find_pixel_format(GST_VIDEO_INFO_NAME(&info));
  GstVideoFrame mapped;
  g_assert_true(gst_video_frame_map(&mapped, &info, frame, to_surface ? GST_MAP_READ : GST_MAP_WRITE));
  for (int i = 0; i < format.planes; ++i) {
    const auto bytes = static_cast<size_t>(anomaly::plane_row_bytes(format, i, info.width));
    for (int row = 0; row < anomaly::plane_rows(format, i, info.height); ++row) {
      uint8_t* outside = static_cast<uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&mapped, i)) +
                         ptrdiff_t{row} * GST_VIDEO_FRAME_PLANE_STRIDE(&mapped, i);
      uint8_t* inside = nvmm_plane(batch, index, i) + size_t{batch.list[index].plane_params.pitch[i]} * row;
      std::memcpy(to_surface ? inside : outside, to_surface ? outside : inside, bytes);
    }
  }
  gst_video_frame_unmap(&mapped);
}

// With the pixels of `frames`, which are given back, one surface each. *out may be changed to make it lie.
inline GstBuffer* nvmm_new(const GstVideoInfo& info, const NvmmKind& kind,
                           const std::vector<GstBuffer*>& frames, NvmmBatch** out = nullptr) {
  auto* batch = new NvmmBatch;
  batch->list.resize(frames.size());
  batch->surface.batch_size = batch->surface.num_filled = static_cast<uint32_t>(frames.size());
  batch->surface.mem_type = static_cast<uint32_t>(kind.memory);
  batch->surface.surface_list = batch->list.data();
  GstBuffer* buffer = gst_buffer_new();
  gst_buffer_append_memory(
      buffer, gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY, &batch->surface, sizeof batch->surface, 0,
                                     sizeof batch->surface, batch,
                                     [](gpointer gone) { delete static_cast<NvmmBatch*>(gone); }));
  for (size_t i = 0; i < frames.size(); ++i) {
    nvmm_lay_out(info, kind, &batch->list[i]);
    batch->pixels.emplace_back(batch->list[i].data_size, uint8_t{0xa5});
    if (kind.hidden)
      batch->list[i].buffer_desc = reinterpret_cast<uintptr_t>(batch->pixels[i].data());
    else
      batch->list[i].data_ptr = batch->pixels[i].data();
    nvmm_copy(info, frames[i], *batch, i, true);
    if (i == 0) gst_buffer_copy_into(buffer, frames[i], GST_BUFFER_COPY_TIMESTAMPS, 0, 0);
    gst_buffer_unref(frames[i]);
  }
  if (out) *out = batch;
  return buffer;
}
