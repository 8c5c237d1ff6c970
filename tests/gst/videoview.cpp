// SPDX-License-Identifier: LGPL-2.1-or-later
// From caps and mapped frames to the kernels' view of them.
#include "gst/plugin/videoview.h"

#include <gst/check/gstcheck.h>

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
  tcase_add_test(tests, test_unknown);
  return suite;
}

GST_CHECK_MAIN(videoview);
