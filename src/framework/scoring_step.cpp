// SPDX-License-Identifier: LGPL-2.1-or-later
// Step 7: the method's score.
#include "src/framework/ops.h"
#include "src/framework/steps.h"

namespace anomaly::steps {

Needs needs_of(Method method) {
  switch (method) {
    case Method::Synboost:
      return {
          .entropy = true, .distance = true, .synthesis = true, .perceptual = true, .dissimilarity = true};
    case Method::Resynthesis:
      return {.synthesis = true, .baseline = true};
    case Method::SoftmaxEntropy:
      return {.entropy = true};
    case Method::SoftmaxDistance:
      return {.distance = true};
    case Method::PerceptualDifference:
      return {.synthesis = true, .perceptual = true};
  }
  return {};
}

Bounds Context::bounds(StreamState::Map kind, const at::Tensor& raw, Bounds fixed) const {
  if (settings.normalization == Normalization::Fixed) return fixed;
  const Bounds own = ops::bounds_of(raw);
  return settings.normalization == Normalization::Temporal && stream ? stream->smoothed(kind, own) : own;
}

void score(const Context& context, FrameTensors& out) {
  const auto fraction = [&](const char* name) {
    return ops::resize_nearest(out.at(name), context.info.map_height, context.info.map_width)
        .to(at::kFloat)
        .div_(255);
  };
  at::Tensor anomaly;
  switch (context.settings.method) {
    case Method::Synboost: {
      const auto& w = context.settings.ensemble;
      anomaly = out.at("dissimilarity").mul(w[0]);
      if (w[1] != 0) anomaly.add_(fraction("entropy"), w[1]);
      if (w[2] != 0) anomaly.add_(fraction("perceptual"), w[2]);
      if (w[3] != 0) anomaly.add_(fraction("distance"), w[3]);
      break;
    }
    case Method::Resynthesis:
      anomaly = out.at("baseline_dissimilarity");
      if (!context.memory) anomaly = anomaly.clone();  // else copied below
      break;
    case Method::SoftmaxEntropy:
      anomaly = fraction("entropy");
      break;
    case Method::SoftmaxDistance:
      anomaly = fraction("distance");
      break;
    case Method::PerceptualDifference:
      anomaly = fraction("perceptual");
      break;
  }
  out["anomaly"] = ops::placed_in(context.memory, anomaly);
}

}  // namespace anomaly::steps
