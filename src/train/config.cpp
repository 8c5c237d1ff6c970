// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/config.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "src/error.h"
#include "src/eval/iou.h"

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

using Names = std::vector<std::string>;

template <typename List>
List joined(List list, const List& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

// A member that nothing reads is a misspelt one, whose default would be trained with for hours.
void check_members(const std::string& place, const Json& json, const Names& known) {
  const auto& members = json.members();
  const auto unknown = std::find_if(members.begin(), members.end(), [&](const auto& member) {
    return std::find(known.begin(), known.end(), member.first) == known.end();
  });
  if (unknown == members.end()) return;
  std::string list;
  for (const std::string& one : known) list.append(list.empty() ? "" : ", ").append(one);
  throw JsonError((place.empty() ? "" : place + ": ") + unknown->first + ": no such member; known are " +
                  list);
}

// What a member of a stage may be.
struct StageSetting {
  enum Kind { Whole, Number, Flag, Word, Sizes };
  std::string name;
  Kind kind;
  double low = 0, high = 0;  // of numbers
  Names words = {};          // of which a Word is one
};
using StageSettings = std::vector<StageSetting>;

constexpr double kMany = 1e9;

// All that the stages read, with the ranges in which they neither crash nor compute nonsense; what depends on
// several members is checked by the stage. First what StageState (stage_loop.h) reads for each.
const StageSettings kOfTraining = {
    {"steps", StageSetting::Whole, 1, kMany},
    {"batch", StageSetting::Whole, 1, 4096},
    {"learning_rate", StageSetting::Number, 0, 10},
    {"weight_decay", StageSetting::Number, 0, 10},
    {"warm_up", StageSetting::Whole, 0, kMany},
    {"average_decay", StageSetting::Number, 0, 1},
    {"checkpoint_every", StageSetting::Whole, 1, kMany},
    {"beta1", StageSetting::Number, 0, 0.9999},
    {"schedule", StageSetting::Word, 0, 0, {"decay", "plateau"}},
    {"patience", StageSetting::Whole, 1, kMany},
};
const StageSettings kOfSegmentation = {
    {"class_balance", StageSetting::Number, 0, 10},
    {"most_weight", StageSetting::Number, 0.5, 1000},
    {"rare_share", StageSetting::Number, 0, 1},
    {"overlap_weight", StageSetting::Number, 0, 100},
    {"mix", StageSetting::Number, 0, 1},
    {"precision", StageSetting::Word, 0, 0, {"float32", "bfloat16"}},
    {"statistics", StageSetting::Whole, 0, 100000},
    {"measure_every", StageSetting::Whole, 1, kMany},
    {"crop_height", StageSetting::Whole, 32, 4096},
    {"crop_width", StageSetting::Whole, 32, 4096},
    {"scale_low", StageSetting::Number, 0.1, 8},
    {"scale_high", StageSetting::Number, 0.1, 8},
    {"aspect", StageSetting::Number, 0, 1},
    {"other_sizes", StageSetting::Sizes},
};
const StageSettings kOfSynthesis = {
    {"coarse_every", StageSetting::Whole, 1, kMany},
    {"feature_weight", StageSetting::Number, 0, 1e6},
    {"divergence", StageSetting::Number, 0, 1e6},
    // Of the discriminator.
    {"adversarial_weight", StageSetting::Number, 0, 1e6},
    {"matching_weight", StageSetting::Number, 0, 1e6},
    {"adversarial_from", StageSetting::Number, 0, 1},
    {"discriminator_width", StageSetting::Whole, 1, 1024},
};
// With those that CompositeOptions (composites.h) reads.
const StageSettings kOfDissimilarity = {
    {"samples", StageSetting::Whole, 1, 1e6},
    {"validation_samples", StageSetting::Whole, 1, 1e6},
    {"hard_negatives", StageSetting::Whole, 0, 100000},
    {"anomaly_weight", StageSetting::Number, 0, 1e6},
    {"paste", StageSetting::Number, 0, 1},
    {"relabel", StageSetting::Number, 0, 1},
    {"shapes", StageSetting::Number, 0, 1},
    {"decoys", StageSetting::Number, 0, 1},
    {"appearance", StageSetting::Number, 0, 1},
    {"most_zoom", StageSetting::Number, 1, 8},
    {"shadow", StageSetting::Number, 0, 1},
    {"most_objects", StageSetting::Whole, 1, 1000},
    {"void_is_anomaly", StageSetting::Flag},
    {"object_height_low", StageSetting::Number, 4, 4096},
    {"object_height_high", StageSetting::Number, 4, 4096},
    {"object_top", StageSetting::Number, 0, 1},
};
const StageSettings kOfEnsemble = {
    {"samples", StageSetting::Whole, 1, 1e6},
    {"criterion", StageSetting::Word, 0, 0, {"fpr95", "average-precision"}},
    {"false_positive_rate", StageSetting::Number, 0, 0.5},
};

void check_setting(const StageSetting& setting, const Json& value) {
  const auto within = [&](double number, const char* kind, const Json& low, const Json& high) {
    if (!(number >= setting.low && number <= setting.high))
      throw JsonError("must be a " + std::string(kind) + " from " + low.dump() + " to " + high.dump() +
                      ", not " + value.dump());
  };
  switch (setting.kind) {
    case StageSetting::Whole:
      within(static_cast<double>(value.as_int()), "whole number", static_cast<int64_t>(setting.low),
             static_cast<int64_t>(setting.high));
      return;
    case StageSetting::Number:
      within(value.as_double(), "number", setting.low, setting.high);
      return;
    case StageSetting::Flag:
      value.as_bool();
      return;
    case StageSetting::Word:
      if (std::find(setting.words.begin(), setting.words.end(), value.as_string()) == setting.words.end())
        throw JsonError("must be " + setting.words.at(0) + " or " + setting.words.at(1) + ", not " +
                        value.dump());
      return;
    case StageSetting::Sizes:
      for (const Json& size : value.items()) read_size(size);
  }
}

void check_stages(const Json& stages) {
  const std::vector<std::pair<std::string, StageSettings>> known = {
      {"segmentation", joined(kOfTraining, kOfSegmentation)},
      {"synthesis", joined(kOfTraining, kOfSynthesis)},
      {"dissimilarity", joined(kOfTraining, kOfDissimilarity)},
      {"baseline", joined(kOfTraining, kOfDissimilarity)},
      {"ensemble", kOfEnsemble},
  };
  Names names;
  for (const auto& stage : known) names.push_back(stage.first);
  check_members("stages", stages, names);
  for (const auto& [stage, settings] : known) {
    const Json* json = stages.find(stage);
    if (!json) continue;
    const std::string place = "stages." + stage;
    names.clear();
    for (const StageSetting& setting : settings) names.push_back(setting.name);
    check_members(place, *json, names);
    for (const StageSetting& setting : settings) {
      const Json* value = json->find(setting.name);
      try {
        if (value) check_setting(setting, *value);
      } catch (const JsonError& problem) {
        throw JsonError(place + ": " + setting.name + ": " + problem.what());
      }
    }
  }
}

double read_share(const Json& json, const std::string& of) {
  const double share = json.as_double();
  if (!(share >= 0 && share < 1))
    throw JsonError("the held_out_share of " + of + " is " + json.dump() +
                    ", and must be at least 0, below 1");
  return share;
}

DatasetConfig::Scenes read_scenes(const std::string& name, const Json& json) {
  check_members("datasets." + name + ".scenes", json,
                {"drives", "frames_per_drive", "first_seed", "height", "width", "anomalies"});
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

// What is read of a folder of frames: groups where there are labels, else every.
Names members_of_folder(const Json& json) {
  if (json.string_or("labels", "").empty()) return {"images", "labels", "every"};
  return {"images", "labels", "groups"};
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
  if (const Json* share = json.find("held_out_share"))
    dataset.held_out_share = read_share(*share, "data set " + name);
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

// Where its IoU is measured, each class must be one label value's: said here, before hours of training.
void check_groups(const DatasetConfig& dataset) {
  try {
    eval::check_label_groups(dataset.groups);
  } catch (const std::invalid_argument& problem) {
    throw JsonError("the groups of data set " + dataset.name + ", whose IoU is measured: " + problem.what());
  }
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
    check_members("", json,
                  {"name", "seed", "segmentation_size", "map_size", "held_out_share", "datasets", "objects",
                   "test", "networks", "stages", "provenance", "license", "base"});
    Config config;
    config.name = json.at("name").as_string();
    config.seed = static_cast<uint64_t>(json.int_or("seed", 0));
    config.segmentation_size = read_size(json.at("segmentation_size"));
    config.map_size = read_size(json.at("map_size"));
    if (const Json* share = json.find("held_out_share"))
      config.held_out_share = read_share(*share, "the configuration");
    for (const auto& [name, dataset] : json.at("datasets").members()) {
      check_members("datasets." + name, dataset,
                    joined(dataset.find("scenes") ? Names{"scenes"} : members_of_folder(dataset),
                           {"weight", "segmentation_weight", "exact_geometry", "held_out_share"}));
      config.datasets.push_back(read_dataset(name, dataset));
      const DatasetConfig& read = config.datasets.back();
      if (read.segmentation_share() > 0 && read.held_out_share.value_or(config.held_out_share) > 0)
        check_groups(read);
    }
    if (const Json* objects = json.find("objects")) {
      check_members("objects", *objects, {"images", "panoptic", "json", "held_out", "held_out_categories"});
      config.objects.images = objects->at("images").as_string();
      config.objects.panoptic = objects->at("panoptic").as_string();
      config.objects.json = objects->at("json").as_string();
      config.objects.held_out = objects->int_or("held_out", config.objects.held_out);
      if (config.objects.held_out < 0) throw JsonError("objects: held_out must be at least 0");
      if (const Json* categories = objects->find("held_out_categories"))
        for (const Json& category : categories->items())
          config.objects.held_out_categories.push_back(category.as_string());
    }
    if (const Json* test = json.find("test")) {
      check_members("test", *test, members_of_folder(*test));
      config.test = read_dataset("test", *test);
      check_groups(config.test);
    }
    config.networks = json.at("networks");
    config.stages = json.at("stages");
    check_stages(config.stages);
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
