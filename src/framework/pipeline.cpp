// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/framework/pipeline.h"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include "kernels/resize.h"
#include "src/engine/device.h"
#include "src/framework/ops.h"
#include "src/framework/steps.h"
#include "src/networks/compute.h"

namespace anomaly {

Pipeline::Pipeline(const std::string& bundle_path, const Settings& settings, TrunkPrecision trunk)
    : Pipeline(Bundle::open(bundle_path), settings, {}, trunk) {}

Pipeline::Pipeline(std::shared_ptr<const Bundle> bundle, const Settings& settings,
                   const std::set<std::string>& only, TrunkPrecision trunk)
    : bundle_(std::move(bundle)), settings_(settings) {
  const auto wanted = [&](const char* network) {
    return has(network) && (only.empty() || only.contains(network));
  };
  {
    const Compute compute = compute_on("cpu", Precision::Auto, trunk);
    const ComputeScope scope(compute);
    segmentation_ = load_segmentation(*bundle_);
  }
  if (wanted("encoder")) encoder_ = load_encoder(*bundle_);
  if (wanted("generator")) generator_ = load_generator(*bundle_);
  if (wanted("perceptual")) perceptual_ = load_perceptual(*bundle_);
  if (wanted("dissimilarity")) dissimilarity_ = load_dissimilarity(*bundle_, "dissimilarity");
  if (wanted("baseline")) baseline_ = load_dissimilarity(*bundle_, "baseline");
}

void Pipeline::unload() {
  segmentation_.reset();
  encoder_.reset();
  generator_.reset();
  perceptual_.reset();
  dissimilarity_.reset();
  baseline_.reset();
}

at::Tensor Pipeline::frame(const uint8_t* rgb, int width, int height) const {
  at::Tensor out = at::empty({info().segmentation_height, info().segmentation_width, 3}, at::kByte);
  resize_bicubic_rgb8(rgb, width, height, out.data_ptr<uint8_t>(), info().segmentation_width,
                      info().segmentation_height);
  return out;
}

FrameTensors Pipeline::segment(const at::Tensor& frame, StreamState* stream) const {
  const at::NoGradGuard no_grad;
  FrameTensors out;
  const steps::Context context{info(), settings_, false, stream};
  steps::segment(context, {.entropy = true, .distance = true}, *segmentation_, frame, out);
  return out;
}

void Pipeline::resynthesise(const at::Tensor& frame, FrameTensors& out) const {
  const at::NoGradGuard no_grad;
  steps::synthesise({info(), settings_, true}, *encoder_, *generator_, frame, out);
}

void Pipeline::compare_features(const at::Tensor& frame, FrameTensors& out, StreamState* stream) const {
  const at::NoGradGuard no_grad;
  steps::compare_features({info(), settings_, true, stream}, *perceptual_, frame, out);
}

void Pipeline::find_dissimilarity(const at::Tensor& frame, FrameTensors& out) const {
  const at::NoGradGuard no_grad;
  steps::find_dissimilarity({info(), settings_, false}, *dissimilarity_, frame, out);
}

void Pipeline::find_baseline(const at::Tensor& frame, FrameTensors& out) const {
  const at::NoGradGuard no_grad;
  steps::find_dissimilarity({info(), settings_, false}, *baseline_, frame, out);
}

at::Tensor Pipeline::score(Method method, FrameTensors out) const {
  const at::NoGradGuard no_grad;
  Settings settings = settings_;
  settings.method = method;
  steps::score({info(), settings, false}, out);
  return out.at("anomaly");
}

void Pipeline::synthesise(const at::Tensor& frame, FrameTensors& out) const {
  resynthesise(frame, out);
  if (perceptual_) compare_features(frame, out);
}

void Pipeline::compare(const at::Tensor& frame, FrameTensors& out) const {
  if (dissimilarity_) find_dissimilarity(frame, out);
  if (baseline_) find_baseline(frame, out);
}

at::Tensor Pipeline::at_map_size(const at::Tensor& bytes) const {
  return ops::resize_nearest(bytes, info().map_height, info().map_width);
}

}  // namespace anomaly
