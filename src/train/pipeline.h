// SPDX-License-Identifier: LGPL-2.1-or-later
// The framework's own steps, one by one, on OpenCV's pictures.
#pragma once

#include <opencv2/core.hpp>
#include <string>

#include "src/framework/pipeline.h"
#include "src/framework/steps.h"

namespace anomaly::train {

class Pipeline : public anomaly::Pipeline {
 public:
  explicit Pipeline(const std::string& bundle_path, TrunkPrecision trunk = TrunkPrecision::Same)
      : anomaly::Pipeline(bundle_path, {}, trunk) {}
  // The 8UC3 R G B picture as the framework takes it: H x W x 3 uint8 at segmentation size.
  at::Tensor frame(const cv::Mat& rgb) const;
};

}  // namespace anomaly::train
