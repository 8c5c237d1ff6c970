// SPDX-License-Identifier: LGPL-2.1-or-later
// All measures of all methods over one input.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "src/eval/input.h"
#include "src/eval/iou.h"
#include "src/eval/methods.h"
#include "src/eval/report.h"

namespace anomaly::eval {

struct EvaluationOptions {
  double fps = 0;                             // 0: the input's own
  std::optional<double> latency;              // seconds a frame; none: what is measured, for each method
  std::optional<double> threshold;            // of alarms; none: the bundle's, for its default method alone
  std::optional<double> component_threshold;  // none: the one with the best F1 over all pixels
  int64_t min_area = 0;                       // of alarms, frame pixels
  ComponentOptions components;
  LabelGroups labels;  // of the label maps
  int examples = 4;    // best, and as many worst, frames
};

// Called as the work goes on: what is done, how much, of how much (0 = not known).
using Progress = std::function<void(const std::string& what, int64_t done, int64_t all)>;

// Looks at every frame once and keeps its maps in a scratch file; then takes one method after the other, so
// that no more than one method's scores (4 bytes a labelled pixel) are in memory. Throws Error.
// The networks are unloaded in between.
Report evaluate(Input& input, Methods& methods, const EvaluationOptions& options, const Progress& progress);

}  // namespace anomaly::eval
