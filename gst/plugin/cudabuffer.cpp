// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/cudabuffer.h"

#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudamemory.h>
#include <gst/cuda/gstcudautils.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "gst/plugin/cudaprimary.h"
#include "gst/plugin/framebuffer.h"
#include "gst/plugin/videoview.h"
#include "kernels/pixel_format.h"
#include "src/error.h"

#if GST_CHECK_VERSION(1, 24, 0)
#include <gst/cuda/gstcudastream.h>
#endif

namespace anomaly {

namespace {

// What gstcuda's allocator of 1.22 lays out; newer ones know more.
constexpr GstVideoFormat kFormats[] = {
    GST_VIDEO_FORMAT_I420, GST_VIDEO_FORMAT_YV12, GST_VIDEO_FORMAT_I420_10LE, GST_VIDEO_FORMAT_Y42B,
    GST_VIDEO_FORMAT_NV12, GST_VIDEO_FORMAT_NV21, GST_VIDEO_FORMAT_P010_10LE, GST_VIDEO_FORMAT_Y444,
    GST_VIDEO_FORMAT_BGRA, GST_VIDEO_FORMAT_RGBA, GST_VIDEO_FORMAT_RGBx,      GST_VIDEO_FORMAT_BGRx,
    GST_VIDEO_FORMAT_ARGB, GST_VIDEO_FORMAT_ABGR, GST_VIDEO_FORMAT_RGB,       GST_VIDEO_FORMAT_BGR,
    GST_VIDEO_FORMAT_YUY2, GST_VIDEO_FORMAT_UYVY,
};

GstCudaMemory* memory_of(GstBuffer* buffer) {
  GstMemory* memory = gst_buffer_n_memory(buffer) == 1 ? gst_buffer_peek_memory(buffer, 0) : nullptr;
  if (!memory || !gst_is_cuda_memory(memory))
    throw Error(
        ErrorKind::Io,
        "A buffer holds no CUDA memory, though its caps promise it: the element before contradicts itself.");
  return GST_CUDA_MEMORY_CAST(memory);
}

// What is queued on the memory: null where copies are synchronous, or the default stream's.
void* stream_of([[maybe_unused]] GstCudaMemory* memory) {
#if GST_CHECK_VERSION(1, 24, 0)
  if (GstCudaStream* stream = gst_cuda_memory_get_stream(memory)) return gst_cuda_stream_get_handle(stream);
#endif
  return nullptr;
}

void wait_for([[maybe_unused]] GstCudaMemory* memory) {
#if GST_CHECK_VERSION(1, 24, 0)
  gst_cuda_memory_sync(memory);
#endif
}

// In the primary context, of the foreign one's size: reused from frame to frame, by way of that context.
GstBufferPool* staging_pool(GstCudaContext* foreign, GstCudaContext* primary, const GstVideoInfo& info) {
  static const GQuark quark = g_quark_from_static_string("gst-anomaly-staging-pool");
  GST_OBJECT_LOCK(foreign);
  auto* pool = static_cast<GstBufferPool*>(g_object_get_qdata(G_OBJECT(foreign), quark));
  if (pool) gst_object_ref(pool);
  GST_OBJECT_UNLOCK(foreign);
  GstCaps* caps = gst_video_info_to_caps(const_cast<GstVideoInfo*>(&info));
  gst_caps_set_features(caps, 0, gst_caps_features_new(GST_CAPS_FEATURE_MEMORY_CUDA_MEMORY, nullptr));
  if (pool) {
    GstCaps* have = nullptr;
    GstStructure* config = gst_buffer_pool_get_config(pool);
    const bool fits = gst_buffer_pool_config_get_params(config, &have, nullptr, nullptr, nullptr) && have &&
                      gst_caps_is_equal(have, caps);
    gst_structure_free(config);
    if (fits) {
      gst_caps_unref(caps);
      return pool;
    }
    gst_clear_object(&pool);
  }
  pool = gst_cuda_buffer_pool_new(primary);
  GstStructure* config = gst_buffer_pool_get_config(pool);
  gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_config_set_params(config, caps, static_cast<guint>(info.size), 0, 0);
  gst_caps_unref(caps);
  if (!gst_buffer_pool_set_config(pool, config) || !gst_buffer_pool_set_active(pool, TRUE)) {
    gst_object_unref(pool);
    return nullptr;
  }
  GST_OBJECT_LOCK(foreign);
  auto* old = static_cast<GstBufferPool*>(g_object_steal_qdata(G_OBJECT(foreign), quark));
  g_object_set_qdata_full(G_OBJECT(foreign), quark, gst_object_ref(pool), [](gpointer gone) {
    gst_buffer_pool_set_active(GST_BUFFER_POOL(gone), FALSE);
    gst_object_unref(gone);
  });
  GST_OBJECT_UNLOCK(foreign);
  if (old) {
    gst_buffer_pool_set_active(old, FALSE);
    gst_object_unref(old);
  }
  return pool;
}

// A frame of another context, on a copy in the primary one.
class StagedFrame final : public MappedPictures {
 public:
  StagedFrame(const GstVideoInfo& info, GstBuffer* buffer, Access access, GstCudaMemory* memory)
      : access_(access), primary_(primary_cuda_context(cuda_device_of(memory->context))) {
    wait_for(memory);
    FrameMemory where;
    where.kind = FrameMemory::Kind::Cuda;
    where.device = cuda_device_of(primary_);
    there_ = std::make_unique<MappedFrame>(info, buffer, access, GST_MAP_CUDA, where);
    const MutableFrameView& view = there_->pictures().front().view;
    GstVideoInfo size = info;  // of the picture, which may be a part of the frame
    gst_video_info_set_format(&size, GST_VIDEO_INFO_FORMAT(&info), static_cast<guint>(view.width),
                              static_cast<guint>(view.height));
    if (GstBufferPool* pool = staging_pool(memory->context, primary_, size)) {
      gst_buffer_pool_acquire_buffer(pool, &staging_, nullptr);
      gst_object_unref(pool);
    }
    if (!staging_)
      throw Error(ErrorKind::Resource,
                  "Memory for a frame ran out on GPU " + std::to_string(where.device) + ".");
    try {
      here_ = std::make_unique<MappedFrame>(size, staging_, Access::ReadWrite, GST_MAP_CUDA, where);
      pictures_.push_back(here_->pictures().front());
      Picture& picture = pictures_.front();
      picture.view.matrix = view.matrix;
      picture.view.range = view.range;
      picture.view.chroma_site = view.chroma_site;
      if (!copy(view, picture.view))
        throw Error(ErrorKind::Device, "A frame of another CUDA context could not be copied on GPU " +
                                           std::to_string(where.device) + ".");
    } catch (...) {
      here_.reset();
      gst_buffer_unref(staging_);
      throw;
    }
  }
  ~StagedFrame() override {
    if (access_ == Access::ReadWrite &&
        !copy(here_->pictures().front().view, there_->pictures().front().view))
      GST_WARNING("what was drawn could not be copied back into a frame of another CUDA context");
    here_.reset();
    gst_buffer_unref(staging_);
  }

