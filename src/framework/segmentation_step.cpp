// SPDX-License-Identifier: LGPL-2.1-or-later
// Steps 2 and 3: segmentation and the uncertainty of its classes.
#include <cmath>

#include <ATen/ops/upsample_bilinear2d.h>

#include "src/framework/ops.h"
#include "src/framework/steps.h"

namespace anomaly::steps {
namespace {

// Published: the entropy in nats, (H - min H) / max H, and with r = max p - second max p: 1 - (r - min r) /
// max r. Paper: the entropy in bits and 1 - r, each spread linearly from its minimum to its maximum.
struct Scale {
  StreamState::Map kind;
  double factor = 1;  // of the raw map
  ops::Quantisation form;
  Bounds fixed;
};

Scale entropy_scale(const Context& context) {
  const double classes = static_cast<double>(context.info.classes.size());
  if (context.settings.formulas == Formulas::Paper)
    return {StreamState::Map::Entropy,
            1 / std::log(2.0),
            ops::Quantisation::Perceptual,
            {0, static_cast<float>(std::log2(classes))}};
  return {
      StreamState::Map::Entropy, 1, ops::Quantisation::Entropy, {0, static_cast<float>(std::log(classes))}};
}

Scale distance_scale(const Context& context) {
  const bool paper = context.settings.formulas == Formulas::Paper;
  return {StreamState::Map::Distance,
          1,
          paper ? ops::Quantisation::Perceptual : ops::Quantisation::Distance,
          {0, 1}};
}

void add_map(const Context& context, const std::string& name, at::Tensor raw, const Scale& scale,
             FrameTensors& out) {
  if (scale.factor != 1) raw.mul_(scale.factor);
  const Bounds bounds = context.bounds(scale.kind, raw, scale.fixed);
  out[name] = ops::quantised(raw, scale.form, bounds, context.memory);
  if (context.everything) out[name + "_raw"] = raw;
}

}  // namespace

void segment(const Context& context, const Needs& needs, SegmentationNetwork& network,
             const at::Tensor& frame, FrameTensors& out) {
  const int64_t height = frame.size(0), width = frame.size(1);
  const at::Tensor logits = network.logits(ops::normalised(frame, context.info.mean, context.info.deviation));
  const auto maps = ops::uncertainty(logits, height, width, needs.entropy, needs.distance, context.memory,
                                     network.align_corners());
  out["labels"] = maps.labels;
  if (needs.entropy) add_map(context, "entropy", maps.entropy, entropy_scale(context), out);
  if (needs.distance) add_map(context, "distance", maps.distance, distance_scale(context), out);
  if (context.everything)
    out["logits"] = at::upsample_bilinear2d(logits, {height, width}, network.align_corners())[0].contiguous();
}

}  // namespace anomaly::steps
