// SPDX-License-Identifier: LGPL-2.1-or-later
// Night, rain and fog, painted over a frame that was taken on a fair day.
#pragma once

#include <opencv2/core.hpp>

#include "src/train/random.h"

namespace anomaly::train {

// Dark and bluish with noise and a few glows, or streaks under a flat sky, or a haze that thickens towards a
// horizon; `rgb` is 8-bit, three channels, and changed in place.
void paint_night(Random& random, cv::Mat& rgb);
void paint_rain(Random& random, cv::Mat& rgb);
void paint_fog(Random& random, cv::Mat& rgb);

}  // namespace anomaly::train
