// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernels' table of pixel formats and their conversion to R'G'B', against GStreamer's own.
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include <cstdlib>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "kernels/heatmap.h"
#include "kernels/ingest.h"
#include "kernels/pixel_format.h"
#include "kernels/pixel_math.h"
#include "tests/check.h"

using namespace anomaly;

namespace {

constexpr int kTolerance = 2;  // of 255

struct Variant {
  ColorMatrix matrix;
  ColorRange range;
  ChromaSite site;
  std::string colorimetry;  // GStreamer's range:matrix:transfer:primaries
  const char* chroma_site;
};

// Every matrix in every range with every site. Ranges 1 full, 2 limited; matrices 3 BT.709, 4 BT.601, 6
// BT.2020. Transfer and primaries play no part in the default conversion.
std::vector<Variant> all_variants() {
  std::vector<Variant> all;
  for (const auto& [matrix, matrix_number] :
       {std::pair{ColorMatrix::BT601, 4}, {ColorMatrix::BT709, 3}, {ColorMatrix::BT2020, 6}})
    for (const auto& [range, range_number] : {std::pair{ColorRange::Full, 1}, {ColorRange::Limited, 2}})
      for (const auto& [site, name] : {std::pair{ChromaSite::Left, "mpeg2"},
                                       {ChromaSite::Centre, "jpeg"},
                                       {ChromaSite::TopLeft, "cosited"},
                                       {ChromaSite::Top, "v-cosited"}})
        all.push_back({matrix, range, site,
                       std::to_string(range_number) + ":" + std::to_string(matrix_number) + ":5:1", name});
  return all;
}

GstCaps* make_caps(const char* format, int width, int height, const Variant* variant) {
  GstCaps* caps =
      gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, format, "width", G_TYPE_INT, width,
                          "height", G_TYPE_INT, height, "framerate", GST_TYPE_FRACTION, 25, 1, nullptr);
  if (variant)
    gst_caps_set_simple(caps, "colorimetry", G_TYPE_STRING, variant->colorimetry.c_str(), "chroma-site",
                        G_TYPE_STRING, variant->chroma_site, nullptr);
  return caps;
}

enum class Content { Noise, Smooth };

// Random samples, or slow waves with a hard edge: unused high bits stay 0.
void fill(GstVideoFrame& frame, Content content) {
  uint32_t state = 7;
  const GstVideoFormatInfo* info = frame.info.finfo;
  for (guint p = 0; p < GST_VIDEO_FRAME_N_PLANES(&frame); ++p) {
    auto* data = static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, p));
    const int stride = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, p),
              bytes_a_sample = GST_VIDEO_FORMAT_INFO_DEPTH(info, 0) > 8 ? 2 : 1;
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(info, p, components);
    const int rows = GST_VIDEO_FRAME_COMP_HEIGHT(&frame, components[0]);
    for (int y = 0; y < rows; ++y)
      for (int i = 0; i < stride; ++i) {
        state = state * 1664525U + 1013904223U;
        int v = static_cast<int>(state >> 24);
        if (content == Content::Smooth)
          v = ((i / 4) * 3 + y * 5 + static_cast<int>(p) * 80) % 256 > 120 ? 60 + (i + y) % 100 : 200;
        const bool high_byte = bytes_a_sample == 2 && (i & 1);
        if (high_byte && GST_VIDEO_FORMAT_INFO_DEPTH(info, 0) == 10 &&
            GST_VIDEO_FORMAT_INFO_SHIFT(info, 0) == 0)
          v &= 3;
        data[static_cast<ptrdiff_t>(y) * stride + i] = static_cast<guint8>(v);
      }
  }
}