 private:
  // Finished when it returns. Which context an address belongs to is the driver's to find out.
  bool copy(const MutableFrameView& from, const MutableFrameView& to) const {
    const PixelFormatInfo& format = pixel_format_info(from.format);
    if (!gst_cuda_context_push(primary_)) return false;
    bool done = true;
    for (int i = 0; i < format.planes && done; ++i) {
      CUDA_MEMCPY2D plane = {};
      plane.srcMemoryType = plane.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
      plane.srcDevice = reinterpret_cast<CUdeviceptr>(from.plane[i]);
      plane.srcPitch = static_cast<size_t>(from.stride[i]);
      plane.dstDevice = reinterpret_cast<CUdeviceptr>(to.plane[i]);
      plane.dstPitch = static_cast<size_t>(to.stride[i]);
      plane.WidthInBytes = static_cast<size_t>(plane_row_bytes(format, i, from.width));
      plane.Height = static_cast<size_t>(plane_rows(format, i, from.height));
      done = gst_cuda_result(CuMemcpy2DAsync(&plane, nullptr));
    }
    done = gst_cuda_result(CuStreamSynchronize(nullptr)) && done;
    gst_cuda_context_pop(nullptr);
    return done;
  }

  const Access access_;
  GstCudaContext* const primary_;
  std::unique_ptr<MappedFrame> there_, here_;
  GstBuffer* staging_ = nullptr;
};

}  // namespace

bool is_cuda_format(GstVideoFormat format) {
  return std::find(std::begin(kFormats), std::end(kFormats), format) != std::end(kFormats);
}

GstCaps* cuda_caps() {
  GstCaps* caps = supported_caps(caps_feature(BufferKind::Cuda));
  keep_formats(caps, [](PixelFormat format) {
    return is_cuda_format(gst_video_format_from_string(pixel_format_info(format).name));
  });
  return caps;
}

GstCudaContext* cuda_context_of(GstBuffer* buffer) {
  return memory_of(buffer)->context;
}

std::unique_ptr<MappedPictures> map_cuda(const GstVideoInfo& info, GstBuffer* buffer, Access access) {
  GstCudaMemory* memory = memory_of(buffer);
  if (!is_primary(memory->context)) return std::make_unique<StagedFrame>(info, buffer, access, memory);
  FrameMemory where;
  where.kind = FrameMemory::Kind::Cuda;
  where.device = cuda_device_of(memory->context);
  where.stream = stream_of(memory);
  return std::make_unique<MappedFrame>(info, buffer, access, GST_MAP_CUDA, where);
}

}  // namespace anomaly
