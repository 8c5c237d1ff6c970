// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/pipeline.h"

namespace anomaly::train {

at::Tensor Pipeline::frame(const cv::Mat& rgb) const {
  const cv::Mat whole = rgb.isContinuous() ? rgb : rgb.clone();
  return anomaly::Pipeline::frame(whole.data, whole.cols, whole.rows);
}

}  // namespace anomaly::train
