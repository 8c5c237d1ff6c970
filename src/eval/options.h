// SPDX-License-Identifier: LGPL-2.1-or-later
// The command line of anomaly-eval.
#pragma once

#include <string>
#include <vector>

#include "src/eval/evaluation.h"
#include "src/framework/settings.h"
#include "src/tools/option_values.h"

namespace anomaly::eval {

struct Options {
  bool help = false, version = false, normal = false;
  std::string model;  // empty: the built-in bundle
  std::string device = "cpu";
  TrunkPrecision trunk_precision = TrunkPrecision::Same;
  int threads = 0;
  std::vector<std::string> methods;
  Settings settings;
  InputOptions input;
  std::string label_map;
  EvaluationOptions evaluation;
  std::string json, html;
};

// Throws UsageError.
Options parse_options(int argc, char** argv);

// What --help prints.
const char* help();

}  // namespace anomaly::eval
