// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/devicebuffer.h"

#include "gst/plugin/cudabuffer.h"
#include "gst/plugin/framebuffer.h"
#include "gst/plugin/nvmmbuffer.h"
#include "gst/plugin/videoview.h"
#include "src/error.h"

namespace anomaly {

BufferKind buffer_kind(const GstCaps* caps) {
  const GstCapsFeatures* features =
      caps && gst_caps_get_size(caps) > 0 ? gst_caps_get_features(caps, 0) : nullptr;
  if (!features || gst_caps_features_is_any(features)) return BufferKind::System;
  for (const BufferKind kind : {BufferKind::Cuda, BufferKind::Nvmm})
    if (gst_caps_features_contains(features, caps_feature(kind))) return kind;
  return BufferKind::System;
}

const char* caps_feature(BufferKind kind) {
  switch (kind) {
    case BufferKind::Cuda:
      return "memory:CUDAMemory";
    case BufferKind::Nvmm:
      return "memory:NVMM";
    case BufferKind::System:
      break;
  }
  return nullptr;
}

GstCaps* supported_memory_caps() {
  GstCaps* caps = supported_caps();
#ifdef HAVE_CUDA_MEMORY
  gst_caps_append(caps, cuda_caps());
#endif
  gst_caps_append(caps, nvmm_caps());
  return caps;
}

std::unique_ptr<MappedPictures> map_pictures(BufferKind kind, const GstVideoInfo& info, GstBuffer* buffer,
                                             Access access, const FrameMemory& reader) {
  switch (kind) {
    case BufferKind::Cuda:
#ifdef HAVE_CUDA_MEMORY
      return map_cuda(info, buffer, access);
#else
      throw Error(ErrorKind::Device,
                  "This build reads no CUDA memory: put cudadownload before this element.");
#endif
    case BufferKind::Nvmm:
      return map_nvmm(info, buffer, access, reader);
    case BufferKind::System:
      break;
  }
  return std::make_unique<MappedFrame>(info, buffer, access);
}

}  // namespace anomaly
