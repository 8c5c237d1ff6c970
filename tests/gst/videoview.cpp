// SPDX-License-Identifier: LGPL-2.1-or-later
// From caps and mapped frames to the kernels' view of them.
#include "gst/plugin/videoview.h"

#include <gst/check/gstcheck.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/ingest.h"
#include "kernels/pixel_format.h"

using anomaly::ColorMatrix;
using anomaly::ColorRange;

static GstVideoInfo from_caps(const gchar* text) {
  GstVideoInfo info;
  GstCaps* caps = gst_caps_from_string(text);
  fail_unless(gst_video_info_from_caps(&info, caps), "%s", text);
  gst_caps_unref(caps);
  return info;
}

GST_START_TEST(test_colorimetry) {
  const struct {
    const gchar* caps;
    ColorMatrix matrix;
    ColorRange range;
  } cases[] = {
      {"colorimetry=bt601", ColorMatrix::BT601, ColorRange::Limited},
      {"colorimetry=bt709", ColorMatrix::BT709, ColorRange::Limited},
      {"colorimetry=bt2020", ColorMatrix::BT2020, ColorRange::Limited},
      {"colorimetry=bt2020-10", ColorMatrix::BT2020, ColorRange::Limited},
      {"colorimetry=bt2100-pq", ColorMatrix::BT2020, ColorRange::Limited},
      {"colorimetry=smpte240m", ColorMatrix::BT709, ColorRange::Limited},
      {"colorimetry=1:4:0:0", ColorMatrix::BT601, ColorRange::Full},
      {"colorimetry=1:3:5:1", ColorMatrix::BT709, ColorRange::Full},
      {"colorimetry=2:2:0:0", ColorMatrix::BT601, ColorRange::Limited},
      {"colorimetry=2:0:0:0", ColorMatrix::BT601, ColorRange::Limited},  // unknown, at this size
  };
  for (const auto& c : cases) {
    gchar* text = g_strdup_printf("video/x-raw,format=NV12,width=320,height=240,%s", c.caps);
    const GstVideoInfo info = from_caps(text);
    fail_unless(anomaly::color_matrix(info) == c.matrix, "%s", text);
    fail_unless(anomaly::color_range(info) == c.range, "%s", text);
    g_free(text);
  }
  // What caps leave open is GStreamer's default for the size.
  const GstVideoInfo hd = from_caps("video/x-raw,format=I420,width=1920,height=1080");
  fail_unless(anomaly::color_matrix(hd) == ColorMatrix::BT709);
  fail_unless(anomaly::color_range(hd) == ColorRange::Limited);
  const GstVideoInfo unknown_hd =
      from_caps("video/x-raw,format=I420,width=1920,height=1080,colorimetry=2:0:0:0");
  fail_unless(anomaly::color_matrix(unknown_hd) == ColorMatrix::BT709);
  const GstVideoInfo rgb = from_caps("video/x-raw,format=RGB,width=320,height=240");
  fail_unless(anomaly::color_range(rgb) == ColorRange::Full);
}
GST_END_TEST;

// With a colorimetry: GStreamer takes its default site where caps name none, even if they name the site.
static anomaly::ChromaSite site_of(const gchar* site) {
  gchar* text =
      g_strdup_printf("video/x-raw,format=NV12,width=32,height=16,colorimetry=bt601,chroma-site=%s", site);
  GstVideoInfo info = from_caps(text);
  g_free(text);
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
  GstVideoFrame frame;
  anomaly::FrameView view;
  fail_unless(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ) && anomaly::frame_view(frame, &view));
  gst_video_frame_unmap(&frame);
  gst_buffer_unref(buffer);
  return view.chroma_site;
}

GST_START_TEST(test_chroma_site) {
  fail_unless(site_of("mpeg2") == anomaly::ChromaSite::Left);
  fail_unless(site_of("jpeg") == anomaly::ChromaSite::Centre);
  fail_unless(site_of("cosited") == anomaly::ChromaSite::TopLeft);
  fail_unless(site_of("v-cosited") == anomaly::ChromaSite::Top);
}
GST_END_TEST;

