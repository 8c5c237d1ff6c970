// SPDX-License-Identifier: LGPL-2.1-or-later
// A frame of a scene as a video buffer: its pixels in the format of the caps, the truth beside them.
#pragma once

#include <gst/video/video.h>

#include <memory>

#include "gst/plugin/gstanomalytestsrcconfig.h"

namespace anomaly {

// Used by one thread at a time.
class SceneFrames {
 public:
  SceneFrames();
  ~SceneFrames();
  SceneFrames(const SceneFrames&) = delete;
  SceneFrames& operator=(const SceneFrames&) = delete;

  // Frames to come are of this format, in scenes of its size and frame rate (25 a second where that is 0).
  // False where GStreamer cannot convert RGB to it.
  bool set_format(const GstVideoInfo& info);
  void clear();  // lets go of all memory

  // Renders frame `index` of the scene into `buffer`, and attaches what `config` asks for; the seed and the
  // schedule of a scene are those of its first frame after set_format(). False where the buffer cannot be
  // written. Throws Error(BadSettings), std::bad_alloc.
  bool make(const TestSrcConfig& config, int64_t index, GstBuffer* buffer);

 private:
  void drop_scene();
  bool write_pixels(GstBuffer* buffer);
  void attach_truth(Truth what, int64_t index, GstBuffer* buffer);

  GstVideoInfo info_, scene_info_;
  GstVideoConverter* converter_ = nullptr;  // from the scene's RGB; null for RGB
  std::unique_ptr<Scene> scene_;
  SceneFrame frame_;
  GstBuffer* clear_mask_ = nullptr;  // what all frames without an anomaly share
};

}  // namespace anomaly
