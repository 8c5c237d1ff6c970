// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalytestsrcframe.h"

#include <cstring>
#include <vector>

#include "gst/plugin/truthmeta.h"

namespace anomaly {

namespace {

GstBuffer* copied_plane(const std::vector<guint8>& values, guint8 factor) {
  auto* data = static_cast<guint8*>(g_malloc(values.size()));
  if (factor == 1)
    std::memcpy(data, values.data(), values.size());
  else
    for (gsize i = 0; i < values.size(); ++i) data[i] = static_cast<guint8>(values[i] * factor);
  return gst_buffer_new_wrapped(data, values.size());
}

}  // namespace

SceneFrames::SceneFrames() {
  gst_video_info_init(&info_);
  gst_video_info_init(&scene_info_);
}

SceneFrames::~SceneFrames() {
  drop_scene();
}

void SceneFrames::drop_scene() {
  scene_.reset();
  g_clear_pointer(&converter_, gst_video_converter_free);
  gst_clear_buffer(&clear_mask_);
}

void SceneFrames::clear() {
  drop_scene();
  frame_ = SceneFrame();
}

bool SceneFrames::set_format(const GstVideoInfo& info) {
  drop_scene();
  info_ = info;
  gst_video_info_set_format(&scene_info_, GST_VIDEO_FORMAT_RGB, static_cast<guint>(info.width),
                            static_cast<guint>(info.height));
  if (GST_VIDEO_INFO_FORMAT(&info) == GST_VIDEO_FORMAT_RGB) return true;
  scene_info_.fps_n = info.fps_n;
  scene_info_.fps_d = info.fps_d;
  scene_info_.par_n = info.par_n;
  scene_info_.par_d = info.par_d;
  converter_ = gst_video_converter_new(&scene_info_, &info_, nullptr);
  return converter_ != nullptr;
}

bool SceneFrames::make(const TestSrcConfig& config, int64_t index, GstBuffer* buffer) {
  if (!scene_) {
    SceneOptions options = config.scene;
    options.width = info_.width;
    options.height = info_.height;
    if (info_.fps_n > 0)
      options.frames_per_second = static_cast<double>(info_.fps_n) / static_cast<double>(info_.fps_d);
    scene_ = Scene::create(options);
  }
  scene_->render(index, frame_);
  if (!write_pixels(buffer)) return false;
  if (config.truth != Truth::None) attach_truth(config.truth, index, buffer);
  return true;
}

// Puts the rendered frame into the buffer, whatever its format and strides.
bool SceneFrames::write_pixels(GstBuffer* buffer) {
  GstVideoFrame out;
  if (!gst_video_frame_map(&out, &info_, buffer, GST_MAP_WRITE)) return false;
  const gsize row = 3 * static_cast<gsize>(info_.width);
  guint8* rgb = frame_.rgb.data();
  if (converter_) {
    // The scene's rows are tightly packed; GStreamer's own layout of RGB pads them to four bytes.
    GstBuffer* packed = gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, rgb, frame_.rgb.size(), 0,
                                                    frame_.rgb.size(), nullptr, nullptr);
    gsize offset[GST_VIDEO_MAX_PLANES] = {0};
    gint stride[GST_VIDEO_MAX_PLANES] = {static_cast<gint>(row)};
    gst_buffer_add_video_meta_full(packed, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB,
                                   static_cast<guint>(info_.width), static_cast<guint>(info_.height), 1,
                                   offset, stride);
    GstVideoFrame in;
    const gboolean mapped = gst_video_frame_map(&in, &scene_info_, packed, GST_MAP_READ);
    if (mapped) {
      gst_video_converter_frame(converter_, &in, &out);
      gst_video_frame_unmap(&in);
    }
    gst_buffer_unref(packed);
    gst_video_frame_unmap(&out);
    return mapped;
  }
  auto* to = static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&out, 0));
  for (gint y = 0; y < info_.height; ++y)
    std::memcpy(to + static_cast<gssize>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&out, 0),
                rgb + static_cast<gsize>(y) * row, row);
  gst_video_frame_unmap(&out);
  return true;
}

void SceneFrames::attach_truth(Truth what, int64_t index, GstBuffer* buffer) {
  GstBuffer* mask = nullptr;
  if (frame_.boxes.empty()) {
    if (!clear_mask_) clear_mask_ = copied_plane(frame_.mask, 255);
    mask = gst_buffer_ref(clear_mask_);
  } else {
    mask = copied_plane(frame_.mask, 255);
  }
  GstBuffer* labels = what == Truth::Labels ? copied_plane(frame_.labels, 1) : nullptr;
  add_truth_meta(buffer, static_cast<guint64>(index), info_.width, info_.height, mask, labels, frame_.boxes);
}

}  // namespace anomaly