// Every format of the caps has a view whose planes lie where GStreamer put them.
GST_START_TEST(test_views) {
  GstCaps* caps = anomaly::supported_caps();
  const GValue* formats = gst_structure_get_value(gst_caps_get_structure(caps, 0), "format");
  fail_unless_equals_int(gst_value_list_get_size(formats), anomaly::kPixelFormats);
  for (guint i = 0; i < gst_value_list_get_size(formats); ++i) {
    const gchar* name = g_value_get_string(gst_value_list_get_value(formats, i));
    GstVideoInfo info;
    gst_video_info_init(&info);
    fail_unless(gst_video_info_set_format(&info, gst_video_format_from_string(name), 37, 21), "%s", name);
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
    GstVideoFrame frame;
    fail_unless(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READWRITE));
    anomaly::FrameView view;
    anomaly::MutableFrameView drawable;
    fail_unless(anomaly::frame_view(frame, &view) && anomaly::mutable_frame_view(frame, &drawable), "%s",
                name);
    anomaly::check_frame(view);
    fail_unless_equals_string(anomaly::pixel_format_info(view.format).name, name);
    fail_unless_equals_int(view.width, 37);
    fail_unless_equals_int(view.height, 21);
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); ++plane) {
      fail_unless(view.plane[plane] == GST_VIDEO_FRAME_PLANE_DATA(&frame, plane));
      fail_unless(drawable.plane[plane] == view.plane[plane]);
      fail_unless_equals_int(static_cast<int>(view.stride[plane]),
                             GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane));
    }
    gst_video_frame_unmap(&frame);
    gst_buffer_unref(buffer);
  }
  gst_caps_unref(caps);
}
GST_END_TEST;

// A buffer of `size` bytes with the planes of `info` where `offset` and `stride` say.
static GstBuffer* laid_out(const GstVideoInfo& info, gsize* offset, gint* stride, gsize size) {
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, size, nullptr);
  gst_buffer_memset(buffer, 0, 0xa5, size);
  gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info), info.width,
                                 info.height, GST_VIDEO_INFO_N_PLANES(&info), offset, stride);
  return buffer;
}

static std::vector<uint8_t> to_rgb(const GstVideoInfo& info, GstBuffer* buffer) {
  GstVideoFrame frame;
  anomaly::FrameView view;
  std::vector<uint8_t> rgb(static_cast<size_t>(info.width) * info.height * 3);
  fail_unless(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
  fail_unless(anomaly::frame_view(frame, &view) && anomaly::frame_fits(frame), "%s",
              GST_VIDEO_INFO_NAME(&info));
  anomaly::frame_to_rgb8(view, rgb.data());
  gst_video_frame_unmap(&frame);
  return rgb;
}

// Wherever the planes lie, in whatever order and with whatever strides, the picture is the same.
GST_START_TEST(test_any_layout) {
  for (int f = 0; f < anomaly::kPixelFormats; ++f) {
    GstVideoInfo info;
    gst_video_info_init(&info);
    fail_unless(gst_video_info_set_format(
        &info, gst_video_format_from_string(anomaly::pixel_format_table()[f].name), 37, 21));
    GstBuffer* tight = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
    GstMapInfo map;
    fail_unless(gst_buffer_map(tight, &map, GST_MAP_WRITE));
    // No high bits, which formats of 10 bits leave unused.
    for (gsize i = 0; i < map.size; ++i) map.data[i] = static_cast<guint8>((i * 7 + i / 37) & 3);
    gst_buffer_unmap(tight, &map);

    gsize offset[GST_VIDEO_MAX_PLANES] = {}, end = 5;
    gint stride[GST_VIDEO_MAX_PLANES] = {};
    for (int p = static_cast<int>(GST_VIDEO_INFO_N_PLANES(&info)) - 1; p >= 0; --p) {  // the last one first
      stride[p] = GST_VIDEO_INFO_PLANE_STRIDE(&info, p) + 13;
      offset[p] = end;
      end += static_cast<gsize>(stride[p]) * GST_ROUND_UP_2(info.height) + 3;
    }
    GstBuffer* loose = laid_out(info, offset, stride, end);
    GstVideoFrame from, to;
    fail_unless(gst_video_frame_map(&from, &info, tight, GST_MAP_READ));
    fail_unless(gst_video_frame_map(&to, &info, loose, GST_MAP_WRITE));
    // GStreamer's own copy leaves out the last chroma sample of packed formats of an odd width.
    const anomaly::PixelFormatInfo& format = anomaly::pixel_format_table()[f];
    for (int p = 0; p < format.planes; ++p)
      for (int y = 0; y < anomaly::plane_rows(format, p, info.height); ++y)
        std::memcpy(static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&to, p)) + y * stride[p],
                    static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&from, p)) +
                        y * GST_VIDEO_FRAME_PLANE_STRIDE(&from, p),
                    static_cast<size_t>(anomaly::plane_row_bytes(format, p, info.width)));
    gst_video_frame_unmap(&to);
    gst_video_frame_unmap(&from);
    fail_unless(to_rgb(info, tight) == to_rgb(info, loose), "%s", GST_VIDEO_INFO_NAME(&info));
    gst_buffer_unref(loose);
    gst_buffer_unref(tight);
  }
}
GST_END_TEST;

