// SPDX-License-Identifier: LGPL-2.1-or-later
#include <utility>

#include "src/error.h"
#include "src/networks/channels_last.h"
#include "src/networks/compact.h"
#include "src/networks/compact_dissimilarity.h"
#include "src/networks/compact_generator.h"
#include "src/networks/compact_perceptual.h"
#include "src/networks/compact_segmentation.h"
#include "src/networks/tensor_source.h"

namespace anomaly {

namespace {

// Copies the bundle's tensors `<name>.<key>` into the plain form, then turns it into the inference form.
template <typename Network>
Network load(const Bundle& bundle, const std::string& name, Network network) {
  const at::NoGradGuard no_grad;
  TensorSource source(bundle, name);
  const auto fill = [&](const std::string& key, at::Tensor& tensor) {
    tensor.copy_(source.take(key, tensor.sizes()));
  };
  for (auto& item : network->named_parameters()) fill(item.key(), item.value());
  for (auto& item : network->named_buffers())
    if (item.value().is_floating_point()) fill(item.key(), item.value());  // not the batch norms' counters
  source.finish();
  to_inference(*network);
  return network;
}

class Segmentation : public SegmentationNetwork {
 public:
  explicit Segmentation(CompactSegmentation network) : network_(std::move(network)) {}
  at::Tensor logits(const at::Tensor& image) override {
    const at::NoGradGuard no_grad;
    return network_(channels_last(image));
  }
  bool align_corners() const override { return network_->align_corners(); }
  int64_t fp8_layers() const override { return fp8_conv_norms(*network_); }

 private:
  CompactSegmentation network_;
};

class Encoder : public LatentEncoder {
 public:
  explicit Encoder(CompactEncoder network) : network_(std::move(network)) {}
  std::pair<at::Tensor, at::Tensor> encode(const at::Tensor& image) override {
    const at::NoGradGuard no_grad;
    return network_(channels_last(image));
  }

 private:
  CompactEncoder network_;
};

class Generator : public GeneratorNetwork {
 public:
  explicit Generator(CompactGenerator network) : network_(std::move(network)) {}
  at::Tensor synthesise(const at::Tensor& labels, const at::Tensor& z) override {
    const at::NoGradGuard no_grad;
    return network_(labels, z);
  }
  int64_t latent_size() const override { return network_->latent_size(); }

 private:
  CompactGenerator network_;
};

class Perceptual : public PerceptualNetwork {
 public:
  Perceptual(CompactStem network, const CompactPerceptualOptions& options)
      : network_(std::move(network)), weights_(options.level_weights.begin(), options.level_weights.end()) {}
  std::vector<at::Tensor> features(const at::Tensor& image) override {
    const at::NoGradGuard no_grad;
    const auto levels = network_(channels_last(image));
    return {levels.begin(), levels.end()};
  }
  std::vector<double> level_weights() const override { return weights_; }

 private:
  CompactStem network_;
  std::vector<double> weights_;
};

class Dissimilarity : public DissimilarityNetwork {
 public:
  explicit Dissimilarity(CompactDissimilarity network) : network_(std::move(network)) {}
  bool uses_uncertainty() const override { return network_->uses_uncertainty(); }
  at::Tensor logits(const at::Tensor& frame, const at::Tensor& synthesis, const at::Tensor& labels,
                    const at::Tensor& maps) override {
    const at::NoGradGuard no_grad;
    return network_(frame, synthesis, labels, maps);
  }

 private:
  CompactDissimilarity network_;
};

// The generator and the dissimilarity network halve the map size four times.
void check_map_size(const Bundle& bundle) {
  if (bundle.info().map_height % 16 != 0 || bundle.info().map_width % 16 != 0)
    throw Error(ErrorKind::BadBundle, bundle.path() +
                                          ": map_height and map_width are no multiples of 16, which the "
                                          "compact networks need");
}

}  // namespace

std::shared_ptr<SegmentationNetwork> load_compact_segmentation(const Bundle& bundle, const Json& arch) {
  const auto options =
      CompactSegmentationOptions::from_json(arch, bundle.path(), "segmentation", bundle.info().class_count());
  return std::make_shared<Segmentation>(load(bundle, "segmentation", CompactSegmentation(options)));
}

std::shared_ptr<LatentEncoder> load_compact_encoder(const Bundle& bundle, const Json& arch) {
  const auto options = CompactEncoderOptions::from_json(arch, bundle.path(), "encoder");
  return std::make_shared<Encoder>(load(bundle, "encoder", CompactEncoder(options)));
}

std::shared_ptr<GeneratorNetwork> load_compact_generator(const Bundle& bundle, const Json& arch) {
  const auto options = CompactGeneratorOptions::from_json(arch, bundle.path(), "generator");
  check_map_size(bundle);
  return std::make_shared<Generator>(load(bundle, "generator", CompactGenerator(options)));
}

std::shared_ptr<PerceptualNetwork> load_compact_perceptual(const Bundle& bundle, const Json& arch) {
  const auto options = CompactPerceptualOptions::from_json(arch, bundle.path(), "perceptual");
  return std::make_shared<Perceptual>(load(bundle, "perceptual", CompactStem(options.widths, options.blocks)),
                                      options);
}

std::shared_ptr<DissimilarityNetwork> load_compact_dissimilarity(const Bundle& bundle,
                                                                 const std::string& name, const Json& arch) {
  const auto options =
      CompactDissimilarityOptions::from_json(arch, bundle.path(), name, bundle.info().class_count());
  check_map_size(bundle);
  return std::make_shared<Dissimilarity>(load(bundle, name, CompactDissimilarity(options)));
}

}  // namespace anomaly
