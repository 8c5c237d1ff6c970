// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalyoverlay
 * @title: anomalyoverlay
 *
 * Draws what anomalydetect found, in the frame's own format: a heatmap whose opacity follows the score, an
 * outline of every region with its score and class, and, if asked for, a bar with the frame's score. A frame
 * on which nothing is to be drawn passes as it is, without a copy.
 *
 * ## Example
 * |[
 * gst-launch-1.0 filesrc location=drive.mp4 ! decodebin ! videoconvert ! anomalydetect !
 *     anomalyoverlay colormap=inferno opacity=0.8 ! videoconvert ! autovideosink
 * ]|
 */
#include "gst/plugin/gstanomalyoverlay.h"

#include <exception>
#include <stdexcept>
#include <string>

#include "gst/lib/gstanomalymeta.h"
#include "gst/plugin/overlaydraw.h"
#include "gst/plugin/overlayproperties.h"
#include "gst/plugin/overlaysides.h"
#include "gst/plugin/videoview.h"

GST_DEBUG_CATEGORY_STATIC(anomalyoverlay_debug);
#define GST_CAT_DEFAULT anomalyoverlay_debug

struct _GstAnomalyOverlay {
  GstVideoFilter parent;

  anomaly::OverlaySettings* settings;  // under the object lock

  // Of the streaming thread: what the current frame is drawn with.
  anomaly::OverlayStyle* style;
  gint style_colormap;  // that style->colors was made from, -1 = none
  bool draws;
  bool sides;  // as negotiated: the output is twice as wide
};

G_DEFINE_TYPE(GstAnomalyOverlay, gst_anomaly_overlay, GST_TYPE_VIDEO_FILTER)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(anomalyoverlay, "anomalyoverlay", GST_RANK_NONE,
                                      GST_TYPE_ANOMALY_OVERLAY,
                                      GST_DEBUG_CATEGORY_INIT(anomalyoverlay_debug, "anomalyoverlay", 0,
                                                              "Drawing of anomalies"))

// Fixes what the frame is drawn with, so that it is decided once and a property changed meanwhile waits for
// the next.
static void update_style(GstAnomalyOverlay* self, GstBuffer* buffer) {
  GstBaseTransform* trans = GST_BASE_TRANSFORM(self);
  if (trans->segment.format == GST_FORMAT_TIME) {
    const GstClockTime time =
        gst_segment_to_stream_time(&trans->segment, GST_FORMAT_TIME, GST_BUFFER_TIMESTAMP(buffer));
    if (GST_CLOCK_TIME_IS_VALID(time)) gst_object_sync_values(GST_OBJECT(self), time);
  }
  GST_OBJECT_LOCK(self);
  const gint colormap = self->settings->colormap;
  anomaly::OverlayStyle style = self->settings->style;
  GST_OBJECT_UNLOCK(self);
  style.colors = colormap == self->style_colormap ? self->style->colors : anomaly::color_table(colormap);
  *self->style = style;
  self->style_colormap = colormap;
}

// Compositors carry the metadata of every picture over, hence all of them.
template <typename Visit>
static void for_each_meta(GstBuffer* buffer, const Visit& visit) {
  gpointer state = nullptr;
  while (GstMeta* meta = gst_buffer_iterate_meta_filtered(buffer, &state, GST_ANOMALY_META_API_TYPE))
    visit(*reinterpret_cast<GstAnomalyMeta*>(meta));
}

// Exceptions stop here.
static GstFlowReturn post_failure(GstAnomalyOverlay* self, const std::exception& failure) {
  GST_ELEMENT_ERROR(self, STREAM, FAILED, ("Could not draw on a frame: %s.", failure.what()), (nullptr));
  return GST_FLOW_ERROR;
}

static bool wants_sides(GstAnomalyOverlay* self) {
  GST_OBJECT_LOCK(self);
  const anomaly::OverlayMode mode = self->settings->style.mode;
  GST_OBJECT_UNLOCK(self);
  return mode == anomaly::OverlayMode::SideBySide;
}

// Whether frames of these caps, which may be null, can be shown twice beside each other.
static bool sides_fit(GstCaps* caps) {
  if (!caps) return true;
  GstCaps* other = anomaly::side_by_side_caps(caps, false);
  const bool fit = !gst_caps_is_empty(other);
  gst_caps_unref(other);
  return fit;
}