static bool fits(const GstVideoInfo& info, gsize* offset, gint* stride, gsize size) {
  GstBuffer* buffer = laid_out(info, offset, stride, size);
  GstVideoFrame frame;
  bool fit = false;
  if (gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) {
    fit = anomaly::frame_fits(frame);
    gst_video_frame_unmap(&frame);
  }
  gst_buffer_unref(buffer);
  return fit;
}

// To the byte: what the kernels would touch is there, or the frame is refused.
GST_START_TEST(test_fits) {
  for (int f = 0; f < anomaly::kPixelFormats; ++f) {
    const anomaly::PixelFormatInfo& format = anomaly::pixel_format_table()[f];
    for (const auto& [width, height] : {std::pair{1, 1}, {2, 3}, {37, 21}}) {
      GstVideoInfo info;
      gst_video_info_init(&info);
      fail_unless(gst_video_info_set_format(&info, gst_video_format_from_string(format.name), width, height));
      gsize offset[GST_VIDEO_MAX_PLANES] = {}, end = 0;
      gint stride[GST_VIDEO_MAX_PLANES] = {};
      for (int p = 0; p < format.planes; ++p) {
        stride[p] = anomaly::plane_row_bytes(format, p, width);
        offset[p] = end;
        end += static_cast<gsize>(stride[p]) * anomaly::plane_rows(format, p, height);
      }
      fail_unless(fits(info, offset, stride, end), "%s", format.name);
      fail_if(fits(info, offset, stride, end - 1), "%s", format.name);
      if (height == 1) continue;
      gint lie[GST_VIDEO_MAX_PLANES];
      for (const gint wrong : {stride[0] - 1, stride[0] + 1, 0, G_MAXINT, -stride[0], G_MININT + 1}) {
        std::copy_n(stride, GST_VIDEO_MAX_PLANES, lie);
        lie[0] = wrong;
        // Longer rows can be had where other planes come behind them.
        if (wrong == stride[0] + 1 && format.planes > 1) continue;
        fail_if(fits(info, offset, lie, end), "%s with a stride of %d", format.name, wrong);
      }
    }
  }
}
GST_END_TEST;

GST_START_TEST(test_unknown) {
  anomaly::PixelFormat format;
  fail_if(anomaly::pixel_format(GST_VIDEO_FORMAT_UNKNOWN, &format));
  fail_if(anomaly::pixel_format(GST_VIDEO_FORMAT_ENCODED, &format));
  fail_if(anomaly::pixel_format(GST_VIDEO_FORMAT_v210, &format));
  GstCaps* caps = anomaly::supported_caps("memory:DMABuf");
  fail_unless(gst_caps_features_contains(gst_caps_get_features(caps, 0), "memory:DMABuf"));
  gst_caps_unref(caps);
}
GST_END_TEST;

static Suite* videoview_suite() {
  Suite* suite = suite_create("videoview");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_colorimetry);
  tcase_add_test(tests, test_chroma_site);
  tcase_add_test(tests, test_views);
  tcase_add_test(tests, test_any_layout);
  tcase_add_test(tests, test_fits);
  tcase_add_test(tests, test_unknown);
  return suite;
}

GST_CHECK_MAIN(videoview);
