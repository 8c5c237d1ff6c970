// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectthumbnail.h"

#include <algorithm>

#include "gst/lib/gstanomalymeta.h"

namespace anomaly {
namespace {

constexpr int kWidth = 320;

void scale_meta(GstBuffer* into, GstBuffer* from, GstVideoInfo* out, GstVideoInfo* in) {
  GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(from);
  if (!meta) return;
  GstVideoMetaTransform scale = {in, out};
  const GstMetaInfo* info = gst_anomaly_meta_get_info();
  info->transform_func(into, reinterpret_cast<GstMeta*>(meta), from,
                       gst_video_meta_transform_scale_get_quark(), &scale);
}

}  // namespace

EventThumbnails::~EventThumbnails() {
  if (converter_) gst_video_converter_free(converter_);
  gst_clear_caps(&caps_);
}

bool EventThumbnails::prepare(GstCaps* caps) {
  if (caps_ && (caps_ == caps || gst_caps_is_equal(caps_, caps))) return converter_ != nullptr;
  g_clear_pointer(&converter_, gst_video_converter_free);
  gst_caps_replace(&caps_, caps);
  const GstCapsFeatures* features = gst_caps_get_features(caps, 0);
  if (features && !gst_caps_features_is_equal(features, GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY)) return false;
  if (!gst_video_info_from_caps(&in_, caps)) return false;
  const int width = std::min(in_.width, kWidth);
  const int height = std::max(1, static_cast<int>(gst_util_uint64_scale_int_round(
                                     static_cast<guint64>(in_.height), width, in_.width)));
  gst_video_info_set_format(&out_, GST_VIDEO_FORMAT_RGB, static_cast<guint>(width),
                            static_cast<guint>(height));
  out_.par_n = in_.par_n;
  out_.par_d = in_.par_d;
  out_.interlace_mode = in_.interlace_mode;  // the converter refuses to change this, and the frame rate
  out_.fps_n = in_.fps_n;
  out_.fps_d = in_.fps_d;
  // Linear, as scaling elements have it: GStreamer 1.22's cubic, the converter's own default, tints YUV.
  GstStructure* options =
      gst_structure_new("options", GST_VIDEO_CONVERTER_OPT_RESAMPLER_METHOD, GST_TYPE_VIDEO_RESAMPLER_METHOD,
                        GST_VIDEO_RESAMPLER_METHOD_LINEAR, nullptr);
  converter_ = gst_video_converter_new(&in_, &out_, options);
  return converter_ != nullptr;
}

Thumbnail EventThumbnails::take(GstPad* pad, GstBuffer* frame) {
  GstCaps* caps = gst_pad_get_current_caps(pad);
  const bool known = caps && prepare(caps);
  if (caps) gst_caps_unref(caps);
  if (!known) return nullptr;
  GstVideoFrame from, to;
  if (!gst_video_frame_map(&from, &in_, frame, GST_MAP_READ)) return nullptr;
  GstBuffer* small = gst_buffer_new_allocate(nullptr, out_.size, nullptr);
  Thumbnail sample;
  if (small && gst_video_frame_map(&to, &out_, small, GST_MAP_WRITE)) {
    gst_video_converter_frame(converter_, &from, &to);
    gst_video_frame_unmap(&to);
    GST_BUFFER_PTS(small) = GST_BUFFER_PTS(frame);
    GST_BUFFER_DURATION(small) = GST_BUFFER_DURATION(frame);
    scale_meta(small, frame, &out_, &in_);
    GstCaps* out = gst_video_info_to_caps(&out_);
    sample.reset(gst_sample_new(small, out, nullptr, nullptr));
    gst_caps_unref(out);
  }
  gst_video_frame_unmap(&from);
  gst_clear_buffer(&small);
  return sample;
}

}  // namespace anomaly
