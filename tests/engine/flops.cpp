// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/engine/flops.h"

#include <cstring>
#include <memory>

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <torch/nn/module.h>

#include "src/networks/ccfpse_encoder.h"
#include "src/networks/ccfpse_generator.h"
#include "src/networks/deeplabv3plus.h"
#include "src/networks/dissimilarity_network.h"
#include "src/networks/vgg_perceptual.h"

namespace flops {
namespace {

using namespace anomaly;

thread_local double counted = 0;
thread_local bool inside = false;  // an operation that is counted: not what it is made of

// What a number of the output costs.
struct PerOutput : at::ObserverContext {
  explicit PerOutput(double of) : cost(of) {}
  double cost;
};

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
  if (inside) return nullptr;
  // Weights are outputs x inputs x kernel, of a transposed convolution inputs x outputs x kernel.
  const bool transposed = std::strcmp(function.name(), "aten::conv_transpose2d") == 0;
  constexpr const char* kNames[] = {"aten::conv2d", "aten::linear", "aten::cudnn_convolution_relu",
                                    "mkldnn::_convolution_pointwise"};
  const bool product =
      std::strcmp(function.name(), "aten::_scaled_mm") == 0 || std::strcmp(function.name(), "aten::mm") == 0;
  bool ours = transposed || product;
  for (const char* name : kNames) ours = ours || std::strcmp(function.name(), name) == 0;
  if (!ours) return nullptr;
  const auto inputs = function.inputs();
  const at::Tensor &x = inputs[0].toTensor(), &weight = inputs[1].toTensor();
  // The second factor of a product is inputs x outputs.
  const double each = 2.0 * static_cast<double>(product ? weight.size(0) : weight.numel() / weight.size(0));
  inside = true;
  if (!transposed) return std::make_unique<PerOutput>(each);
  counted += each * static_cast<double>(x.numel());
  return std::make_unique<PerOutput>(0);
}

void end(const at::RecordFunction& function, at::ObserverContext* context) {
  if (!context) return;
  inside = false;
  counted += static_cast<PerOutput*>(context)->cost *
             static_cast<double>(function.outputs().front().toTensor().numel());
}

}  // namespace

Counter::Counter()
    : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end)
                                             .needsInputs(true)
                                             .needsOutputs(true)
                                             .scopes({at::RecordScope::FUNCTION}))) {
  counted = 0;
}

Counter::~Counter() {
  at::removeCallback(handle_);
}

double Counter::count() const {
  return counted;
}

double sum_of(const Costs& costs) {
  double sum = 0;
  for (const auto& [name, cost] : costs) sum += cost;
  return sum;
}

Costs count(const NetworkSet& networks, const BundleInfo& info, int64_t height, int64_t width,
            const at::TensorOptions& like) {
  Costs costs;
  const auto measure = [&](const char* name, const auto& run) {
    const Counter counter;
    run();
    costs.emplace_back(name, counter.count());
  };
  const auto image = [&](int64_t batch, int64_t h, int64_t w) {
    return at::zeros({batch, 3, h, w}, like).contiguous(at::MemoryFormat::ChannelsLast);
  };
  const int64_t h = info.map_height, w = info.map_width;
  const at::Tensor labels = at::zeros({1, h, w}, like.dtype(at::kByte));
  if (networks.segmentation)
    measure("segmentation", [&] { networks.segmentation->logits(image(1, height, width)); });
  if (networks.encoder) measure("encoder", [&] { networks.encoder->encode(image(1, h, w)); });
  if (networks.generator)
    measure("generator", [&] {
      networks.generator->synthesise(labels, at::zeros({1, networks.generator->latent_size()}, like));
    });
  if (networks.perceptual) measure("perceptual", [&] { networks.perceptual->features(image(2, h, w)); });
  if (networks.dissimilarity)
    measure("dissimilarity",
            [&] { networks.dissimilarity->logits(image(1, h, w), image(1, h, w), labels, image(1, h, w)); });
  return costs;
}

Costs count_published(const fixture::PublishedSizes& sizes, int64_t height, int64_t width) {
  const c10::InferenceMode inference;
  const auto on_meta = [](auto network) {
    network->eval();  // a network begins there
    return network;
  };
  NetworkSet networks;
  networks.segmentation = on_meta(std::make_shared<DeepLabV3Plus>(DeepLabWidths::scaled(sizes.features, 19)));
  CcFpseEncoderOptions encoder;
  encoder.latent = sizes.latent;
  encoder.features = sizes.features;
  networks.encoder = on_meta(std::make_shared<CcFpseEncoder>(encoder));
  CcFpseOptions generator;
  generator.height = sizes.map_height;
  generator.width = sizes.map_width;
  generator.latent = sizes.latent;
  generator.features = generator.pyramid = sizes.features;
  generator.hidden = 2 * sizes.features;
  networks.generator = on_meta(std::make_shared<CcFpseGenerator>(generator));
  networks.perceptual = on_meta(std::make_shared<VggPerceptual>(VggDepth::Vgg19, sizes.features));
  DissimilarityOptions dissimilarity;
  dissimilarity.features = sizes.features;
  dissimilarity.hidden = 2 * sizes.features;
  networks.dissimilarity = on_meta(std::make_shared<VggDissimilarity>(dissimilarity));
  return count(networks, fixture::published_info(sizes), height, width,
               at::TensorOptions(at::kFloat).device(at::kMeta));
}

}  // namespace flops
