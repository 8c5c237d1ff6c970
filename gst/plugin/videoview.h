// SPDX-License-Identifier: LGPL-2.1-or-later
// From GStreamer's words for a video frame to the kernels': one table of pixel formats for caps, ingest and
// drawing.
#pragma once

#include <gst/video/video.h>

#include "kernels/frame_view.h"

namespace anomaly {

// Caps of every raw video format that the kernels read and draw on, 1x1 to 32768x32768 pixels, any frame
// rate. `feature`: a memory kind such as "memory:DMABuf", or null for system memory. Transfer full.
GstCaps* supported_caps(const char* feature = nullptr);

// Leaves those of `caps`' formats that `wanted` holds for.
void keep_formats(GstCaps* caps, bool (*wanted)(PixelFormat));

// False where the kernels do not know the format.
bool pixel_format(GstVideoFormat format, PixelFormat* out);

// Matrix and range as the caps name them; what they leave open is GStreamer's default for the format and
// size.
ColorMatrix color_matrix(const GstVideoInfo& info);
ColorRange color_range(const GstVideoInfo& info);

// All that the caps say of a picture: not where its planes lie. False where the kernels do not know the
// format.
bool describe_picture(const GstVideoInfo& info, MutableFrameView* out);

// Whether the kernels know the format, and every row of the mapped frame lies in its memory and over no other
// row: a buffer's video meta may promise more than there is.
bool frame_fits(const GstVideoFrame& frame);

// The mapped frame as the kernels see it, valid while it stays mapped. False where the kernels do not know
// the format.
bool frame_view(const GstVideoFrame& frame, FrameView* out);
// The same for drawing: the frame must be mapped for writing.
bool mutable_frame_view(GstVideoFrame& frame, MutableFrameView* out);

// Narrows the view to the part that `crop` names, as far as the view reaches; its left and upper edge are
// moved outwards to whole chroma samples. False, and the view as it was, where nothing would be left.
bool crop_view(const GstVideoCropMeta& crop, FrameView* view);
bool crop_view(const GstVideoCropMeta& crop, MutableFrameView* view);

}  // namespace anomaly