void compare(const PixelFormatInfo& format, const Variant* variant, int width, int height, Content content) {
  GstHarness* harness = gst_harness_new("videoconvert");
  GstCaps* caps = make_caps(format.name, width, height, variant);
  GstVideoInfo in_info, out_info;
  CHECK(gst_video_info_from_caps(&in_info, caps));
  gst_harness_set_caps(harness, caps, make_caps("RGB", width, height, nullptr));

  GstBuffer* in = gst_buffer_new_allocate(nullptr, in_info.size, nullptr);
  std::vector<uint8_t> ours(static_cast<size_t>(width) * height * 3);
  GstVideoFrame frame;
  CHECK(gst_video_frame_map(&frame, &in_info, in, GST_MAP_READWRITE));
  fill(frame, content);
  FrameView view;
  view.format = format.format;
  view.width = width;
  view.height = height;
  if (variant) {
    view.matrix = variant->matrix;
    view.range = variant->range;
    view.chroma_site = variant->site;
  }
  for (int p = 0; p < format.planes; ++p) {
    view.plane[p] = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, p));
    view.stride[p] = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, p);
  }
  frame_to_rgb8(view, ours.data());
  gst_video_frame_unmap(&frame);

  GST_BUFFER_PTS(in) = 0;
  GstBuffer* out = gst_harness_push_and_pull(harness, in);
  CHECK(out != nullptr);
  GstCaps* out_caps = make_caps("RGB", width, height, nullptr);
  CHECK(gst_video_info_from_caps(&out_info, out_caps));
  gst_caps_unref(out_caps);
  CHECK(gst_video_frame_map(&frame, &out_info, out, GST_MAP_READ));
  int worst = 0, at_x = 0, at_y = 0;
  for (int y = 0; y < height; ++y) {
    const auto* row = static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
                      static_cast<ptrdiff_t>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
    for (int x = 0; x < 3 * width; ++x) {
      const int off = std::abs(ours[static_cast<size_t>(y) * 3 * width + x] - row[x]);
      if (off > worst) worst = off, at_x = x / 3, at_y = y;
    }
  }
  gst_video_frame_unmap(&frame);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
  if (worst > kTolerance)
    check::fail(__FILE__, __LINE__, format.name, " ", width, "x", height, " ",
                variant ? variant->colorimetry : std::string(), " ", variant ? variant->chroma_site : "",
                content == Content::Noise ? " noise" : " smooth", ": ", worst, " levels off at ", at_x, ",",
                at_y);
}

struct Init {
  Init() { gst_init(nullptr, nullptr); }
};
const Init init;

}  // namespace

