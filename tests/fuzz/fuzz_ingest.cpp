// SPDX-License-Identifier: LGPL-2.1-or-later
// Fuzz target: a frame whose caps, video meta, crop and memory were made by anyone. What MappedFrame accepts
// is read and drawn on without leaving the buffer's memory, whatever its strides, offsets and sizes say.
#include <gst/video/video.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "gst/plugin/framebuffer.h"
#include "gst/plugin/videoview.h"
#include "kernels/heatmap.h"
#include "kernels/ingest.h"
#include "kernels/pixel_format.h"
#include "src/error.h"
#include "tests/fuzz/replay.h"

namespace {

constexpr gint kMost = 200;  // pixels a side; the arithmetic is the same for more, and slower

// Numbers off the front of the input; zeros where it has ended.
class Numbers {
 public:
  Numbers(const guint8* data, gsize size) : data_(data), size_(size) {}
  guint byte() { return at_ < size_ ? data_[at_++] : 0; }
  guint word() { return byte() | byte() << 8; }
  gint signed_word() { return static_cast<gint16>(word()); }
  // 1..most, small ones as likely as large ones
  gint length(gint most) {
    const guint n = word();
    return 1 + static_cast<gint>((n & 0x8000 ? n & 0x7fff : n & 31) % static_cast<guint>(most));
  }

 private:
  const guint8* data_;
  gsize size_, at_ = 0;
};

GstVideoInfo make_info(Numbers& in) {
  const auto& format = anomaly::pixel_format_table()[in.byte() % anomaly::kPixelFormats];
  const gint width = in.length(kMost), height = in.length(kMost);
  GstVideoInfo info;
  gst_video_info_set_format(&info, gst_video_format_from_string(format.name), width, height);
  const guint colour = in.byte();
  info.colorimetry.matrix = static_cast<GstVideoColorMatrix>(colour % 7);
  info.colorimetry.range = static_cast<GstVideoColorRange>(colour / 7 % 3);
  info.chroma_site = static_cast<GstVideoChromaSite>(in.byte() & 15);
  return info;
}

// Memory of exactly the size that the input asks for, in one piece or two, described by a video meta that may
// lie.
GstBuffer* make_buffer(Numbers& in, const GstVideoInfo& info) {
  const guint how = in.byte();
  gsize size = GST_VIDEO_INFO_SIZE(&info);
  if (how & 1) size += static_cast<gsize>(in.signed_word());
  if (size > (1U << 22)) size = in.word();
  GstBuffer* buffer = gst_buffer_new();
  const gsize first = how & 2 ? std::min<gsize>(in.word(), size) : size;
  for (const gsize bytes : {first, size - first}) {
    if (bytes == 0) continue;
    auto* data = static_cast<guint8*>(g_malloc(bytes));
    memset(data, static_cast<int>(in.byte()), bytes);
    gst_buffer_append_memory(buffer, gst_memory_new_wrapped({}, data, bytes, 0, bytes, data, g_free));
  }
  if (how & 4) {
    gsize offset[GST_VIDEO_MAX_PLANES] = {};
    gint stride[GST_VIDEO_MAX_PLANES] = {};
    for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(&info); ++i) {
      offset[i] = GST_VIDEO_INFO_PLANE_OFFSET(&info, i) + static_cast<gsize>(in.signed_word());
      stride[i] = how & 8 ? in.signed_word() : GST_VIDEO_INFO_PLANE_STRIDE(&info, i);
    }
    const auto width = static_cast<guint>(how & 16 ? in.length(kMost) : info.width);
    const auto height = static_cast<guint>(how & 16 ? in.length(kMost) : info.height);
    gst_buffer_add_video_meta_full(buffer, {}, GST_VIDEO_INFO_FORMAT(&info), width, height,
                                   GST_VIDEO_INFO_N_PLANES(&info), offset, stride);
  }
  if (how & 32) {
    GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(buffer);
    crop->x = in.word();
    crop->y = in.word();
    crop->width = in.word();
    crop->height = how & 64 ? G_MAXUINT - in.word() : in.word();
  }
  return buffer;
}

// A video meta smaller than its caps is GStreamer's to complain of; anything else is a finding.
void judge_complaint(const gchar* domain, GLogLevelFlags level, const gchar* message, gpointer) {
  if (g_strcmp0(domain, "GStreamer-Video") == 0 || !(level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)))
    return;
  g_printerr("%s: %s\n", domain, message);
  abort();
}

void read_frame(Numbers& in, const GstVideoInfo& info, GstBuffer* buffer) {
  try {
    const anomaly::MappedFrame frame(info, buffer, anomaly::Access::Read);
    const gint width = in.length(64), height = in.length(64);
    std::vector<uint8_t> rgb(static_cast<size_t>(width) * height * 3);
    anomaly::ingest_rgb8(frame.pictures().front().view, rgb.data(), width, height);
  } catch (const anomaly::Error&) {
  } catch (const std::invalid_argument&) {
  }
}

void draw_on_frame(Numbers& in, const GstVideoInfo& info, GstBuffer* buffer) {
  GstVideoFrame frame = {};
  if (!gst_video_frame_map(&frame, &info, buffer, GST_MAP_READWRITE)) return;
  anomaly::MutableFrameView view;
  if (anomaly::mutable_frame_view(frame, &view) && anomaly::frame_fits(frame)) {
    static const uint8_t colours[256 * 3] = {};
    const gint columns = in.length(20), rows = in.length(20);
    const std::vector<float> map(static_cast<size_t>(columns) * rows, 0.9f);
    const anomaly::Rect area{in.signed_word(), in.signed_word(), static_cast<int>(in.word()),
                             static_cast<int>(in.word())};
    anomaly::HeatmapStyle style;
    style.lut = colours;
    try {
      anomaly::blend_heatmap(view, map.data(), columns, rows, area, style);
      anomaly::draw_box(view, area, in.length(8), 255, 0, 0);
    } catch (const std::invalid_argument&) {
    }
  }
  gst_video_frame_unmap(&frame);
}

}  // namespace

int LLVMFuzzerTestOneInput(const guint8* data, gsize size) {
  if (!gst_is_initialized()) {
    g_setenv("GST_REGISTRY_DISABLE", "yes", TRUE);
    gst_init(nullptr, nullptr);
    gst_debug_set_default_threshold(GST_LEVEL_NONE);  // each refusal is logged
    g_log_set_default_handler(judge_complaint, nullptr);
  }
  Numbers in(data, size);
  const GstVideoInfo info = make_info(in);
  GstBuffer* buffer = make_buffer(in, info);
  read_frame(in, info, buffer);
  draw_on_frame(in, info, buffer);
  gst_buffer_unref(buffer);
  return 0;
}
