// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/bundle_writer.h"

#include <algorithm>
#include <ctime>

#include "src/bundle/bundle.h"
#include "src/error.h"
#include "src/train/checkpoint.h"

namespace anomaly::train {

namespace {

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &utc);
  return text;
}

// Where a network's averaged weights lie: the stage's checkpoint, and the prefix in it.
struct Source {
  std::string network, stage, prefix;
};
const std::vector<Source> kSources = {
    {"segmentation", "segmentation", "average."},   {"perceptual", "segmentation", "average.stem."},
    {"encoder", "synthesis", "average.encoder."},   {"generator", "synthesis", "average.generator."},
    {"dissimilarity", "dissimilarity", "average."}, {"baseline", "baseline", "average."},
};

}  // namespace

void write_bundle(const Session& session, const std::string& path, const std::vector<std::string>& networks,
                  const Calibration& calibration) {
  const Config& config = session.config;
  BundleInfo info;
  info.name = config.name;
  info.classes = cityscapes_classes();
  info.mean = {0.485f, 0.456f, 0.406f};
  info.deviation = {0.229f, 0.224f, 0.225f};
  info.segmentation_height = config.segmentation_size[0];
  info.segmentation_width = config.segmentation_size[1];
  info.map_height = config.map_size[0];
  info.map_width = config.map_size[1];
  info.ensemble = calibration.ensemble;
  info.threshold = calibration.threshold;
  info.perceptual_bounds = calibration.perceptual_bounds;
  info.license = config.license;
  info.architecture = Json::object();
  info.provenance = config.provenance.is_null() ? Json::object() : config.provenance;
  info.provenance.set("date", today());
  info.provenance.set("program", "anomaly-train");
  if (!calibration.measured.is_null()) info.provenance.set("measured", calibration.measured);

  NamedTensors tensors;
  for (const Source& source : kSources) {
    if (std::find(networks.begin(), networks.end(), source.network) == networks.end()) continue;
    const Json* architecture = config.networks.find(source.network);
    if (!architecture)
      throw Error(ErrorKind::BadSettings, "the configuration has no network \"" + source.network + "\"");
    info.architecture.set(source.network, *architecture);
    if (source.stage != "segmentation" && source.network != "generator")  // the encoder's stage is the same
      check_upstream(session, source.stage);
    for (const auto& [key, tensor] :
         read_stage(session.checkpoint(source.stage), source.prefix, !session.partial))
      tensors.emplace_back(source.network + "." + key, tensor.dim() >= 2 ? tensor.to(at::kHalf) : tensor);
  }
  if (session.partial) info.provenance.set("state", "preliminary: its stages may be incomplete");
  write_safetensors(path, tensors, {{"format_version", "1"}, {"bundle", info.to_json().dump()}});
}

}  // namespace anomaly::train
