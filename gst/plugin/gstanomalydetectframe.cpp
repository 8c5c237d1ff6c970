// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectframe.h"

#include <string>

#include "gst/plugin/videoview.h"
#include "src/error.h"

namespace anomaly {

namespace {

std::string describe(const GstVideoInfo& info) {
  return std::to_string(GST_VIDEO_INFO_WIDTH(&info)) + "x" + std::to_string(GST_VIDEO_INFO_HEIGHT(&info)) +
         " " + GST_VIDEO_INFO_NAME(&info);
}

}  // namespace

MappedFrame::MappedFrame(const GstVideoInfo& info, GstBuffer* buffer) {
  if (!gst_video_frame_map(&frame_, &info, buffer, GST_MAP_READ))
    throw Error(ErrorKind::Io, "A buffer of " + std::to_string(gst_buffer_get_size(buffer)) +
                                   " bytes cannot be read as a frame of " + describe(info) +
                                   ": the element before gives less than its caps promise.");
  const bool known = frame_view(frame_, &view_);
  if (known && frame_fits(frame_)) return;
  const std::string what = describe(frame_.info);
  gst_video_frame_unmap(&frame_);
  if (!known)
    throw Error(ErrorKind::BadSettings,
                "Frames of " + what + " cannot be read: convert them with videoconvert.");
  throw Error(ErrorKind::Io, "A buffer of " + std::to_string(gst_buffer_get_size(buffer)) +
                                 " bytes is smaller than the " + what +
                                 " that its video metadata describes.");
}

MappedFrame::~MappedFrame() {
  gst_video_frame_unmap(&frame_);
}

}  // namespace anomaly
