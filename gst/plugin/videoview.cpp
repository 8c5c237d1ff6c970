// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/videoview.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "kernels/pixel_format.h"

namespace anomaly {
namespace {

ChromaSite chroma_site(GstVideoChromaSite site) {
  if (site == GST_VIDEO_CHROMA_SITE_UNKNOWN) return ChromaSite::Left;
  const bool left = site & GST_VIDEO_CHROMA_SITE_H_COSITED, top = site & GST_VIDEO_CHROMA_SITE_V_COSITED;
  if (left) return top ? ChromaSite::TopLeft : ChromaSite::Left;
  return top ? ChromaSite::Top : ChromaSite::Centre;
}

// Whether `rows` rows of `bytes` bytes from `data` on lie in one of the frame's mappings.
bool rows_fit(const GstVideoFrame& frame, const guint8* data, gssize stride, gssize rows, gssize bytes) {
  const gssize last = (rows - 1) * stride;
  const gssize begin = std::min<gssize>(0, last), end = std::max<gssize>(0, last) + bytes;
  // Without a video meta all planes lie in one mapping; mappings that the format has no use for are not set.
  const guint mappings = frame.meta ? GST_VIDEO_FRAME_N_PLANES(&frame) : 1;
  for (guint i = 0; i < mappings; ++i) {
    const GstMapInfo& map = frame.map[i];
    if (!map.data || data < map.data) continue;
    const gssize offset = data - map.data, size = static_cast<gssize>(map.size);
    if (offset + begin >= 0 && offset + end <= size) return true;
  }
  return false;
}

template <typename Byte>
bool describe(const GstVideoInfo& info, BasicFrameView<Byte>* view) {
  if (!pixel_format(GST_VIDEO_INFO_FORMAT(&info), &view->format)) return false;
  view->matrix = color_matrix(info);
  view->range = color_range(info);
  view->chroma_site = chroma_site(GST_VIDEO_INFO_CHROMA_SITE(&info));
  view->width = GST_VIDEO_INFO_WIDTH(&info);
  view->height = GST_VIDEO_INFO_HEIGHT(&info);
  return true;
}

template <typename Byte>
bool fill(const GstVideoFrame& frame, BasicFrameView<Byte>* out) {
  BasicFrameView<Byte> view;
  if (!describe(frame.info, &view)) return false;
  const int planes = std::min<int>(GST_VIDEO_FRAME_N_PLANES(&frame), kMaxPlanes);
  for (int i = 0; i < planes; ++i) {
    view.plane[i] = static_cast<Byte*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, i));
    view.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, i);
  }
  *out = view;
  return true;
}

template <typename Byte>
bool narrow(const GstVideoCropMeta& crop, BasicFrameView<Byte>* view) {
  if (crop.x >= static_cast<guint>(view->width) || crop.y >= static_cast<guint>(view->height)) return false;
  if (crop.width == 0 || crop.height == 0) return false;
  const PixelFormatInfo& format = pixel_format_info(view->format);
  int h_sub = 0, v_sub = 0;
  for (int c = 0; c < format.components; ++c) {
    h_sub = std::max<int>(h_sub, format.component[c].h_sub);
    v_sub = std::max<int>(v_sub, format.component[c].v_sub);
  }
  const int x = static_cast<int>(crop.x) >> h_sub << h_sub, y = static_cast<int>(crop.y) >> v_sub << v_sub;
  view->width = static_cast<int>(std::min<guint>(crop.width, static_cast<guint>(view->width - x)));
  view->height = static_cast<int>(std::min<guint>(crop.height, static_cast<guint>(view->height - y)));
  bool moved[kMaxPlanes] = {};
  for (int c = 0; c < format.components; ++c) {
    const PixelComponent& component = format.component[c];
    if (std::exchange(moved[component.plane], true)) continue;
    view->plane[component.plane] += (y >> component.v_sub) * view->stride[component.plane] +
                                    ptrdiff_t{x >> component.h_sub} * component.pixel_stride;
  }
  return true;
}

}  // namespace

GstCaps* supported_caps(const char* feature) {
  GstCaps* caps = gst_caps_new_simple("video/x-raw", "width", GST_TYPE_INT_RANGE, 1, kMaxFrameSize, "height",
                                      GST_TYPE_INT_RANGE, 1, kMaxFrameSize, "framerate",
                                      GST_TYPE_FRACTION_RANGE, 0, 1, G_MAXINT, 1, nullptr);
  keep_formats(caps, [](PixelFormat) { return true; });
  if (feature) gst_caps_set_features(caps, 0, gst_caps_features_new(feature, nullptr));
  return caps;
}

