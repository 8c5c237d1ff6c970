// SPDX-License-Identifier: LGPL-2.1-or-later
// Buffers of every memory kind that the elements take, mapped for the kernels: the pictures inside and where
// they lie. Nothing of CUDA and nothing of a vendor's header is needed to include this.
#pragma once

#include <gst/video/video.h>

#include <memory>
#include <vector>

#include "kernels/frame_view.h"
#include "src/engine/frame_memory.h"

namespace anomaly {

enum class BufferKind {
  System,
  Cuda,  // memory:CUDAMemory of gstcuda; taken only by builds that have gstcuda
  Nvmm,  // memory:NVMM: the buffer holds an NvBufSurface, of one picture or a batch of them
};

// By the memory feature of fixed caps; System where they name none.
BufferKind buffer_kind(const GstCaps* caps);

// "memory:CUDAMemory" and so on; null for System.
const char* caps_feature(BufferKind kind);

// Caps of every memory kind that this build can take, whatever the hardware, system memory first. Of each
// kind the formats that the kernels read and draw on. Transfer full.
GstCaps* supported_memory_caps();

enum class Access { Read, ReadWrite };

struct Picture {
  MutableFrameView view;  // to be written only where it was mapped for that
  FrameMemory memory;     // where the planes of `view` lie
};

// The pictures of a buffer, mapped, and a reference on it held, from construction to destruction. Whoever
// writes in device memory has either finished before destruction or has queued it on the picture's
// FrameMemory::stream, which is not null then; where that is null, he has finished.
class MappedPictures {
 public:
  virtual ~MappedPictures() = default;
  MappedPictures(const MappedPictures&) = delete;
  MappedPictures& operator=(const MappedPictures&) = delete;

  // At least one. More than one only for a batch of NVMM surfaces: picture i is surface i, which
  // GstAnomalyMeta::surface names.
  const std::vector<Picture>& pictures() const { return pictures_; }

 protected:
  MappedPictures() = default;
  std::vector<Picture> pictures_;
};

// Maps `buffer`, whose caps said `info` and `kind`. `reader`: where the one that reads (and writes) computes;
// it decides for memory that processor and GPU can both reach, and moves nothing: frames in device memory
// are given as such to a reader on the processor, too. A buffer of system memory holds one picture of the
// size that the caps say, the part that a GstVideoCropMeta names where there is one. Access::ReadWrite needs
// a writable buffer. Throws Error: Io where the buffer does not hold what it claims to, BadSettings for a
// format that the kernels do not know, Device for memory that this build or this machine cannot reach.
std::unique_ptr<MappedPictures> map_pictures(BufferKind kind, const GstVideoInfo& info, GstBuffer* buffer,
                                             Access access, const FrameMemory& reader);

}  // namespace anomaly
