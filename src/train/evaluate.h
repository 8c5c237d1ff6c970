// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "src/framework/settings.h"
#include "src/train/session.h"

namespace anomaly::train {

// Measures a bundle on the configuration's test frames, which no stage reads: every method on composites with
// held-out objects (all, and without animals), false alarms on the frames as they are, and the segmentation's
// IoU. Prints a table; writes JSON to `json_path` where it is not empty, pictures to `work`/evaluation.png.
// trunk: of the segmentation; with another than Same also the share of pixels whose class stays as it is with
// Same.
void evaluate(const Session& session, const std::string& bundle_path, const std::string& json_path,
              TrunkPrecision trunk = TrunkPrecision::Same);

}  // namespace anomaly::train
