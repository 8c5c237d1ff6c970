// SPDX-License-Identifier: LGPL-2.1-or-later
// Which pixels and regions count: the properties ignore-mask and classes.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <string>
#include <vector>

#include "src/engine/engine.h"

namespace anomaly {

enum RegionProperty : guint {
  PROP_IGNORE_MASK = 200,  // behind those of DetectProperty and EventProperty
  PROP_CLASSES,
};

struct RegionConfig {
  std::string mask_path;
  std::string classes_text;
  // What those texts mean, once they were checked.
  std::shared_ptr<const PixelMask> mask;
  std::vector<std::string> classes;

  bool same_texts(const RegionConfig& other) const {
    return mask_path == other.mask_path && classes_text == other.classes_text;
  }
};

void install_region_properties(GObjectClass* klass);
// False for another property. Setting changes the texts only.
bool set_region_property(RegionConfig& config, guint id, const GValue* value);
bool get_region_property(const RegionConfig& config, guint id, GValue* value);
// Takes over from `checked` what belongs to property `id`.
void take_region_property(RegionConfig& config, guint id, const RegionConfig& checked);

// Look the classes up among `known`, and read the mask. Throw Error(BadSettings).
void check_classes(RegionConfig& config, const std::vector<std::string>& known);
void check_mask(RegionConfig& config);

// The train ids of `classes`; none = all. Throws Error(BadSettings) that lists `known` where a name is not
// among them.
ClassSet class_set(const std::vector<std::string>& classes, const std::vector<std::string>& known);

// A mask at the size of the stream's frames, made anew only where one of them changes.
class FrameMask {
 public:
  std::shared_ptr<const PixelMask> at(const std::shared_ptr<const PixelMask>& mask, int width, int height);

 private:
  std::shared_ptr<const PixelMask> mask_, resized_;
};

}  // namespace anomaly
