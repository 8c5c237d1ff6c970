// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectframe.h"

#include <algorithm>
#include <string>

#include "gst/plugin/videoview.h"
#include "src/error.h"

namespace anomaly {

namespace {

// Whether every row of component `c` lies in one of the frame's mappings.
bool component_fits(const GstVideoFrame& frame, guint c) {
  const GstVideoFormatInfo* format = frame.info.finfo;
  const auto* data = static_cast<const guint8*>(GST_VIDEO_FRAME_COMP_DATA(&frame, c));
  const gssize stride = GST_VIDEO_FRAME_COMP_STRIDE(&frame, c);
  const gssize bytes =
      (GST_VIDEO_FORMAT_INFO_DEPTH(format, c) + GST_VIDEO_FORMAT_INFO_SHIFT(format, c) + 7) / 8;
  const gssize row =
      (GST_VIDEO_FRAME_COMP_WIDTH(&frame, c) - 1) * gssize{GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, c)} + bytes;
  const gssize last = (GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c) - 1) * stride;
  const gssize begin = std::min<gssize>(0, last), end = std::max<gssize>(0, last) + row;
  for (const GstMapInfo& map : frame.map) {
    if (!map.data || data < map.data) continue;
    const gssize offset = data - map.data, size = static_cast<gssize>(map.size);
    if (offset + begin >= 0 && offset + end <= size) return true;
  }
  return false;
}

bool fits(const GstVideoFrame& frame) {
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS(&frame); ++c)
    if (!component_fits(frame, c)) return false;
  return true;
}

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
  if (known && fits(frame_)) return;
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
