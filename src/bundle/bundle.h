// SPDX-License-Identifier: LGPL-2.1-or-later
// A bundle: all networks' weights and what a program must know to use them, one safetensors file
// (format_version 1).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/bundle/safetensors.h"
#include "src/json.h"

namespace anomaly {

struct ClassInfo {
  std::string name;              // "road"
  std::array<uint8_t, 3> color;  // R G B
  int label_id;                  // Cityscapes label id of this train id, 0..34
};

// The `bundle` JSON object, parsed and checked. Member names in the JSON are those of the fields.
struct BundleInfo {
  std::string name;                                           // "published-synboost", "compact"
  std::vector<ClassInfo> classes;                             // by train id; at most 64
  std::array<float, 3> mean, deviation;                       // of RGB scaled to [0, 1]
  int segmentation_height = 1024, segmentation_width = 2048;  // default input size
  int map_height = 256, map_width = 512;                      // size of synthesis and of every later stage
  std::string default_method = "synboost";
  std::array<double, 4> ensemble = {0.75, 0.25, 0, 0};  // dissimilarity, entropy, perceptual, distance
  double threshold = 0.5;
  std::optional<std::array<double, 2>> perceptual_bounds;  // for normalization=fixed
  Json architecture;    // per network: {"segmentation": {"type": ..., ...}, ...}
  Json provenance;      // data, date, program: free form
  std::string license;  // of the weights
  int64_t class_count() const { return static_cast<int64_t>(classes.size()); }
  Json to_json() const;
  static BundleInfo from_json(const Json& json, const std::string& file);  // throws Error(BadBundle)
};

// Cityscapes' 19 classes with colours and label ids, for bundles that are made here.
std::vector<ClassInfo> cityscapes_classes();

class Bundle {
 public:
  // Opens and checks container, format version and `bundle` object. Tensors are checked against the
  // architecture when a network is built from them: see networks/load.h.
  static std::shared_ptr<const Bundle> open(const std::string& path);
  const std::string& path() const { return file_->path(); }
  const BundleInfo& info() const { return info_; }
  const SafetensorsFile& file() const { return *file_; }
  bool has(const std::string& network) const;  // architecture names it

 private:
  std::shared_ptr<SafetensorsFile> file_;
  BundleInfo info_;
};

// The built-in bundle: $GST_ANOMALY_BUNDLE, else share/gst-anomaly/compact.safetensors beside the installed
// library, else models/compact.safetensors of the source tree it was built from, else in the configured data
// folder. Throws Error(NotFound) that lists the places, also where the variable names what is no file.
std::string builtin_bundle_path();

}  // namespace anomaly
