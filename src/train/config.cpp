// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/config.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "src/error.h"

namespace anomaly::train {

std::array<int, 2> read_size(const Json& json) {
  const auto& items = json.items();
  if (items.size() != 2) throw JsonError("a size is not [height, width]");
  std::array<int, 2> size{};
  for (size_t i = 0; i < 2; ++i) {
    const int64_t value = items[i].as_int();
    if (value < 32 || value > 4096 || value % 32 != 0)
      throw JsonError("a size is not a multiple of 32 between 32 and 4096");
    size[i] = static_cast<int>(value);
  }
  return size;
}

namespace {

DatasetConfig::Scenes read_scenes(const std::string& name, const Json& json) {
  DatasetConfig::Scenes scenes;
  scenes.drives = json.at("drives").as_int();
  scenes.frames_per_drive = json.int_or("frames_per_drive", 8);
  scenes.first_seed = json.int_or("first_seed", 0);
  scenes.height = static_cast<int>(json.int_or("height", scenes.height));
  scenes.width = static_cast<int>(json.int_or("width", scenes.width));
  if (const Json* anomalies = json.find("anomalies")) scenes.anomalies = anomalies->as_bool();
  if (scenes.first_seed < 0) throw JsonError("data set " + name + ": first_seed must be at least 0");
  if (scenes.drives < 1 || scenes.drives > 100000 || scenes.frames_per_drive < 1 ||
      scenes.frames_per_drive > 1000 || scenes.height < 32 || scenes.height > 2048 || scenes.width < 32 ||
      scenes.width > 4096)
    throw JsonError("data set " + name +
                    ": scenes need 1 to 100000 drives of 1 to 1000 frames, 32 to 2048 high, 32 to 4096 wide");
  return scenes;
}

DatasetConfig read_dataset(const std::string& name, const Json& json) {
  DatasetConfig dataset;
  dataset.name = name;
  if (const Json* scenes = json.find("scenes"))
    dataset.scenes = read_scenes(name, *scenes);
  else {
    dataset.images = json.at("images").as_string();
    dataset.labels = json.string_or("labels", "");
  }
  dataset.weight = json.number_or("weight", 1);
  if (!(dataset.weight > 0)) throw JsonError("the weight of data set " + name + " is not positive");
  if (const Json* share = json.find("segmentation_weight")) {
    dataset.segmentation_weight = share->as_double();
    if (!(*dataset.segmentation_weight >= 0))
      throw JsonError("the segmentation_weight of data set " + name + " is negative");
  }
  dataset.every = json.int_or("every", 1);
  if (dataset.every < 1) throw JsonError("data set " + name + ": every must be at least 1");
  if (const Json* share = json.find("held_out_share")) {
    dataset.held_out_share = share->as_double();
    if (!(*dataset.held_out_share >= 0 && *dataset.held_out_share < 1))
      throw JsonError("the held_out_share of data set " + name + " is not in [0, 1)");
  }
  if (const Json* exact = json.find("exact_geometry")) dataset.exact_geometry = exact->as_bool();
  if (dataset.scenes.drives > 0) {  // every train id for itself
    for (int id = 0; id < 19; ++id) dataset.groups.push_back({id});
    return dataset;
  }
  if (!dataset.labelled()) return dataset;
  for (const Json& group : json.at("groups").items()) {
    std::vector<int> ids;
    for (const Json& id : group.items()) {
      const int64_t value = id.as_int();
      if (value < 0 || value > 18) throw JsonError("data set " + name + " names a train id outside 0 to 18");
      ids.push_back(static_cast<int>(value));
    }
    dataset.groups.push_back(ids);
  }
  if (dataset.groups.empty() || dataset.groups.size() > 255)
    throw JsonError("data set " + name + " has no groups, or more than 255");
  return dataset;
}

// What `change` says instead of `base`: objects member by member, null takes a member away (RFC 7396).
Json merged(const Json& base, const Json& change) {
  if (base.type() != Json::Type::Object || change.type() != Json::Type::Object) return change;
  Json result = Json::object();
  for (const auto& [name, value] : base.members()) {
    const Json* other = change.find(name);
    if (!other)
      result.set(name, value);
    else if (!other->is_null())
      result.set(name, merged(value, *other));
  }
  for (const auto& [name, value] : change.members())
    if (!base.find(name) && !value.is_null()) result.set(name, value);
  return result;
}

// With what its member "base" names, a file beside it, as the ground that it changes.
Json read_with_base(const std::string& path, int depth = 0) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorKind::NotFound, path + ": no such configuration; name one with --config");
  std::ostringstream text;
  text << file.rdbuf();
  try {
    Json json = Json::parse(text.str());
    const Json* base = json.find("base");
    if (!base) return json;
    if (depth == 8) throw JsonError("\"base\" leads on and on");
    const auto beside = std::filesystem::path(path).parent_path() / base->as_string();
    json.set("base", Json());
    return merged(read_with_base(beside.string(), depth + 1), json);
  } catch (const JsonError& error) {
    throw Error(ErrorKind::BadSettings, path + ": " + error.what());
  }
}

}  // namespace

Config Config::read(const std::string& path) {
  const Json json = read_with_base(path);
  try {
    Config config;
    config.name = json.at("name").as_string();
    config.seed = static_cast<uint64_t>(json.int_or("seed", 0));
    config.segmentation_size = read_size(json.at("segmentation_size"));
    config.map_size = read_size(json.at("map_size"));
    config.held_out_share = json.number_or("held_out_share", config.held_out_share);
    for (const auto& [name, dataset] : json.at("datasets").members())
      config.datasets.push_back(read_dataset(name, dataset));
    if (const Json* objects = json.find("objects")) {
      config.objects.images = objects->at("images").as_string();
      config.objects.panoptic = objects->at("panoptic").as_string();
      config.objects.json = objects->at("json").as_string();
      config.objects.held_out = objects->int_or("held_out", config.objects.held_out);
      if (const Json* categories = objects->find("held_out_categories"))
        for (const Json& category : categories->items())
          config.objects.held_out_categories.push_back(category.as_string());
    }
    if (const Json* test = json.find("test")) config.test = read_dataset("test", *test);
    config.networks = json.at("networks");
    config.stages = json.at("stages");
    if (const Json* provenance = json.find("provenance")) config.provenance = *provenance;
    config.license = json.string_or("license", "");
    return config;
  } catch (const JsonError& error) {
    throw Error(ErrorKind::BadSettings, path + ": " + error.what());
  }
}

const Json& Config::stage(const std::string& stage_name) const {
  const Json* found = stages.find(stage_name);
  if (!found) throw Error(ErrorKind::BadSettings, "the configuration has no stage \"" + stage_name + "\"");
  return *found;
}

}  // namespace anomaly::train
