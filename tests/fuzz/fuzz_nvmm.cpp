// SPDX-License-Identifier: LGPL-2.1-or-later
// Fuzz target: an NVMM buffer whose surfaces say anything of themselves. What map_nvmm() accepts is read, and
// written, without leaving the surface's memory. Pointers are null or right: others cannot be told from right
// ones.
#include <gst/video/video.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "gst/plugin/nvbufsurface.h"
#include "gst/plugin/nvmmbuffer.h"
#include "gst/plugin/nvmmformat.h"
#include "kernels/ingest.h"
#include "kernels/pixel_format.h"
#include "src/error.h"
#include "tests/fuzz/replay.h"

namespace {

namespace nvmm = anomaly::nvmm;

constexpr guint kMost = 64;  // pixels a side, and then some
constexpr guint kMostSurfaces = 3;

// Numbers off the front of the input; zeros where it has ended.
class Numbers {
 public:
  Numbers(const guint8* data, gsize size) : data_(data), size_(size) {}
  guint byte() { return at_ < size_ ? data_[at_++] : 0; }
  guint word() { return byte() | byte() << 8; }
  guint whole() { return word() | word() << 16; }
  // `right`, or now and then anything.
  guint or_lie(guint right) {
    const guint how = byte();
    if (how >= 16) return right;
    if (how >= 8) return right + how - 12;
    return how >= 4 ? word() : whole();
  }

 private:
  const guint8* data_;
  gsize size_, at_ = 0;
};

struct Batch {
  nvmm::Surface surface = {};
  std::vector<nvmm::SurfaceParams> list;
  std::vector<std::vector<guint8>> memory;
};

void make_surface(Numbers& in, const GstVideoInfo& info, const anomaly::PixelFormatInfo& format,
                  Batch* batch) {
  nvmm::SurfaceParams params = {};
  auto& planes = params.plane_params;
  params.width = in.or_lie(static_cast<guint>(info.width));
  params.height = in.or_lie(static_cast<guint>(info.height));
  guint number = 0;
  while (number < 40) {
    const auto* color = nvmm::find_color_format(number);
    if (color && color->format == format.format && in.byte() % 2 == 0) break;
    ++number;
  }
  params.color_format = in.or_lie(number);
  params.layout = in.or_lie(0);
  planes.num_planes = in.or_lie(static_cast<guint>(format.planes));
  guint end = 0;
  for (int i = 0; i < nvmm::kSurfacePlanes; ++i) {
    const bool used = i < format.planes;
    const guint bytes = used ? static_cast<guint>(anomaly::plane_row_bytes(format, i, info.width)) : 0;
    const guint rows = used ? static_cast<guint>(anomaly::plane_rows(format, i, info.height)) : 0;
    const guint pitch = bytes + in.byte() % 8;
    planes.pitch[i] = in.or_lie(pitch);
    planes.offset[i] = in.or_lie(end);
    planes.psize[i] = in.or_lie(pitch * rows);
    end += pitch * rows;
  }
  // Of exactly that size, so that a step too far is seen.
  const guint there = in.byte() < 240 ? end : in.word();
  batch->memory.emplace_back(there, static_cast<guint8>(in.byte()));
  params.data_size = in.byte() < 240 ? there : in.word() % (there + 1);
  params.data_ptr = in.byte() < 240 ? batch->memory.back().data() : nullptr;
  if (batch->memory.back().empty()) params.data_ptr = nullptr;
  batch->list.push_back(params);
}

void use(const anomaly::MappedPictures& mapped, bool write) {
  for (const anomaly::Picture& picture : mapped.pictures()) {
    if (picture.memory.kind != anomaly::FrameMemory::Kind::Host) continue;
    guint8 rgb[8 * 8 * 3];
    anomaly::ingest_rgb8(picture.view, rgb, 8, 8);
    if (!write) continue;
    const auto& format = anomaly::pixel_format_info(picture.view.format);
    for (int i = 0; i < format.planes; ++i)
      for (int row = 0; row < anomaly::plane_rows(format, i, picture.view.height); ++row)
        memset(picture.view.plane[i] + row * picture.view.stride[i], row,
               static_cast<gsize>(anomaly::plane_row_bytes(format, i, picture.view.width)));
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const guint8* data, gsize size) {
  if (!gst_is_initialized()) {
    g_setenv("GST_REGISTRY_DISABLE", "yes", TRUE);
    g_setenv("GST_ANOMALY_NVBUFSURFACE", "/nowhere/libnvbufsurface.so", TRUE);
    gst_init(nullptr, nullptr);
    gst_debug_set_default_threshold(GST_LEVEL_NONE);
  }
  Numbers in(data, size);
  const auto& format = anomaly::pixel_format_table()[in.byte() % anomaly::kPixelFormats];
  GstVideoInfo info;
  gst_video_info_set_format(&info, gst_video_format_from_string(format.name), 1 + in.byte() % kMost,
                            1 + in.byte() % kMost);
  Batch batch;
  const guint surfaces = 1 + in.byte() % kMostSurfaces;
  for (guint i = 0; i < surfaces; ++i) make_surface(in, info, format, &batch);
  batch.surface.gpu_id = in.or_lie(0);
  batch.surface.mem_type = in.or_lie(in.byte() % 8);
  batch.surface.surface_list = in.byte() < 250 ? batch.list.data() : nullptr;
  // No more of them than there are: where a list ends, nobody can tell.
  batch.surface.num_filled = in.or_lie(surfaces);
  batch.surface.batch_size = in.or_lie(surfaces);
  if (batch.surface.batch_size <= 1024 && batch.surface.num_filled <= batch.surface.batch_size &&
      batch.surface.num_filled > surfaces)
    batch.surface.num_filled = surfaces;
  const gsize bytes = in.byte() < 240 ? sizeof batch.surface : in.byte() % (sizeof batch.surface + 1);
  GstBuffer* buffer = gst_buffer_new();
  gst_buffer_append_memory(buffer, gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY, &batch.surface, bytes, 0,
                                                          bytes, nullptr, nullptr));
  if (in.byte() < 64) {
    GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(buffer);
    crop->x = in.word();
    crop->y = in.byte();
    crop->width = in.whole();
    crop->height = in.byte();
  }
  const bool write = in.byte() % 2;
  anomaly::FrameMemory reader;
  if (in.byte() % 2) reader.kind = anomaly::FrameMemory::Kind::Cuda;
  try {
    const auto mapped =
        anomaly::map_nvmm(info, buffer, write ? anomaly::Access::ReadWrite : anomaly::Access::Read, reader);
    use(*mapped, write);
  } catch (const anomaly::Error&) {
  }
  gst_buffer_unref(buffer);
  return 0;
}
