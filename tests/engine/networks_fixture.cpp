// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/engine/networks_fixture.h"

#include <unistd.h>

#include <cmath>
#include <functional>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "src/networks/ccfpse_encoder.h"
#include "src/networks/ccfpse_generator.h"
#include "src/networks/deeplabv3plus.h"
#include "src/networks/dissimilarity_network.h"
#include "src/networks/vgg_perceptual.h"

namespace fixture {
namespace {

using anomaly::Json;

bool ends_with(const std::string& text, const char* end) {
  return text.ends_with(end);
}

}  // namespace

void add_tensors(NamedTensors& all, const std::string& network, torch::nn::Module& module) {
  RandomSource source;
  anomaly::load_layers(module, source);
  for (const auto& [key, tensor] : source.taken()) all.emplace_back(network + "." + key, tensor);
}

at::Tensor RandomSource::take(const std::string& key, at::IntArrayRef shape) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(std::hash<std::string>{}(key));
  at::Tensor value = at::rand(shape, generator, at::kFloat);
  const bool vector = shape.size() == 1;
  if (ends_with(key, "weight_u")) {
    // Singular vectors of the weight that came before, as in a trained checkpoint: else sigma means nothing.
    const at::Tensor w = taken_.back().second.flatten(1);
    value.add_(0.5);
    for (int i = 0; i < 10; ++i) value = at::mv(w, at::mv(w.t(), value)), value = value / value.norm();
  } else if (ends_with(key, "weight_v")) {
    value = at::mv(taken_[taken_.size() - 2].second.flatten(1).t(), taken_.back().second);
    value = value / value.norm();
  } else if (ends_with(key, "running_var") || (vector && ends_with(key, "weight"))) {
    value.add_(0.5);
  } else if (vector) {
    value.sub_(0.5).mul_(0.2);
  } else {
    value.sub_(0.5).mul_(2 *
                         std::sqrt(3.0 * static_cast<double>(shape[0]) / static_cast<double>(value.numel())));
  }
  taken_.emplace_back(key, value);
  return value.clone();
}

anomaly::BundleInfo published_info(const PublishedSizes& sizes) {
  anomaly::BundleInfo info;
  info.name = "tiny";
  info.classes = anomaly::cityscapes_classes();
  info.mean = {0.485f, 0.456f, 0.406f};
  info.deviation = {0.229f, 0.224f, 0.225f};
  info.segmentation_height = info.map_height = sizes.map_height;
  info.segmentation_width = info.map_width = sizes.map_width;
  info.license = "none";
  const auto network = [&](const char* type, Json::Members more = {}) {
    Json::Members members = {{"type", type}, {"features", sizes.features}};
    members.insert(members.end(), more.begin(), more.end());
    return Json::object(members);
  };
  info.architecture =
      Json::object({{"segmentation", network("deeplabv3plus-wrn38")},
                    {"generator", network("cc-fpse", {{"latent", sizes.latent}})},
                    {"encoder", network("cc-fpse-encoder", {{"latent", sizes.latent}})},
                    {"perceptual", network("vgg19")},
                    {"dissimilarity", network("dissimilarity-vgg16", {{"uncertainty", true}})},
                    {"baseline", network("dissimilarity-vgg16", {{"uncertainty", false}})}});
  info.provenance = Json::object();
  return info;
}

NamedTensors published_tensors(const PublishedSizes& sizes) {
  using namespace anomaly;
  NamedTensors all;
  DeepLabV3Plus segmentation(DeepLabWidths::scaled(sizes.features, 19));
  add_tensors(all, "segmentation", segmentation);
  CcFpseOptions generator_options;
  generator_options.height = sizes.map_height;
  generator_options.width = sizes.map_width;
  generator_options.latent = sizes.latent;
  generator_options.features = generator_options.pyramid = sizes.features;
  generator_options.hidden = 2 * sizes.features;
  CcFpseGenerator generator(generator_options);
  add_tensors(all, "generator", generator);
  CcFpseEncoderOptions encoder_options;
  encoder_options.latent = sizes.latent;
  encoder_options.features = sizes.features;
  CcFpseEncoder encoder(encoder_options);
  add_tensors(all, "encoder", encoder);
  VggPerceptual perceptual(VggDepth::Vgg19, sizes.features);
  add_tensors(all, "perceptual", perceptual);
  DissimilarityOptions options;
  options.features = sizes.features;
  options.hidden = 2 * sizes.features;
  VggDissimilarity dissimilarity(options);
  add_tensors(all, "dissimilarity", dissimilarity);
  options.uncertainty = false;
  VggDissimilarity baseline(options);
  add_tensors(all, "baseline", baseline);
  return all;
}

anomaly::BundleInfo tiny_info() {
  return published_info({});
}

NamedTensors tiny_tensors() {
  static const NamedTensors all = published_tensors({});
  return all;
}

void write_bundle(const std::string& path, const anomaly::BundleInfo& info, const NamedTensors& tensors) {
  anomaly::write_safetensors(path, tensors, {{"format_version", "1"}, {"bundle", info.to_json().dump()}});
}

BundleFile::BundleFile(const anomaly::BundleInfo& info, const NamedTensors& tensors) {
  char name[] = "/tmp/anomaly-test-XXXXXX.safetensors";
  close(mkstemps(name, 12));
  path_ = name;
  write_bundle(path_, info, tensors);
}

BundleFile::~BundleFile() {
  unlink(path_.c_str());
}

at::Tensor pictures(int64_t count, int64_t height, int64_t width, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor coarse = at::rand({count, 3, 5, 7}, generator, at::kFloat);
  const at::Tensor smooth = at::upsample_bicubic2d(coarse, {height, width}, false);
  const at::Tensor noise = at::rand({count, 3, height, width}, generator, at::kFloat);
  return ((smooth * 0.8 + noise * 0.2) * 255).clamp(0, 255).to(at::kByte).permute({0, 2, 3, 1}).contiguous();
}

double relative_error(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
  return ((x - y).norm() / y.norm()).item<double>();
}

}  // namespace fixture
