// SPDX-License-Identifier: LGPL-2.1-or-later
// Step 4: the picture that the label map would show.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/randn.h>

#include "src/framework/ops.h"
#include "src/framework/steps.h"

namespace anomaly::steps {
namespace {

// Seeded afresh for every frame: a frame's synthesis depends on nothing but the frame and the seed.
at::Tensor drawn(const at::Tensor& mean, const at::Tensor& log_variance, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor deviation = at::exp(log_variance.mul(0.5));
  return at::addcmul(mean, deviation, at::randn(mean.sizes(), generator, at::kFloat));
}

}  // namespace

void synthesise(const Context& context, LatentEncoder& encoder, GeneratorNetwork& generator,
                const at::Tensor& frame, FrameTensors& out) {
  const BundleInfo& info = context.info;
  constexpr std::array<float, 3> kHalf = {0.5f, 0.5f, 0.5f};  // [0, 1] -> [-1, 1]
  const at::Tensor small = ops::resize_bicubic(frame, info.map_height, info.map_width);
  const auto [mean, log_variance] = encoder.encode(ops::normalised(small, kHalf, kHalf));
  const bool draw = context.settings.latent == Latent::Draw;
  const at::Tensor z = draw ? drawn(mean, log_variance, context.settings.seed) : mean;

  std::vector<uint8_t> ids;
  for (const ClassInfo& c : info.classes) ids.push_back(static_cast<uint8_t>(c.label_id));
  const at::Tensor labels =
      ops::mapped_labels(ops::resize_nearest(out.at("labels"), info.map_height, info.map_width), ids);
  out["synthesis"] = ops::to_picture(generator.synthesise(labels.unsqueeze(0), z), context.memory);
  if (context.everything) {
    out["latent_mean"] = mean[0].contiguous();
    out["latent_logvar"] = log_variance[0].contiguous();
  }
}

}  // namespace anomaly::steps
