// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/pipeline.h"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <opencv2/imgproc.hpp>

#include "kernels/resize.h"
#include "src/framework/ops.h"

namespace anomaly::train {

Pipeline::Pipeline(const std::string& bundle_path) : bundle_(Bundle::open(bundle_path)) {
  segmentation_ = load_segmentation(*bundle_);
  if (has("encoder")) encoder_ = load_encoder(*bundle_);
  if (has("generator")) generator_ = load_generator(*bundle_);
  if (has("perceptual")) perceptual_ = load_perceptual(*bundle_);
  if (has("dissimilarity")) dissimilarity_ = load_dissimilarity(*bundle_, "dissimilarity");
  if (has("baseline")) baseline_ = load_dissimilarity(*bundle_, "baseline");
}

at::Tensor Pipeline::frame(const cv::Mat& rgb) const {
  const cv::Mat whole = rgb.isContinuous() ? rgb : rgb.clone();
  at::Tensor out = at::empty({info().segmentation_height, info().segmentation_width, 3}, at::kByte);
  resize_bicubic_rgb8(whole.data, whole.cols, whole.rows, out.data_ptr<uint8_t>(), info().segmentation_width,
                      info().segmentation_height);
  return out;
}

FrameTensors Pipeline::segment(const at::Tensor& frame) const {
  const at::NoGradGuard no_grad;
  FrameTensors out;
  const steps::Context context{info(), settings_, false};
  steps::segment(context, {.entropy = true, .distance = true}, *segmentation_, frame, out);
  return out;
}

void Pipeline::synthesise(const at::Tensor& frame, FrameTensors& out) const {
  const at::NoGradGuard no_grad;
  const steps::Context context{info(), settings_, true};
  steps::synthesise(context, *encoder_, *generator_, frame, out);
  steps::compare_features(context, *perceptual_, frame, out);
}

void Pipeline::compare(const at::Tensor& frame, FrameTensors& out) const {
  const at::NoGradGuard no_grad;
  const steps::Context context{info(), settings_, false};
  if (dissimilarity_) steps::find_dissimilarity(context, *dissimilarity_, frame, out);
  if (baseline_) steps::find_dissimilarity(context, *baseline_, frame, out);
}

at::Tensor Pipeline::at_map_size(const at::Tensor& bytes) const {
  return ops::resize_nearest(bytes, info().map_height, info().map_width);
}

}  // namespace anomaly::train
