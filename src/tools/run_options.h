// SPDX-License-Identifier: LGPL-2.1-or-later
// The command line of anomaly-run.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/framework/settings.h"
#include "src/tools/option_values.h"

namespace anomaly {

struct RunOptions {
  bool help = false, version = false, dump = false;
  std::string model;  // empty: the built-in bundle
  std::string device = "cpu";
  Precision precision = Precision::Auto;
  TrunkPrecision trunk_precision = TrunkPrecision::Same;
  std::optional<Method> method;                                // none: the bundle's
  std::optional<int> segmentation_height, segmentation_width;  // none: the bundle's; 32..8192
  std::optional<std::array<double, 4>> ensemble;               // none: the bundle's; at least 0, one above it
  Normalization normalization = Normalization::Frame;
  Latent latent = Latent::Mean;
  uint64_t seed = 0;
  Formulas formulas = Formulas::Published;
  int threads = 0;  // 0: LibTorch's choice
  std::string output;
  std::vector<std::string> images;
};

// Throws UsageError.
RunOptions parse_run_options(int argc, char** argv);

// What --help prints.
const char* run_help();

}  // namespace anomaly