void keep_formats(GstCaps* caps, bool (*wanted)(PixelFormat)) {
  GValue formats = G_VALUE_INIT;
  g_value_init(&formats, GST_TYPE_LIST);
  for (int i = 0; i < kPixelFormats; ++i) {
    if (!wanted(pixel_format_table()[i].format)) continue;
    GValue name = G_VALUE_INIT;
    g_value_init(&name, G_TYPE_STRING);
    g_value_set_static_string(&name, pixel_format_table()[i].name);
    gst_value_list_append_and_take_value(&formats, &name);
  }
  gst_caps_set_value(caps, "format", &formats);
  g_value_unset(&formats);
}

bool pixel_format(GstVideoFormat format, PixelFormat* out) {
  if (format == GST_VIDEO_FORMAT_UNKNOWN) return false;
  const PixelFormatInfo* info = find_pixel_format(gst_video_format_to_string(format));
  if (info) *out = info->format;
  return info != nullptr;
}

ColorMatrix color_matrix(const GstVideoInfo& info) {
  switch (info.colorimetry.matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT709:
    case GST_VIDEO_COLOR_MATRIX_SMPTE240M:  // the nearest of the three: its weight of blue is 0.087, not
                                            // 0.072
      return ColorMatrix::BT709;
    case GST_VIDEO_COLOR_MATRIX_BT601:
    case GST_VIDEO_COLOR_MATRIX_FCC:  // BT.601 rounded to two digits
      return ColorMatrix::BT601;
    case GST_VIDEO_COLOR_MATRIX_BT2020:
      return ColorMatrix::BT2020;
    default:
      break;
  }
  GstVideoInfo usual;  // with the colorimetry that GStreamer assumes for this size
  gst_video_info_init(&usual);
  if (!gst_video_info_set_format(&usual, GST_VIDEO_FORMAT_I420, info.width, info.height))
    return ColorMatrix::BT601;
  if (usual.colorimetry.matrix == GST_VIDEO_COLOR_MATRIX_BT2020) return ColorMatrix::BT2020;
  return usual.colorimetry.matrix == GST_VIDEO_COLOR_MATRIX_BT709 ? ColorMatrix::BT709 : ColorMatrix::BT601;
}

ColorRange color_range(const GstVideoInfo& info) {
  switch (info.colorimetry.range) {
    case GST_VIDEO_COLOR_RANGE_0_255:
      return ColorRange::Full;
    case GST_VIDEO_COLOR_RANGE_16_235:
      return ColorRange::Limited;
    default:
      return GST_VIDEO_INFO_IS_YUV(&info) ? ColorRange::Limited : ColorRange::Full;
  }
}

bool describe_picture(const GstVideoInfo& info, MutableFrameView* out) {
  return describe(info, out);
}

bool frame_fits(const GstVideoFrame& frame) {
  PixelFormat known;
  const int width = GST_VIDEO_FRAME_WIDTH(&frame), height = GST_VIDEO_FRAME_HEIGHT(&frame);
  if (!pixel_format(GST_VIDEO_FRAME_FORMAT(&frame), &known)) return false;
  if (width < 1 || height < 1 || width > kMaxFrameSize || height > kMaxFrameSize) return false;
  // By the kernels' table, because it says which bytes they touch: GStreamer 1.22 places P010's Cr one byte
  // too early.
  const PixelFormatInfo& format = pixel_format_info(known);
  for (int plane = 0; plane < format.planes; ++plane) {
    const gssize stride = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane);
    const auto* data = static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane));
    const gssize rows = plane_rows(format, plane, height), bytes = plane_row_bytes(format, plane, width);
    if (rows > 1 && std::abs(stride) < bytes) return false;
    if (!rows_fit(frame, data, stride, rows, bytes)) return false;
  }
  return true;
}

bool frame_view(const GstVideoFrame& frame, FrameView* out) {
  return fill(frame, out);
}
bool mutable_frame_view(GstVideoFrame& frame, MutableFrameView* out) {
  return fill(frame, out);
}

bool crop_view(const GstVideoCropMeta& crop, FrameView* view) {
  return narrow(crop, view);
}
bool crop_view(const GstVideoCropMeta& crop, MutableFrameView* view) {
  return narrow(crop, view);
}

}  // namespace anomaly
