// SPDX-License-Identifier: LGPL-2.1-or-later
// Steps 5 and 6: where frame and synthesis differ.
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>

#include "src/framework/ops.h"
#include "src/framework/steps.h"

namespace anomaly::steps {
namespace {

at::Tensor at_map_size(const Context& context, const at::Tensor& bytes) {
  return ops::resize_nearest(bytes, context.info.map_height, context.info.map_width);
}

at::Tensor network_input(const Context& context, const at::Tensor& rgb) {
  return ops::normalised(at_map_size(context, rgb), context.info.mean, context.info.deviation);
}

at::Tensor as_fraction(const Context& context, const at::Tensor& bytes) {
  return at_map_size(context, bytes).to(at::kFloat).div_(255);
}

}  // namespace

void compare_features(const Context& context, PerceptualNetwork& network, const at::Tensor& frame,
                      FrameTensors& out) {
  const BundleInfo& info = context.info;
  // Paper: the plain sum over levels of the features' distance with 1 / M_i, the mean over the M_i channels.
  std::vector<double> weights = network.level_weights();
  if (context.settings.formulas == Formulas::Paper) std::fill(weights.begin(), weights.end(), 1.0);
  const auto of_frame = network.features(network_input(context, frame));
  const auto of_synthesis = network.features(network_input(context, out.at("synthesis")));
  const at::Tensor raw =
      ops::perceptual_difference(of_frame, of_synthesis, weights, info.map_height, info.map_width);
  Bounds fixed;
  if (info.perceptual_bounds)
    fixed = {static_cast<float>((*info.perceptual_bounds)[0]),
             static_cast<float>((*info.perceptual_bounds)[1])};
  const Bounds bounds = context.bounds(StreamState::Map::Perceptual, raw, fixed);
  out["perceptual"] = ops::quantised(raw, ops::Quantisation::Perceptual, bounds, context.memory);
  if (context.everything) out["perceptual_raw"] = raw;
}

void find_dissimilarity(const Context& context, DissimilarityNetwork& network, const at::Tensor& frame,
                        FrameTensors& out) {
  at::Tensor maps;
  if (network.uses_uncertainty())
    maps = at::stack({as_fraction(context, out.at("entropy")), as_fraction(context, out.at("perceptual")),
                      as_fraction(context, out.at("distance"))})
               .unsqueeze(0);
  const at::Tensor labels = at_map_size(context, out.at("labels")).unsqueeze(0);
  const at::Tensor logits = network.logits(network_input(context, frame),
                                           network_input(context, out.at("synthesis")), labels, maps)[0];
  const std::string name = network.uses_uncertainty() ? "dissimilarity" : "baseline_dissimilarity";
  out[name] = ops::placed_in(context.memory, at::softmax(logits, 0)[1]);
  if (context.everything) out[name + "_logits"] = logits.contiguous();
}

}  // namespace anomaly::steps
