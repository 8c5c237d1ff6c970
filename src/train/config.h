// SPDX-License-Identifier: LGPL-2.1-or-later
// The training configuration: one JSON file (models/compact.json), read and checked before any work.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/json.h"

namespace anomaly::train {

// A folder of labelled frames. `groups[v]` lists the train ids that label value v may be: one for a fine
// label, several for a coarse one (the loss then takes the sum of their probabilities), none to ignore the
// value.
struct DatasetConfig {
  // Without labels: an ordinary drive, in which everything is of some known class, in `images`, which may be
  // a video file too. Segmentation does not read it.
  std::string name, images, labels;
  std::vector<std::vector<int>> groups;
  // In place of folders: drives of the procedural scene, labelled by their maker.
  struct Scenes {
    int64_t drives = 0, frames_per_drive = 1;  // 0 drives: the folders
    int64_t first_seed = 0;                    // of the first drive; the others have those behind it
    int height = 360, width = 640;
    bool anomalies = false;  // with foreign things in them, marked as such
  } scenes;
  double weight = 1;  // share of this set's frames among the samples, relative to the others'
  std::optional<double> segmentation_weight;  // in place of it among that stage's samples; 0: not read there
  bool exact_geometry = false;                // labels fine enough for synthesis and dissimilarity
  int64_t every = 1;                          // of an ordinary drive's frames, every so many-th
  std::optional<double> held_out_share;       // in place of the configuration's
  bool labelled() const { return scenes.drives > 0 || !labels.empty(); }
  // This set's share of the segmentation stage's samples.
  double segmentation_share() const { return labelled() ? segmentation_weight.value_or(weight) : 0; }
};

struct ObjectsConfig {
  std::string images, panoptic, json;
  int64_t held_out = 15;                         // pictures, the last ones by name, kept for evaluation
  std::vector<std::string> held_out_categories;  // never trained on, in no picture
};

// [height, width], multiples of 32 from 32 to 4096; throws JsonError.
std::array<int, 2> read_size(const Json& json);

struct Config {
  std::string name;
  uint64_t seed = 0;
  std::array<int, 2> segmentation_size{}, map_size{};  // height, width
  double held_out_share = 0.04;                        // of every data set's frames, the last ones by name
  std::vector<DatasetConfig> datasets;
  ObjectsConfig objects;
  DatasetConfig test;  // frames that no stage reads, for --evaluate
  Json networks;       // the bundle's architecture object
  Json stages;         // per stage, its settings
  Json provenance;     // copied to the bundle
  std::string license;

  // Throws Error(NotFound, Io or BadSettings) that names file and member.
  static Config read(const std::string& path);
  const Json& stage(const std::string& stage_name) const;  // throws Error(BadSettings) where absent
};

}  // namespace anomaly::train
