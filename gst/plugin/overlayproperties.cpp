// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlayproperties.h"

#include <gst/gst.h>

#include <opencv2/imgproc.hpp>

namespace anomaly {
namespace {

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

GType colormap_get_type() {
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

GType mode_get_type() {
  static const GEnumValue values[] = {
      {static_cast<gint>(OverlayMode::Blend), "Heatmap over the frame, from the threshold on", "blend"},
      {static_cast<gint>(OverlayMode::Map), "The scores alone, all of them, on black", "map"},
      {static_cast<gint>(OverlayMode::SideBySide), "The picture, and beside it what blend makes of it",
       "side-by-side"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstAnomalyOverlayMode", values);
  return type;
}

// The setting of a switch, null where `id` is none.
template <typename Settings>
auto* switch_of(Settings& settings, guint id) {
  switch (id) {
    case PROP_BOXES:
      return &settings.style.boxes;
    case PROP_LABELS:
      return &settings.style.labels;
    case PROP_CONTOURS:
      return &settings.style.contours;
    case PROP_SCORE_BAR:
      return &settings.style.score_bar;
    case PROP_LEGEND:
      return &settings.style.legend;
    default:
      return static_cast<decltype(&settings.style.boxes)>(nullptr);
  }
}

}  // namespace

OverlaySettings::OverlaySettings() : colormap(kDefaultColormap) {}

bool set_overlay_property(OverlaySettings& settings, guint id, const GValue* value) {
  switch (id) {
    case PROP_MODE:
      settings.style.mode = static_cast<OverlayMode>(g_value_get_enum(value));
      return true;
    case PROP_COLORMAP:
      settings.colormap = g_value_get_enum(value);
      return true;
    case PROP_OPACITY:
      settings.style.opacity = g_value_get_float(value);
      return true;
    case PROP_THRESHOLD:
      settings.style.threshold = g_value_get_float(value);
      return true;
    default:
      if (bool* on = switch_of(settings, id)) {
        *on = g_value_get_boolean(value);
        return true;
      }
      return false;
  }
}

bool get_overlay_property(const OverlaySettings& settings, guint id, GValue* value) {
  switch (id) {
    case PROP_MODE:
      g_value_set_enum(value, static_cast<gint>(settings.style.mode));
      return true;
    case PROP_COLORMAP:
      g_value_set_enum(value, settings.colormap);
      return true;
    case PROP_OPACITY:
      g_value_set_float(value, settings.style.opacity);
      return true;
    case PROP_THRESHOLD:
      g_value_set_float(value, settings.style.threshold);
      return true;
    default:
      if (const bool* on = switch_of(settings, id)) {
        g_value_set_boolean(value, *on);
        return true;
      }
      return false;
  }
}

void install_overlay_properties(GObjectClass* klass) {
  const OverlayStyle defaults;
  const auto flags =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
  const auto controllable = static_cast<GParamFlags>(flags | GST_PARAM_CONTROLLABLE);
  const auto add_switch = [&](guint id, const char* name, const char* nick, const char* what, bool on) {
    g_object_class_install_property(klass, id, g_param_spec_boolean(name, nick, what, on, controllable));
  };
  g_object_class_install_property(
      klass, PROP_MODE,
      g_param_spec_enum("mode", "Mode", "What becomes of the frame's own picture", mode_get_type(),
                        static_cast<gint>(defaults.mode), flags));
  g_object_class_install_property(
      klass, PROP_COLORMAP,
      g_param_spec_enum("colormap", "Colour map", "Colours of the scores from 0 to 1", colormap_get_type(),
                        kDefaultColormap, flags));
  g_object_class_install_property(
      klass, PROP_OPACITY,
      g_param_spec_float("opacity", "Opacity",
                         "Of the heatmap at score 1; it follows the score below. 0 = no heatmap", 0, 1,
                         defaults.opacity, controllable));
  g_object_class_install_property(
      klass, PROP_THRESHOLD,
      g_param_spec_float("threshold", "Threshold",
                         "Scores below are not drawn; -1 = the threshold that the metadata names", -1,
                         G_MAXFLOAT, defaults.threshold, controllable));
  add_switch(PROP_BOXES, "boxes", "Boxes", "Outline the regions", defaults.boxes);
  add_switch(PROP_LABELS, "labels", "Labels",
             "Write the highest score and the class beneath to each outline, where there is room",
             defaults.labels);
  add_switch(PROP_CONTOURS, "contours", "Contours", "Draw a line where the map crosses the threshold",
             defaults.contours);
  add_switch(PROP_SCORE_BAR, "score-bar", "Score bar", "Show the frame's score as a bar along the lower edge",
             defaults.score_bar);
  add_switch(PROP_LEGEND, "legend", "Legend",
             "Show the colours from 0 to 1, with the threshold, at the right edge", defaults.legend);
  gst_type_mark_as_plugin_api(mode_get_type(), static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(colormap_get_type(), static_cast<GstPluginAPIFlags>(0));
}

}  // namespace anomaly
