// SPDX-License-Identifier: LGPL-2.1-or-later
// Small pictures of frames for people to look at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/eval/report.h"

namespace anomaly::eval {

inline constexpr int kThumbnailWidth = 640;  // at most

// rgb: height x width x 3. A JPEG file.
std::vector<uint8_t> thumbnail(const std::vector<uint8_t>& rgb, int width, int height);

// Fills picture, heatmap, width and height. jpeg: of thumbnail(); map: map_width x map_height scores;
// targets: width x height, may be empty. True anomalies are outlined, what is ignored is dimmed.
void draw_example(const std::vector<uint8_t>& jpeg, const float* map, int map_width, int map_height,
                  const std::vector<uint8_t>& targets, int width, int height, Example& example);

}  // namespace anomaly::eval
