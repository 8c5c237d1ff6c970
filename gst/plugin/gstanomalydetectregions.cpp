// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectregions.h"

#include <algorithm>
#include <string_view>

#include "gst/plugin/gstanomalydetectmask.h"
#include "gst/plugin/propertyvalues.h"

namespace anomaly {

namespace {

// The names between the commas, without blanks around them.
std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view name = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

}  // namespace

void install_region_properties(GObjectClass* klass) {
  const auto flags =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
  g_object_class_install_property(
      klass, PROP_IGNORE_MASK,
      g_param_spec_string(
          "ignore-mask", "Ignore mask",
          "Grey picture (a PNG, JPEG or PGM file) of any size, stretched over the frame: pixels "
          "that are white in it count, black ones are ignored; empty = all count",
          "", flags));
  g_object_class_install_property(
      klass, PROP_CLASSES,
      g_param_spec_string(
          "classes", "Classes",
          "Classes of the bundle, \"road,sidewalk\": only what stands on one of them counts; empty "
          "= everything does",
          "", flags));
}

bool set_region_property(RegionConfig& config, guint id, const GValue* value) {
  if (id == PROP_IGNORE_MASK)
    config.mask_path = text_of(value);
  else if (id == PROP_CLASSES)
    config.classes_text = text_of(value);
  return id == PROP_IGNORE_MASK || id == PROP_CLASSES;
}

bool get_region_property(const RegionConfig& config, guint id, GValue* value) {
  if (id == PROP_IGNORE_MASK)
    g_value_set_string(value, config.mask_path.c_str());
  else if (id == PROP_CLASSES)
    g_value_set_string(value, config.classes_text.c_str());
  return id == PROP_IGNORE_MASK || id == PROP_CLASSES;
}

void take_region_property(RegionConfig& config, guint id, const RegionConfig& checked) {
  if (id == PROP_IGNORE_MASK) {
    config.mask_path = checked.mask_path;
    config.mask = checked.mask;
  } else if (id == PROP_CLASSES) {
    config.classes_text = checked.classes_text;
    config.classes = checked.classes;
  }
}

void check_classes(RegionConfig& config, const std::vector<std::string>& known) {
  config.classes = names_in(config.classes_text);
  class_set(config.classes, known);
}

void check_mask(RegionConfig& config) {
  config.mask = load_mask(config.mask_path);
}

ClassSet class_set(const std::vector<std::string>& classes, const std::vector<std::string>& known) {
  ClassSet set;
  for (const std::string& name : classes) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      std::string list;
      for (const std::string& one : known) {
        if (!list.empty()) list += ", ";
        list += one;
      }
      throw Error(ErrorKind::BadSettings,
                  "Property classes: the bundle has no class \"" + name + "\". It has " + list + ".");
    }
    set.set(static_cast<size_t>(found - known.begin()));
  }
  return set;
}

std::shared_ptr<const PixelMask> FrameMask::at(const std::shared_ptr<const PixelMask>& mask, int width,
                                               int height) {
  if (!mask || (mask->width == width && mask->height == height)) return mask;
  if (mask != mask_ || resized_->width != width || resized_->height != height) {
    resized_ = std::make_shared<PixelMask>(mask->resized(width, height));
    mask_ = mask;
  }
  return resized_;
}

}  // namespace anomaly
