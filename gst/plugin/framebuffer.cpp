// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/framebuffer.h"

#include <stdexcept>
#include <string>

#include "gst/plugin/videoview.h"
#include "kernels/pixel_format.h"
#include "src/error.h"

namespace anomaly {

namespace {

std::string describe(const char* format, gint64 width, gint64 height) {
  return std::to_string(width) + "x" + std::to_string(height) + " " + format;
}

std::string describe(const GstVideoInfo& info) {
  return describe(GST_VIDEO_INFO_NAME(&info), GST_VIDEO_INFO_WIDTH(&info), GST_VIDEO_INFO_HEIGHT(&info));
}

// Mapping takes the video meta's word for everything that it does not compare with the caps itself.
void check_meta(const GstVideoInfo& info, const GstVideoMeta& meta) {
  const bool agrees = meta.format == GST_VIDEO_INFO_FORMAT(&info) &&
                      meta.n_planes == GST_VIDEO_INFO_N_PLANES(&info) &&
                      meta.width >= static_cast<guint>(GST_VIDEO_INFO_WIDTH(&info)) &&
                      meta.height >= static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&info)) &&
                      meta.width <= G_MAXINT && meta.height <= G_MAXINT;
  if (agrees) return;
  throw Error(ErrorKind::Io, "The video metadata of a buffer describes " +
                                 describe(gst_video_format_to_string(meta.format), meta.width, meta.height) +
                                 " in " + std::to_string(meta.n_planes) + " planes, its caps " +
                                 describe(info) + ": the element before contradicts itself.");
}

// What memory holds may still be no frame: rows that overlap.
void check_rows(const GstVideoInfo& info, const FrameView& view) {
  try {
    check_frame(view);
  } catch (const std::invalid_argument& e) {
    throw Error(ErrorKind::Io,
                "A frame of " + describe(info) + " is laid out as none can be: " + e.what() + ".");
  }
}

}  // namespace

MappedFrame::MappedFrame(const GstVideoInfo& info, GstBuffer* buffer, Access access, guint flags,
                         const FrameMemory& memory) {
  const auto all =
      static_cast<GstMapFlags>(flags | (access == Access::Read ? GST_MAP_READ : GST_MAP_READWRITE));
  if (const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer)) check_meta(info, *meta);
  if (!gst_video_frame_map(&frame_, &info, buffer, all))
    throw Error(ErrorKind::Io, "A buffer of " + std::to_string(gst_buffer_get_size(buffer)) +
                                   " bytes cannot be read as a frame of " + describe(info) +
                                   ": the element before gives less than its caps promise, or memory that "
                                   "the processor cannot see.");
  try {
    Picture picture;
    picture.memory = memory;
    if (!mutable_frame_view(frame_, &picture.view))
      throw Error(ErrorKind::BadSettings,
                  "Frames of " + describe(frame_.info) + " cannot be read: convert them with videoconvert.");
    check_rows(frame_.info, picture.view);
    if (!frame_fits(frame_))
      throw Error(ErrorKind::Io, "A buffer of " + std::to_string(gst_buffer_get_size(buffer)) +
                                     " bytes is smaller than the " + describe(frame_.info) +
                                     " that its video metadata describes.");
    GstVideoCropMeta whole = {};  // a larger video meta without a crop: the picture is in its first corner
    whole.width = static_cast<guint>(GST_VIDEO_INFO_WIDTH(&info));
    whole.height = static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&info));
    const GstVideoCropMeta* crop = gst_buffer_get_video_crop_meta(buffer);
    if (!crop_view(crop ? *crop : whole, &picture.view))
      throw Error(ErrorKind::Io, "The crop metadata of a frame of " + describe(frame_.info) +
                                     " leaves nothing of it: the element before contradicts itself.");
    pictures_.push_back(picture);
  } catch (...) {
    gst_video_frame_unmap(&frame_);
    throw;
  }
}

MappedFrame::~MappedFrame() {
  gst_video_frame_unmap(&frame_);
}

}  // namespace anomaly
