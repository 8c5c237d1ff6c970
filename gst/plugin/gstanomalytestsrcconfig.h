// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties of anomalytestsrc: what they are called, what they may hold, and what they hold.
#pragma once

#include <gst/gst.h>

#include "src/scene/scene.h"

namespace anomaly {

enum TestSrcProperty : guint {
  TESTSRC_0,
  TESTSRC_SEED,
  TESTSRC_IS_LIVE,
  TESTSRC_ANOMALIES,
  TESTSRC_ANOMALY_FIRST,
  TESTSRC_ANOMALY_PERIOD,
  TESTSRC_ANOMALY_FRAMES,
  TESTSRC_TRUTH,
};

enum class Truth : int { None, Mask, Labels };

struct TestSrcConfig {
  SceneOptions scene;  // size and frame rate come from the caps
  Truth truth = Truth::Mask;
};

void install_testsrc_properties(GObjectClass* klass);

// All but TESTSRC_IS_LIVE, which the base class holds; false for another property.
bool set_testsrc_property(TestSrcConfig& config, guint id, const GValue* value);
bool get_testsrc_property(const TestSrcConfig& config, guint id, GValue* value);

}  // namespace anomaly
