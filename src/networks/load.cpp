// SPDX-License-Identifier: LGPL-2.1-or-later
#include <initializer_list>

#include "src/error.h"
#include "src/networks/ccfpse_encoder.h"
#include "src/networks/ccfpse_generator.h"
#include "src/networks/compact.h"
#include "src/networks/compute.h"
#include "src/networks/deeplabv3plus.h"
#include "src/networks/dissimilarity_network.h"
#include "src/networks/fp8_convolution.h"
#include "src/networks/tensor_source.h"
#include "src/networks/vgg_perceptual.h"

namespace anomaly {
namespace {

[[noreturn]] void refuse_architecture(const Bundle& bundle, const std::string& network,
                                      const std::string& what) {
  throw Error(ErrorKind::BadBundle, bundle.path() + ": architecture of \"" + network + "\": " + what);
}

const Json& architecture(const Bundle& bundle, const std::string& network) {
  return TensorSource(bundle, network).architecture();  // names what is missing
}

std::string type_of(const Bundle& bundle, const std::string& network) {
  const Json* type = architecture(bundle, network).find("type");
  if (!type || type->type() != Json::Type::String)
    refuse_architecture(bundle, network, "member \"type\" must be a string");
  return type->as_string();
}

bool is_compact(const std::string& type) {
  return type.starts_with("compact-");
}

void require_type(const Bundle& bundle, const std::string& network, const std::string& type,
                  std::initializer_list<const char*> known) {
  std::string names;
  for (const char* name : known) {
    if (type == name) return;
    names.append(names.empty() ? "\"" : ", \"").append(name).append("\"");
  }
  refuse_architecture(bundle, network,
                      "type \"" + type + "\" is unknown; known are " + names + " and \"compact-...\"");
}

void require_multiple(const Bundle& bundle, const std::string& network, int64_t factor) {
  const BundleInfo& info = bundle.info();
  if (info.map_height % factor != 0 || info.map_width % factor != 0)
    refuse_architecture(bundle, network,
                        "needs a map size in multiples of " + std::to_string(factor) + ", the bundle's is " +
                            std::to_string(info.map_height) + "x" + std::to_string(info.map_width));
}

// Member "features" of an architecture: the width that the others follow, 64 in the published networks.
int64_t features_of(const Bundle& bundle, const std::string& network, const TensorSource& source) {
  const int64_t features = source.integer("features", 64, 4, 256);
  if (features % 4 != 0)
    refuse_architecture(bundle, network,
                        "member \"features\" is " + std::to_string(features) + ", must be a multiple of 4");
  return features;
}

template <typename Network>
std::shared_ptr<Network> filled(TensorSource& source, std::shared_ptr<Network> network) {
  load_layers(*network, source);
  source.finish();
  freeze_layers(*network);
  return network;
}

std::shared_ptr<SegmentationNetwork> segmentation_of(const Bundle& bundle) {
  const std::string name = "segmentation", type = type_of(bundle, name);
  if (is_compact(type)) return load_compact_segmentation(bundle, architecture(bundle, name));
  require_type(bundle, name, type, {"deeplabv3plus-wrn38"});
  TensorSource source(bundle, name);
  return filled(source, std::make_shared<DeepLabV3Plus>(DeepLabWidths::scaled(
                            features_of(bundle, name, source), bundle.info().class_count())));
}

}  // namespace

std::shared_ptr<SegmentationNetwork> load_segmentation(const Bundle& bundle) {
  if (current_compute().fp8_trunk) Fp8Convolution::require_products();
  const auto network = segmentation_of(bundle);
  if (current_compute().fp8_trunk && network->fp8_layers() == 0)
    throw Error(ErrorKind::BadSettings,
                "trunk-precision fp8 would change nothing: no convolution of the segmentation trunk of " +
                    bundle.path() +
                    " has input and output channels in multiples of 16, as 8-bit products need. Use "
                    "trunk-precision same.");
  return network;
}

std::shared_ptr<LatentEncoder> load_encoder(const Bundle& bundle) {
  const std::string name = "encoder", type = type_of(bundle, name);
  if (is_compact(type)) return load_compact_encoder(bundle, architecture(bundle, name));
  require_type(bundle, name, type, {"cc-fpse-encoder"});
  TensorSource source(bundle, name);
  CcFpseEncoderOptions options;
  options.latent = source.integer("latent", options.latent, 1, 4096);
  options.features = features_of(bundle, name, source);
  return filled(source, std::make_shared<CcFpseEncoder>(options));
}

std::shared_ptr<GeneratorNetwork> load_generator(const Bundle& bundle) {
  const std::string name = "generator", type = type_of(bundle, name);
  if (is_compact(type)) return load_compact_generator(bundle, architecture(bundle, name));
  require_type(bundle, name, type, {"cc-fpse"});
  require_multiple(bundle, name, 64);
  TensorSource source(bundle, name);
  CcFpseOptions options;
  options.height = bundle.info().map_height;
  options.width = bundle.info().map_width;
  options.latent = source.integer("latent", options.latent, 1, 4096);
  options.features = options.pyramid = features_of(bundle, name, source);
  options.hidden = 2 * options.features;
  return filled(source, std::make_shared<CcFpseGenerator>(options));
}

std::shared_ptr<PerceptualNetwork> load_perceptual(const Bundle& bundle) {
  const std::string name = "perceptual", type = type_of(bundle, name);
  if (is_compact(type)) return load_compact_perceptual(bundle, architecture(bundle, name));
  require_type(bundle, name, type, {"vgg19", "vgg16"});
  require_multiple(bundle, name, 16);
  TensorSource source(bundle, name);
  const VggDepth depth = type == "vgg16" ? VggDepth::Vgg16 : VggDepth::Vgg19;
  return filled(source, std::make_shared<VggPerceptual>(depth, features_of(bundle, name, source)));
}

std::shared_ptr<DissimilarityNetwork> load_dissimilarity(const Bundle& bundle, const std::string& name) {
  const std::string type = type_of(bundle, name);
  if (is_compact(type)) return load_compact_dissimilarity(bundle, name, architecture(bundle, name));
  require_type(bundle, name, type, {"dissimilarity-vgg16"});
  require_multiple(bundle, name, 8);
  TensorSource source(bundle, name);
  DissimilarityOptions options;
  options.classes = bundle.info().class_count();
  options.features = features_of(bundle, name, source);
  options.hidden = 2 * options.features;
  const Json* uncertainty = source.architecture().find("uncertainty");
  if (uncertainty && uncertainty->type() != Json::Type::Bool)
    refuse_architecture(bundle, name, "member \"uncertainty\" must be true or false");
  options.uncertainty = uncertainty ? uncertainty->as_bool() : name != "baseline";
  return filled(source, std::make_shared<VggDissimilarity>(options));
}

}  // namespace anomaly
