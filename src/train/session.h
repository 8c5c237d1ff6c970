// SPDX-License-Identifier: LGPL-2.1-or-later
// What every stage is given.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "src/train/config.h"
#include "src/train/frames.h"

namespace anomaly::train {

struct Session {
  Config config;
  std::string data;        // --data: the folder that the configuration's folders are in
  std::string work;        // --work: checkpoints, previews, losses.csv
  bool partial = false;    // --partial: build on stages that are not complete
  int64_t stop_after = 0;  // --stop-after: leave a stage after that many steps (0: run to its end)
  // --device: where networks learn. Samples are made, and networks measured, on the CPU.
  at::Device device = at::kCPU;
  // --start: the bundles that new stages begin with the mean of (none: with random weights).
  std::vector<std::string> start;
  Groups groups;
  std::vector<Dataset> datasets;

  std::string checkpoint(const std::string& stage) const {
    return work + "/" + stage + ".checkpoint.safetensors";
  }
};

void train_segmentation(Session& session);
void train_synthesis(Session& session);
void train_dissimilarity(Session& session);
void train_baseline(Session& session);
// Weights, threshold and bounds on held-out data; writes the bundle.
void finish_ensemble(Session& session, const std::string& bundle_path);

}  // namespace anomaly::train