static GstCaps* gst_anomaly_overlay_transform_caps(GstBaseTransform* trans, GstPadDirection direction,
                                                   GstCaps* caps, GstCaps* filter) {
  GstCaps* other = wants_sides(GST_ANOMALY_OVERLAY(trans))
                       ? anomaly::side_by_side_caps(caps, direction == GST_PAD_SRC)
                       : gst_caps_ref(caps);
  if (!filter) return other;
  GstCaps* both = gst_caps_intersect_full(filter, other, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(other);
  return both;
}

static gboolean gst_anomaly_overlay_accept_caps(GstBaseTransform* trans, GstPadDirection direction,
                                                GstCaps* caps) {
  if (direction == GST_PAD_SINK && wants_sides(GST_ANOMALY_OVERLAY(trans)) && !sides_fit(caps))
    GST_WARNING_OBJECT(
        trans,
        "mode=side-by-side takes odd widths only in formats whose pixels share no chroma, such "
        "as RGB, and so not %" GST_PTR_FORMAT,
        caps);
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)->accept_caps(trans, direction, caps);
}

static gboolean gst_anomaly_overlay_set_info(GstVideoFilter* filter, [[maybe_unused]] GstCaps* incaps,
                                             GstVideoInfo* in, [[maybe_unused]] GstCaps* outcaps,
                                             GstVideoInfo* out) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(filter);
  self->sides = GST_VIDEO_INFO_WIDTH(in) != GST_VIDEO_INFO_WIDTH(out);
  gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), !self->sides);
  return TRUE;
}

// The left half is the frame that the metadata tells of.
static gboolean gst_anomaly_overlay_transform_meta(GstBaseTransform* trans, GstBuffer* output, GstMeta* meta,
                                                   GstBuffer* input) {
  if (meta->info->api == GST_ANOMALY_META_API_TYPE) return TRUE;
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)
      ->transform_meta(trans, output, meta, input);
}

static GstFlowReturn gst_anomaly_overlay_prepare_output_buffer(GstBaseTransform* trans, GstBuffer* input,
                                                               GstBuffer** output) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(trans);
  self->draws = false;
  try {
    update_style(self, input);
    for_each_meta(input,
                  [&](const GstAnomalyMeta& meta) { self->draws |= anomaly::draws(meta, *self->style); });
  } catch (const std::exception& failure) {
    return post_failure(self, failure);
  }
  if (!self->draws && !self->sides) {
    *output = input;  // even where it is shared: nothing will touch it
    return GST_FLOW_OK;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)
      ->prepare_output_buffer(trans, input, output);
}

static GstFlowReturn gst_anomaly_overlay_transform_ip(GstBaseTransform* trans, GstBuffer* buffer) {
  if (!GST_ANOMALY_OVERLAY(trans)->draws) return GST_FLOW_OK;
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)->transform_ip(trans, buffer);
}

// Why the mapped frame cannot be drawn on or copied, empty where it can: its video meta may promise more than
// its memory holds.
static std::string lie_of(const GstVideoFrame& frame) {
  if (anomaly::frame_fits(frame)) return {};
  return "A buffer of " + std::to_string(gst_buffer_get_size(frame.buffer)) + " bytes does not hold the " +
         std::to_string(GST_VIDEO_FRAME_WIDTH(&frame)) + "x" +
         std::to_string(GST_VIDEO_FRAME_HEIGHT(&frame)) + " " +
         gst_video_format_to_string(GST_VIDEO_FRAME_FORMAT(&frame)) + " that its video metadata describes.";
}

// The part of the mapped frame that its caps speak of: a video meta may describe more, of which a crop meta
// names a part.
template <typename View>
static bool narrow_to_caps(const GstVideoFrame& frame, const GstVideoInfo& caps, View* view) {
  GstVideoCropMeta corner = {};
  corner.width = static_cast<guint>(GST_VIDEO_INFO_WIDTH(&caps));
  corner.height = static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&caps));
  const GstVideoCropMeta* crop = gst_buffer_get_video_crop_meta(frame.buffer);
  return anomaly::crop_view(crop ? *crop : corner, view);
}

static GstFlowReturn gst_anomaly_overlay_transform_frame_ip(GstVideoFilter* filter, GstVideoFrame* frame) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(filter);
  anomaly::MutableFrameView view;
  if (!anomaly::mutable_frame_view(*frame, &view)) return GST_FLOW_NOT_NEGOTIATED;
  try {
    if (const std::string lie = lie_of(*frame); !lie.empty()) {
      GST_ELEMENT_WARNING(self, STREAM, FORMAT, ("%s", lie.c_str()), ("The frame passes as it is."));
      return GST_FLOW_OK;
    }
    if (!narrow_to_caps(*frame, filter->in_info, &view)) return GST_FLOW_OK;
    for_each_meta(frame->buffer,
                  [&](const GstAnomalyMeta& meta) { anomaly::draw(view, meta, *self->style); });
  } catch (const std::exception& failure) {
    return post_failure(self, failure);
  }
  return GST_FLOW_OK;
}

