// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/bundle/bundle.h"

#include "src/bundle/text.h"
#include "src/error.h"

namespace anomaly {

std::shared_ptr<const Bundle> Bundle::open(const std::string& path) {
  auto bundle = std::make_shared<Bundle>();
  bundle->file_ = SafetensorsFile::open(path);
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::BadBundle, in_quotes(path) + ": " + what);
  };

  const auto& metadata = bundle->file_->metadata();
  const auto version = metadata.find("format_version");
  const auto description = metadata.find("bundle");
  if (version == metadata.end() || description == metadata.end())
    fail("a safetensors file without \"format_version\" and \"bundle\" in its metadata: not a bundle");
  if (version->second != "1")
    fail("format_version " + in_quotes(version->second) + " is not supported; this program reads 1");
  Json json;
  try {
    json = Json::parse(description->second);
  } catch (const JsonError& e) {
    fail(std::string("its \"bundle\" metadata is broken: ") + e.what());
  }
  bundle->info_ = BundleInfo::from_json(json, path);

  for (const auto& [name, tensor] : bundle->file_->tensors()) {
    const std::string network = name.substr(0, name.find('.'));
    if (network.size() + 1 >= name.size() || !bundle->has(network))
      fail("tensor " + in_quotes(name) + ": belongs to no network of the bundle's architecture");
  }
  return bundle;
}

bool Bundle::has(const std::string& network) const {
  return info_.architecture.find(network) != nullptr;
}

}  // namespace anomaly
