// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties of anomalydetect: what they are called, what they may hold, and what they hold.
#pragma once

#include <gst/gst.h>

#include <string>
#include <vector>

#include "gst/plugin/gstanomalydetectregions.h"
#include "gst/plugin/gstanomalydetectstandard.h"
#include "gst/plugin/gstanomalydetectstreams.h"
#include "kernels/statistics.h"
#include "src/engine/engine.h"

namespace anomaly {

enum DetectProperty : guint {
  PROP_0,
  PROP_MODEL,
  PROP_DEVICE,
  PROP_PRECISION,
  PROP_TRUNK_PRECISION,
  PROP_METHOD,
  PROP_ENSEMBLE_WEIGHTS,
  PROP_NORMALIZATION,
  PROP_SEGMENTATION_HEIGHT,
  PROP_SEGMENTATION_WIDTH,
  PROP_LATENT,
  PROP_SEED,
  PROP_INTERVAL,
  PROP_THRESHOLD,
  PROP_MIN_AREA,
  PROP_ROI,
  PROP_ATTACH,
  PROP_THREADS,
  PROP_MAX_IN_FLIGHT,
  PROP_STATS,
};

struct DetectConfig {
  std::string model;
  std::string device = "auto";
  int precision = 0;             // Precision
  int trunk_precision = 0;       // TrunkPrecision
  int method = -1;               // Method, or -1 = the bundle's
  std::vector<double> ensemble;  // empty = the bundle's
  int normalization = 0, latent = 0;
  guint64 seed = 0;
  int segmentation_height = 0, segmentation_width = 0;  // 0 = the bundle's
  int interval = 0;                                     // -1 = by DetectPace
  double threshold = -1;                                // below 0 = the bundle's
  guint64 min_area = 0;
  std::string roi_text;
  Rect roi;
  RegionConfig regions;
  StreamConfig streams;
  guint attach = 0;
  guint standard = kStandardAll;  // StandardFlags
  int threads = 0;
  int max_in_flight = 1;

  // Why the text of a property cannot be used, empty where it can: the element refuses to start.
  std::string roi_problem, ensemble_problem;
};

void install_detect_properties(GObjectClass* klass);

// All but PROP_STATS. set: false for another property; a value that cannot be used fills `problem`.
bool set_detect_property(DetectConfig& config, guint id, const GValue* value, std::string& problem);
bool get_detect_property(const DetectConfig& config, guint id, GValue* value);

// What the engine is asked for, with the bundle's word where the properties leave it open. Throws
// Error(BadSettings).
Settings detect_settings(const DetectConfig& config, const ModelInfo& model);

// "x,y,w,h" in frame pixels, all whole numbers, x and y from 0, w and h from 1; "" = {} (the whole frame).
// False otherwise.
bool parse_roi(const std::string& text, Rect& roi);

}  // namespace anomaly