static GstFlowReturn gst_anomaly_overlay_transform_frame(GstVideoFilter* filter, GstVideoFrame* in,
                                                         GstVideoFrame* out) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(filter);
  anomaly::FrameView picture;
  anomaly::MutableFrameView both;
  if (!anomaly::frame_view(*in, &picture) || !anomaly::mutable_frame_view(*out, &both))
    return GST_FLOW_NOT_NEGOTIATED;
  try {
    for (const GstVideoFrame* frame : {in, out})
      if (const std::string lie = lie_of(*frame); !lie.empty()) {
        GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("%s", lie.c_str()), (nullptr));
        return GST_FLOW_ERROR;
      }
    if (!narrow_to_caps(*in, filter->in_info, &picture) || !narrow_to_caps(*out, filter->out_info, &both))
      throw std::invalid_argument("its crop metadata leaves nothing of it");
    const anomaly::MutableFrameView right = anomaly::copy_to_both_sides(picture, both);
    if (self->draws)
      for_each_meta(in->buffer,
                    [&](const GstAnomalyMeta& meta) { anomaly::draw(right, meta, *self->style); });
  } catch (const std::exception& failure) {
    return post_failure(self, failure);
  }
  return GST_FLOW_OK;
}

static void gst_anomaly_overlay_set_property(GObject* object, guint id, const GValue* value,
                                             GParamSpec* spec) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(object);
  const bool had_sides = wants_sides(self);
  GstCaps* caps = gst_pad_get_current_caps(GST_BASE_TRANSFORM_SINK_PAD(self));
  const bool can_have_sides = sides_fit(caps);
  GST_OBJECT_LOCK(self);
  anomaly::OverlaySettings settings = *self->settings;
  const bool known = anomaly::set_overlay_property(settings, id, value);
  const bool sides = settings.style.mode == anomaly::OverlayMode::SideBySide;
  const bool refused = sides && !had_sides && !can_have_sides;
  if (!refused) *self->settings = settings;
  GST_OBJECT_UNLOCK(self);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  if (refused)
    GST_ELEMENT_WARNING(
        self, RESOURCE, SETTINGS,
        ("Frames of an odd width are shown side by side only in formats whose pixels share no "
         "chroma, such as RGB: the mode stays as it was."),
        ("caps: %" GST_PTR_FORMAT, caps));
  gst_clear_caps(&caps);
  if (!refused && sides != had_sides) gst_base_transform_reconfigure_src(GST_BASE_TRANSFORM(self));
}

static void gst_anomaly_overlay_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(object);
  GST_OBJECT_LOCK(self);
  const bool known = anomaly::get_overlay_property(*self->settings, id, value);
  GST_OBJECT_UNLOCK(self);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_anomaly_overlay_finalize(GObject* object) {
  delete GST_ANOMALY_OVERLAY(object)->settings;
  delete GST_ANOMALY_OVERLAY(object)->style;
  G_OBJECT_CLASS(gst_anomaly_overlay_parent_class)->finalize(object);
}

static void gst_anomaly_overlay_init(GstAnomalyOverlay* self) {
  self->settings = new anomaly::OverlaySettings;
  self->style = new anomaly::OverlayStyle;
  self->style_colormap = -1;
}

static void add_pad_template(GstElementClass* klass, const gchar* name, GstPadDirection direction) {
  GstCaps* caps = anomaly::supported_caps();
  gst_element_class_add_pad_template(klass, gst_pad_template_new(name, direction, GST_PAD_ALWAYS, caps));
  gst_caps_unref(caps);
}

static void gst_anomaly_overlay_class_init(GstAnomalyOverlayClass* klass) {
  GObjectClass* object_class = G_OBJECT_CLASS(klass);
  GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass* transform_class = GST_BASE_TRANSFORM_CLASS(klass);

  object_class->set_property = gst_anomaly_overlay_set_property;
  object_class->get_property = gst_anomaly_overlay_get_property;
  object_class->finalize = gst_anomaly_overlay_finalize;

  anomaly::install_overlay_properties(object_class);

  gst_element_class_set_static_metadata(element_class, "Anomaly overlay", "Filter/Effect/Video",
                                        "Draws heatmap and regions of what does not belong on the road",
                                        "The gst-anomaly authors");
  add_pad_template(element_class, "sink", GST_PAD_SINK);
  add_pad_template(element_class, "src", GST_PAD_SRC);

  transform_class->accept_caps = gst_anomaly_overlay_accept_caps;
  transform_class->transform_caps = gst_anomaly_overlay_transform_caps;
  transform_class->transform_meta = gst_anomaly_overlay_transform_meta;
  transform_class->prepare_output_buffer = gst_anomaly_overlay_prepare_output_buffer;
  transform_class->transform_ip = gst_anomaly_overlay_transform_ip;
  GST_VIDEO_FILTER_CLASS(klass)->set_info = gst_anomaly_overlay_set_info;
  GST_VIDEO_FILTER_CLASS(klass)->transform_frame = gst_anomaly_overlay_transform_frame;
  GST_VIDEO_FILTER_CLASS(klass)->transform_frame_ip = gst_anomaly_overlay_transform_frame_ip;
}