TEST(table_agrees_with_gstreamer) {
  for (int i = 0; i < kPixelFormats; ++i) {
    const PixelFormatInfo& ours = pixel_format_table()[i];
    const GstVideoFormat format = gst_video_format_from_string(ours.name);
    if (format == GST_VIDEO_FORMAT_UNKNOWN)
      check::fail(__FILE__, __LINE__, ours.name, " is no format of GStreamer's");
    const GstVideoFormatInfo* theirs = gst_video_format_get_info(format);
    CHECK_EQ(static_cast<guint>(ours.planes), GST_VIDEO_FORMAT_INFO_N_PLANES(theirs));
    CHECK_EQ(ours.family == PixelFamily::Rgb, GST_VIDEO_FORMAT_INFO_IS_RGB(theirs) != 0);
    CHECK_EQ(ours.family == PixelFamily::Yuv, GST_VIDEO_FORMAT_INFO_IS_YUV(theirs) != 0);
    CHECK_EQ(ours.family == PixelFamily::Gray, GST_VIDEO_FORMAT_INFO_IS_GRAY(theirs) != 0);
    for (int c = 0; c < ours.components; ++c) {
      const PixelComponent& k = ours.component[c];
      CHECK_EQ(static_cast<guint>(k.plane), GST_VIDEO_FORMAT_INFO_PLANE(theirs, c));
      CHECK_EQ(static_cast<int>(k.pixel_stride), GST_VIDEO_FORMAT_INFO_PSTRIDE(theirs, c));
      // GStreamer 1.22 gives P010's Cr an offset of one byte, though its own conversion reads it after two.
      if (ours.format != PixelFormat::P010_10LE)
        CHECK_EQ(static_cast<guint>(k.offset), GST_VIDEO_FORMAT_INFO_POFFSET(theirs, c));
      CHECK_EQ(static_cast<guint>(k.shift), GST_VIDEO_FORMAT_INFO_SHIFT(theirs, c));
      CHECK_EQ(static_cast<guint>(k.depth), GST_VIDEO_FORMAT_INFO_DEPTH(theirs, c));
      CHECK_EQ(static_cast<guint>(k.h_sub), GST_VIDEO_FORMAT_INFO_W_SUB(theirs, c));
      CHECK_EQ(static_cast<guint>(k.v_sub), GST_VIDEO_FORMAT_INFO_H_SUB(theirs, c));
    }
    for (const int size : {1, 2, 3, 4, 5, 64, 65}) {
      GstVideoInfo info;
      CHECK(gst_video_info_set_format(&info, format, size, size));
      for (int p = 0; p < ours.planes; ++p) {
        CHECK(plane_row_bytes(ours, p, size) <= GST_VIDEO_INFO_PLANE_STRIDE(&info, p));
        gint components[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(theirs, p, components);
        CHECK_EQ(plane_rows(ours, p, size), GST_VIDEO_INFO_COMP_HEIGHT(&info, components[0]));
      }
    }
  }
}

TEST(conversion_agrees_with_videoconvert) {
  const std::vector<Variant> variants = all_variants();
  for (int i = 0; i < kPixelFormats; ++i) {
    const PixelFormatInfo& format = pixel_format_table()[i];
    for (const auto& [width, height] : {std::pair{64, 48}, {65, 49}, {1, 1}, {2, 3}, {7, 1}, {320, 240}})
      for (const Content content : {Content::Noise, Content::Smooth}) {
        if (format.family != PixelFamily::Yuv) {
          compare(format, nullptr, width, height, content);
          continue;
        }
        for (const Variant& variant : variants) compare(format, &variant, width, height, content);
      }
  }
}

namespace {

constexpr uint8_t kColours[][3] = {{255, 0, 0}, {0, 255, 0},    {0, 0, 255},  {255, 255, 255},
                                   {0, 0, 0},   {255, 140, 20}, {30, 90, 200}};
constexpr int kBlock = 8, kColumns = kBlock * static_cast<int>(std::size(kColours)), kLines = 4;

// Blocks of the colours side by side, as videoconvert makes them and as they are drawn.
void compare_colours(const PixelFormatInfo& format, const Variant* variant) {
  GstHarness* harness = gst_harness_new("videoconvert");
  GstCaps* out_caps = make_caps(format.name, kColumns, kLines, variant);
  GstVideoInfo info;
  CHECK(gst_video_info_from_caps(&info, out_caps));
  gst_harness_set_caps(harness, make_caps("RGB", kColumns, kLines, nullptr), out_caps);
  GstBuffer* in = gst_buffer_new_allocate(nullptr, kColumns * 3 * kLines, nullptr);
  for (int i = 0; i < kColumns * kLines; ++i)
    gst_buffer_fill(in, static_cast<gsize>(3 * i), kColours[i % kColumns / kBlock], 3);
  GST_BUFFER_PTS(in) = 0;
  GstBuffer* theirs = gst_harness_push_and_pull(harness, in);
  CHECK(theirs != nullptr);
  GstBuffer* ours = gst_buffer_copy_deep(theirs);
  GstVideoFrame a, b;
  CHECK(gst_video_frame_map(&a, &info, theirs, GST_MAP_READ));
  CHECK(gst_video_frame_map(&b, &info, ours, GST_MAP_READWRITE));
  MutableFrameView view;
  view.format = format.format;
  view.width = kColumns;
  view.height = kLines;
  if (variant) {
    view.matrix = variant->matrix;
    view.range = variant->range;
  }
  for (int p = 0; p < format.planes; ++p) {
    view.plane[p] = static_cast<uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&b, p));
    view.stride[p] = GST_VIDEO_FRAME_PLANE_STRIDE(&b, p);
  }
  std::string wrong;
  for (int i = 0; i < static_cast<int>(std::size(kColours)); ++i) {
    draw_box(view, {i * kBlock, 0, kBlock, kLines}, 0, kColours[i][0], kColours[i][1], kColours[i][2]);
    for (int c = 0; c < format.components; ++c) {
      const PixelComponent& component = format.component[c];
      const int x = (i * kBlock + kBlock / 2) >> component.h_sub;  // where no neighbour mixes in
      const auto* row = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&a, component.plane));
      const int expected = load_sample(component, row, x),
                got = load_sample(component, view.plane[component.plane], x);
      const int unit = component.depth > 8 ? 1 << (component.depth - 8) : 1;
      if (std::abs(expected - got) > kTolerance * unit)
        wrong += " colour " + std::to_string(i) + " component " + std::to_string(c) + " is " +
                 std::to_string(got) + ", not " + std::to_string(expected);
    }
  }
  gst_video_frame_unmap(&b);
  gst_video_frame_unmap(&a);
  gst_buffer_unref(ours);
  gst_buffer_unref(theirs);
  gst_harness_teardown(harness);
  if (!wrong.empty())
    check::fail(__FILE__, __LINE__, format.name, " ", variant ? variant->colorimetry : std::string(), wrong);
}

}  // namespace

// What the overlay draws is of the colour that videoconvert would have made.
TEST(drawn_colours_agree_with_videoconvert) {
  for (int i = 0; i < kPixelFormats; ++i) {
    const PixelFormatInfo& format = pixel_format_table()[i];
    if (format.family != PixelFamily::Yuv) {
      compare_colours(format, nullptr);
      continue;
    }
    for (const Variant& variant : all_variants()) compare_colours(format, &variant);
  }
}

TEST_MAIN()
