// SPDX-License-Identifier: LGPL-2.1-or-later
// make-bundle FILE [NAME SEED]: writes a bundle of very small networks with seeded random weights: what it
// finds means nothing, that every step of the framework runs on it is what the elements' suites need. It has
// no baseline network.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>
#include <vector>

#include <ATen/Context.h>

#include "src/bundle/bundle.h"
#include "src/networks/compact_dissimilarity.h"
#include "src/networks/compact_generator.h"
#include "src/networks/compact_perceptual.h"
#include "src/networks/compact_segmentation.h"

using namespace anomaly;

namespace {

using Tensors = std::vector<std::pair<std::string, at::Tensor>>;

template <typename Network>
void append(Tensors& all, const std::string& name, const Network& network) {
  for (const auto& item : network->named_parameters())
    all.emplace_back(name + "." + item.key(), item.value().detach());
  for (const auto& item : network->named_buffers())
    if (item.value().is_floating_point()) all.emplace_back(name + "." + item.key(), item.value());
}

void write(const char* path, const char* name, uint64_t seed) {
  at::manual_seed(seed);
  BundleInfo info;
  info.name = name;
  info.classes = cityscapes_classes();
  info.mean = {0.485f, 0.456f, 0.406f};
  info.deviation = {0.229f, 0.224f, 0.225f};
  info.segmentation_height = 64;
  info.segmentation_width = 128;
  info.map_height = 32;
  info.map_width = 64;
  info.threshold = 0.625;
  info.license = "none: random numbers";
  info.provenance = Json::object();

  CompactSegmentationOptions segmentation;
  segmentation.widths = {8, 8, 16, 16, 16};
  segmentation.blocks = {1, 1, 1};
  segmentation.decoder = segmentation.head = 16;
  CompactEncoderOptions encoder;
  encoder.widths = {8, 8, 8, 8};
  encoder.latent = 8;
  CompactGeneratorOptions generator;
  generator.widths = {8, 8, 16, 16};
  generator.latent = 8;
  CompactPerceptualOptions perceptual;
  perceptual.widths = {8, 8, 16};
  perceptual.blocks = 1;
  CompactDissimilarityOptions dissimilarity;
  dissimilarity.image = dissimilarity.semantic = dissimilarity.fused = dissimilarity.decoder = {8, 8, 8, 16};
  dissimilarity.spade_hidden = 8;

  info.architecture = Json::object({{"segmentation", segmentation.to_json()},
                                    {"encoder", encoder.to_json()},
                                    {"generator", generator.to_json()},
                                    {"perceptual", perceptual.to_json()},
                                    {"dissimilarity", dissimilarity.to_json()}});
  Tensors tensors;
  append(tensors, "segmentation", CompactSegmentation(segmentation));
  append(tensors, "encoder", CompactEncoder(encoder));
  append(tensors, "generator", CompactGenerator(generator));
  append(tensors, "perceptual", CompactStem(perceptual.widths, perceptual.blocks));
  append(tensors, "dissimilarity", CompactDissimilarity(dissimilarity));
  write_safetensors(path, tensors, {{"format_version", "1"}, {"bundle", info.to_json().dump()}});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) {
    std::fprintf(stderr, "usage: make-bundle FILE [NAME SEED]\n");
    return 2;
  }
  try {
    write(argv[1], argc == 4 ? argv[2] : "test", argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 11);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "make-bundle: %s\n", e.what());
    return 1;
  }
  return 0;
}
