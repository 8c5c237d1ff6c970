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
#include <opencv2/imgproc.hpp>

#include "gst/lib/gstanomalymeta.h"
#include "gst/plugin/overlaydraw.h"
#include "gst/plugin/overlaysides.h"
#include "gst/plugin/videoview.h"

GST_DEBUG_CATEGORY_STATIC(anomalyoverlay_debug);
#define GST_CAT_DEFAULT anomalyoverlay_debug

enum {
  PROP_0,
  PROP_MODE,
  PROP_COLORMAP,
  PROP_OPACITY,
  PROP_THRESHOLD,
  PROP_BOXES,
  PROP_LABELS,
  PROP_CONTOURS,
  PROP_SCORE_BAR,
  PROP_LEGEND
};

constexpr int kDefaultColormap = cv::COLORMAP_TURBO;

struct _GstAnomalyOverlay {
  GstVideoFilter parent;

  // Properties, under the object lock.
  gint mode, colormap;
  gfloat opacity, threshold;
  gboolean boxes, labels, contours, score_bar, legend;

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

static GType colormap_get_type() {
  static const GEnumValue values[] = {
      {cv::COLORMAP_AUTUMN, "Autumn", "autumn"},
      {cv::COLORMAP_BONE, "Bone", "bone"},
      {cv::COLORMAP_JET, "Jet", "jet"},
      {cv::COLORMAP_WINTER, "Winter", "winter"},
      {cv::COLORMAP_RAINBOW, "Rainbow", "rainbow"},
      {cv::COLORMAP_OCEAN, "Ocean", "ocean"},
      {cv::COLORMAP_SUMMER, "Summer", "summer"},
      {cv::COLORMAP_SPRING, "Spring", "spring"},
      {cv::COLORMAP_COOL, "Cool", "cool"},
      {cv::COLORMAP_HSV, "HSV", "hsv"},
      {cv::COLORMAP_PINK, "Pink", "pink"},
      {cv::COLORMAP_HOT, "Hot", "hot"},
      {cv::COLORMAP_PARULA, "Parula", "parula"},
      {cv::COLORMAP_MAGMA, "Magma", "magma"},
      {cv::COLORMAP_INFERNO, "Inferno", "inferno"},
      {cv::COLORMAP_PLASMA, "Plasma", "plasma"},
      {cv::COLORMAP_VIRIDIS, "Viridis", "viridis"},
      {cv::COLORMAP_CIVIDIS, "Cividis", "cividis"},
      {cv::COLORMAP_TWILIGHT, "Twilight", "twilight"},
      {cv::COLORMAP_TWILIGHT_SHIFTED, "Twilight, shifted", "twilight-shifted"},
      {cv::COLORMAP_TURBO, "Turbo", "turbo"},
      {cv::COLORMAP_DEEPGREEN, "Deep green", "deepgreen"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstAnomalyOverlayColormap", values);
  return type;
}

static GType mode_get_type() {
  static const GEnumValue values[] = {
      {static_cast<gint>(anomaly::OverlayMode::Blend), "Heatmap over the frame, from the threshold on",
       "blend"},
      {static_cast<gint>(anomaly::OverlayMode::Map), "The scores alone, all of them, on black", "map"},
      {static_cast<gint>(anomaly::OverlayMode::SideBySide),
       "The picture, and beside it what blend makes of it", "side-by-side"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstAnomalyOverlayMode", values);
  return type;
}

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
  const gint colormap = self->colormap;
  self->style->mode = static_cast<anomaly::OverlayMode>(self->mode);
  self->style->opacity = self->opacity;
  self->style->threshold = self->threshold;
  self->style->boxes = self->boxes;
  self->style->labels = self->labels;
  self->style->contours = self->contours;
  self->style->score_bar = self->score_bar;
  self->style->legend = self->legend;
  GST_OBJECT_UNLOCK(self);
  if (colormap == self->style_colormap) return;
  self->style->colors = anomaly::color_table(colormap);
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
  const gint mode = self->mode;
  GST_OBJECT_UNLOCK(self);
  return mode == static_cast<gint>(anomaly::OverlayMode::SideBySide);
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

// Says why a frame whose video meta promises more than its memory holds is not drawn on.
static bool drawable(GstAnomalyOverlay* self, const GstVideoFrame& frame) {
  if (anomaly::frame_fits(frame)) return true;
  GST_ELEMENT_WARNING(
      self, STREAM, FORMAT,
      ("A buffer of %" G_GSIZE_FORMAT
       " bytes is smaller than the %dx%d %s that its video metadata describes.",
       gst_buffer_get_size(frame.buffer), GST_VIDEO_FRAME_WIDTH(&frame), GST_VIDEO_FRAME_HEIGHT(&frame),
       gst_video_format_to_string(GST_VIDEO_FRAME_FORMAT(&frame))),
      (nullptr));
  return false;
}

static GstFlowReturn gst_anomaly_overlay_transform_frame_ip(GstVideoFilter* filter, GstVideoFrame* frame) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(filter);
  anomaly::MutableFrameView view;
  if (!anomaly::mutable_frame_view(*frame, &view)) return GST_FLOW_NOT_NEGOTIATED;
  if (!drawable(self, *frame)) return GST_FLOW_OK;
  try {
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
  if (!drawable(self, *in) || !drawable(self, *out)) return GST_FLOW_ERROR;
  try {
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
  const bool sides = wants_sides(self);
  GST_OBJECT_LOCK(self);
  switch (id) {
    case PROP_MODE:
      self->mode = g_value_get_enum(value);
      break;
    case PROP_COLORMAP:
      self->colormap = g_value_get_enum(value);
      break;
    case PROP_OPACITY:
      self->opacity = g_value_get_float(value);
      break;
    case PROP_THRESHOLD:
      self->threshold = g_value_get_float(value);
      break;
    case PROP_BOXES:
      self->boxes = g_value_get_boolean(value);
      break;
    case PROP_LABELS:
      self->labels = g_value_get_boolean(value);
      break;
    case PROP_CONTOURS:
      self->contours = g_value_get_boolean(value);
      break;
    case PROP_SCORE_BAR:
      self->score_bar = g_value_get_boolean(value);
      break;
    case PROP_LEGEND:
      self->legend = g_value_get_boolean(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(self);
  if (wants_sides(self) != sides) gst_base_transform_reconfigure_src(GST_BASE_TRANSFORM(self));
}

static void gst_anomaly_overlay_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(object);
  GST_OBJECT_LOCK(self);
  switch (id) {
    case PROP_MODE:
      g_value_set_enum(value, self->mode);
      break;
    case PROP_COLORMAP:
      g_value_set_enum(value, self->colormap);
      break;
    case PROP_OPACITY:
      g_value_set_float(value, self->opacity);
      break;
    case PROP_THRESHOLD:
      g_value_set_float(value, self->threshold);
      break;
    case PROP_BOXES:
      g_value_set_boolean(value, self->boxes);
      break;
    case PROP_LABELS:
      g_value_set_boolean(value, self->labels);
      break;
    case PROP_CONTOURS:
      g_value_set_boolean(value, self->contours);
      break;
    case PROP_SCORE_BAR:
      g_value_set_boolean(value, self->score_bar);
      break;
    case PROP_LEGEND:
      g_value_set_boolean(value, self->legend);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void gst_anomaly_overlay_finalize(GObject* object) {
  delete GST_ANOMALY_OVERLAY(object)->style;
  G_OBJECT_CLASS(gst_anomaly_overlay_parent_class)->finalize(object);
}

static void gst_anomaly_overlay_init(GstAnomalyOverlay* self) {
  const anomaly::OverlayStyle defaults;
  self->mode = static_cast<gint>(defaults.mode);
  self->colormap = kDefaultColormap;
  self->opacity = defaults.opacity;
  self->threshold = defaults.threshold;
  self->boxes = defaults.boxes;
  self->labels = defaults.labels;
  self->contours = defaults.contours;
  self->score_bar = defaults.score_bar;
  self->legend = defaults.legend;
  self->style = new anomaly::OverlayStyle(defaults);
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

  const anomaly::OverlayStyle defaults;
  const auto flags =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
  const auto controllable = static_cast<GParamFlags>(flags | GST_PARAM_CONTROLLABLE);
  g_object_class_install_property(
      object_class, PROP_MODE,
      g_param_spec_enum("mode", "Mode", "What becomes of the frame's own picture", mode_get_type(),
                        static_cast<gint>(defaults.mode), flags));
  g_object_class_install_property(
      object_class, PROP_COLORMAP,
      g_param_spec_enum("colormap", "Colour map", "Colours of the scores from 0 to 1", colormap_get_type(),
                        kDefaultColormap, flags));
  g_object_class_install_property(
      object_class, PROP_OPACITY,
      g_param_spec_float("opacity", "Opacity",
                         "Of the heatmap at score 1; it follows the score below. 0 = no heatmap", 0, 1,
                         defaults.opacity, controllable));
  g_object_class_install_property(
      object_class, PROP_THRESHOLD,
      g_param_spec_float("threshold", "Threshold",
                         "Scores below are not drawn; -1 = the threshold that the metadata names", -1,
                         G_MAXFLOAT, defaults.threshold, controllable));
  g_object_class_install_property(
      object_class, PROP_BOXES,
      g_param_spec_boolean("boxes", "Boxes", "Outline the regions", defaults.boxes, controllable));
  g_object_class_install_property(
      object_class, PROP_LABELS,
      g_param_spec_boolean("labels", "Labels",
                           "Write the highest score and the class beneath to each outline", defaults.labels,
                           controllable));
  g_object_class_install_property(
      object_class, PROP_SCORE_BAR,
      g_param_spec_boolean("score-bar", "Score bar", "Show the frame's score as a bar along the lower edge",
                           defaults.score_bar, controllable));
  g_object_class_install_property(
      object_class, PROP_CONTOURS,
      g_param_spec_boolean("contours", "Contours", "Draw a line where the map crosses the threshold",
                           defaults.contours, controllable));
  g_object_class_install_property(
      object_class, PROP_LEGEND,
      g_param_spec_boolean("legend", "Legend",
                           "Show the colours from 0 to 1, with the threshold, at the right edge",
                           defaults.legend, controllable));
  gst_type_mark_as_plugin_api(mode_get_type(), static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(colormap_get_type(), static_cast<GstPluginAPIFlags>(0));

  gst_element_class_set_static_metadata(element_class, "Anomaly overlay", "Filter/Effect/Video",
                                        "Draws heatmap and regions of what does not belong on the road",
                                        "The gst-anomaly authors");
  add_pad_template(element_class, "sink", GST_PAD_SINK);
  add_pad_template(element_class, "src", GST_PAD_SRC);

  transform_class->transform_caps = gst_anomaly_overlay_transform_caps;
  transform_class->transform_meta = gst_anomaly_overlay_transform_meta;
  transform_class->prepare_output_buffer = gst_anomaly_overlay_prepare_output_buffer;
  transform_class->transform_ip = gst_anomaly_overlay_transform_ip;
  GST_VIDEO_FILTER_CLASS(klass)->set_info = gst_anomaly_overlay_set_info;
  GST_VIDEO_FILTER_CLASS(klass)->transform_frame = gst_anomaly_overlay_transform_frame;
  GST_VIDEO_FILTER_CLASS(klass)->transform_frame_ip = gst_anomaly_overlay_transform_frame_ip;
}
