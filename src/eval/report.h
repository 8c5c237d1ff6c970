// SPDX-License-Identifier: LGPL-2.1-or-later
// What an evaluation found, and the forms that it is told in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/eval/components.h"
#include "src/eval/ranking.h"
#include "src/json.h"

namespace anomaly::eval {

struct VideoMeasures {
  std::optional<double> flicker, temporal_consistency;  // see SteadinessCounter
  double latency = 0;                                   // seconds, of the figures below
  RankingMeasures on_arrival;                           // each map against the frame that it arrives at
  int64_t arrived = 0;                                  // maps
};

struct AlarmMeasures {
  double threshold = 0;
  int64_t frames = 0, frames_with_alarm = 0, regions = 0, alarms = 0;
  std::optional<double> per_minute;  // alarms; where the frame rate is known
};

struct MethodReport {
  std::string name, what;
  RankingMeasures pixels;
  ComponentMeasures components;
  double component_threshold = 0;  // scores at or over it were the prediction
  double milliseconds = 0;         // median over the frames, of all steps that the method needs
  std::optional<VideoMeasures> video;
  std::optional<AlarmMeasures> alarms;
};

struct SegmentationReport {
  double mean_iou = 0;
  std::vector<std::string> names;  // "3: road"
  std::vector<double> iou;         // NaN where a value neither occurs nor is predicted
};

// A frame to look at.
struct Example {
  std::string name, figure;      // "0016E5.png", "AP 0.4312"
  std::string picture, heatmap;  // JPEG files
  int width = 0, height = 0;
  bool best = false;
};

struct Report {
  std::string bundle, bundle_path, license, input, normalization, device, trunk_precision;
  int64_t frames = 0, labelled = 0, positives = 0, negatives = 0, ignored = 0;
  double fps = 0;  // 0: single pictures
  ComponentOptions component_options;
  int64_t min_area = 0;
  std::vector<MethodReport> methods;
  std::optional<SegmentationReport> segmentation;
  std::string example_method;
  std::vector<Example> examples;
  // Why measures are missing, for people; empty where none is.
  std::string undefined() const;
};

// null where a measure is undefined. Schema 1: docs/evaluation.md.
Json to_json(const Report& report);
// Plain text, columns aligned.
std::string to_table(const Report& report);
// One page that needs nothing beside itself.
std::string to_html(const Report& report);

}  // namespace anomaly::eval
