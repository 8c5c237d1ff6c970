// SPDX-License-Identifier: LGPL-2.1-or-later
// A video buffer mapped for reading, checked to hold what it claims to.
#pragma once

#include <gst/video/video.h>

#include "kernels/frame_view.h"

namespace anomaly {

// Mapped, and a reference held, from construction to destruction.
class MappedFrame {
 public:
  // Throws Error(Io) where the buffer cannot be mapped, is smaller than its caps or its video meta say, or
  // has a video or crop meta that does not go with its caps; BadSettings where the format is not known.
  MappedFrame(const GstVideoInfo& info, GstBuffer* buffer);
  ~MappedFrame();
  MappedFrame(const MappedFrame&) = delete;
  MappedFrame& operator=(const MappedFrame&) = delete;

  // The picture: of the size that the caps say, the part that a GstVideoCropMeta names where there is one.
  const FrameView& view() const { return view_; }

 private:
  GstVideoFrame frame_ = {};  // mapping fills only what the format has
  FrameView view_;
};

}  // namespace anomaly
