// SPDX-License-Identifier: LGPL-2.1-or-later
// Small pictures of frames that events tell of.
#pragma once

#include <gst/video/video.h>

#include "gst/plugin/gstanomalydetectevents.h"

namespace anomaly {

// One thread at a time.
class EventThumbnails {
 public:
  EventThumbnails() = default;
  ~EventThumbnails();
  EventThumbnails(const EventThumbnails&) = delete;
  EventThumbnails& operator=(const EventThumbnails&) = delete;

  // The frame as RGB, 320 pixels wide at most, in its proportions, with its times and with its GstAnomalyMeta
  // scaled along. pad: whose caps it has. Null where its memory cannot be read.
  Thumbnail take(GstPad* pad, GstBuffer* frame);

 private:
  bool prepare(GstCaps* caps);

  GstCaps* caps_ = nullptr;  // that the converter is for
  GstVideoInfo in_, out_;
  GstVideoConverter* converter_ = nullptr;  // null = caps that none is for
};

}  // namespace anomaly
