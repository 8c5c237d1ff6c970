// SPDX-License-Identifier: LGPL-2.1-or-later
// Buffers that GstVideoFrame maps: system memory, and through its allocator CUDA memory.
#pragma once

#include "gst/plugin/devicebuffer.h"

namespace anomaly {

class MappedFrame final : public MappedPictures {
 public:
  // flags: beside those of `access`. memory: where such a mapping lies. Throws Error(Io) where the buffer
  // cannot be mapped, is smaller than its caps or its video meta say, or has a video or crop meta that does
  // not go with its caps; BadSettings where the format is not known.
  MappedFrame(const GstVideoInfo& info, GstBuffer* buffer, Access access, guint flags = 0,
              const FrameMemory& memory = {});
  ~MappedFrame() override;

 private:
  GstVideoFrame frame_ = {};  // mapping fills only what the format has
};

}  // namespace anomaly
