// SPDX-License-Identifier: LGPL-2.1-or-later
// Pictures that show how far a stage is: WORK/previews/STAGE-STEPS.jpg, one every so often.
#pragma once

#include <opencv2/core.hpp>
#include <string>

#include "src/train/measures.h"
#include "src/train/session.h"

namespace anomaly::train {

// Writes `rgb` (8UC3; nothing where it is empty) as the stage's preview after `steps` steps. Throws Error(Io)
// naming the file.
void write_preview(const Session& session, const std::string& stage, int64_t steps, const cv::Mat& rgb);

// The first held-out frames of every labelled data set above the classes that they are taken for, in
// Cityscapes' colours, `size` (height, width) each; empty without any.
cv::Mat segmentation_sheet(const Session& session, const Segmenter& segmenter,
                           const std::array<int, 2>& size);

}  // namespace anomaly::train
