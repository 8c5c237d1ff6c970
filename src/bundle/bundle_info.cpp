// SPDX-License-Identifier: LGPL-2.1-or-later
// BundleInfo to and from the `bundle` JSON object.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "src/bundle/bundle.h"
#include "src/bundle/text.h"
#include "src/error.h"

namespace anomaly {
namespace {

constexpr std::string_view kNetworks[] = {"segmentation", "generator",     "encoder",
                                          "perceptual",   "dissimilarity", "baseline"};
constexpr std::string_view kMethodNames[] = {"synboost", "resynthesis", "softmax-entropy", "softmax-distance",
                                             "perceptual-difference"};
constexpr size_t kMaxText = 200;

// Reads one object's members; every error names file and member.
class Reader {
 public:
  Reader(const Json& json, const std::string& file, std::string where)
      : json_(json), file_(file), where_(std::move(where)) {
    if (json.type() != Json::Type::Object) fail("", "is not an object");
  }

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw Error(ErrorKind::BadBundle,
                in_quotes(file_) + ": " + where_ + (key.empty() ? " " : "." + key + " ") + what);
  }

  const Json& member(const std::string& key) const {
    const Json* value = json_.find(key);
    if (!value) fail(key, "is missing");
    return *value;
  }

  double number(const std::string& key, const Json& value, double low, double high) const {
    if (value.type() != Json::Type::Number) fail(key, "is not a number");
    const double x = value.as_double();
    if (!(x >= low && x <= high)) fail(key, "is outside " + text(low) + " to " + text(high));
    return x;
  }

  int integer(const std::string& key, int low, int high) const {
    const Json& value = member(key);
    const double x = number(key, value, low, high);
    if (x != std::trunc(x)) fail(key, "is not a whole number");
    return static_cast<int>(x);
  }

  std::string string(const std::string& key, bool may_be_empty = false, size_t longest = kMaxText) const {
    const Json& value = member(key);
    if (value.type() != Json::Type::String) fail(key, "is not a string");
    const std::string& s = value.as_string();
    if (s.empty() && !may_be_empty) fail(key, "is empty");
    if (s.size() > longest) fail(key, "is longer than " + std::to_string(longest) + " bytes");
    const auto control = [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F;
    };
    if (std::any_of(s.begin(), s.end(), control)) fail(key, "holds control characters");
    return s;
  }

  template <typename T, size_t N>
  std::array<T, N> numbers(const std::string& key, double low, double high) const {
    const Json& value = member(key);
    if (value.type() != Json::Type::Array || value.items().size() != N)
      fail(key, "is not an array of " + std::to_string(N) + " numbers");
    std::array<T, N> out{};
    for (size_t i = 0; i < N; ++i) out[i] = static_cast<T>(number(key, value.items()[i], low, high));
    return out;
  }

 private:
  static std::string text(double x) { return Json(x).dump(); }

  const Json& json_;
  const std::string& file_;
  std::string where_;
};

ClassInfo class_from_json(const Json& json, const std::string& file, size_t index) {
  const Reader in(json, file, "bundle.classes[" + std::to_string(index) + "]");
  ClassInfo info;
  info.name = in.string("name", false, 64);
  const auto color = in.numbers<double, 3>("color", 0, 255);
  for (size_t i = 0; i < 3; ++i) {
    if (color[i] != std::trunc(color[i])) in.fail("color", "is not three whole numbers");
    info.color[i] = static_cast<uint8_t>(color[i]);
  }
  info.label_id = in.integer("label_id", 0, 34);
  return info;
}

void check_architecture(const Reader& in, const Json& architecture) {
  if (architecture.type() != Json::Type::Object) in.fail("architecture", "is not an object");
  for (const auto& [network, description] : architecture.members()) {
    if (std::find(std::begin(kNetworks), std::end(kNetworks), network) == std::end(kNetworks))
      in.fail("architecture", "names the unknown network " + in_quotes(network));
    const Json* type = description.find("type");
    if (!type || type->type() != Json::Type::String)
      in.fail("architecture." + network, "has no \"type\" string");
  }
  if (!architecture.find("segmentation")) in.fail("architecture.segmentation", "is missing");
}

template <typename Numbers>
Json array_of(const Numbers& numbers) {
  std::vector<Json> items;
  items.reserve(numbers.size());
  for (const auto& x : numbers) items.emplace_back(static_cast<double>(x));
  return Json::array(std::move(items));
}

// A float as the shortest decimal that reads back to it: 0.485, not 0.48500001430511475.
Json float_array(const std::array<float, 3>& numbers) {
  std::vector<Json> items;
  for (const float x : numbers) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, x).ptr;
    items.push_back(Json::parse({text, end}));
  }
  return Json::array(std::move(items));
}

}  // namespace

Json BundleInfo::to_json() const {
  std::vector<Json> list;
  for (const ClassInfo& c : classes)
    list.push_back(Json::object({{"name", c.name}, {"color", array_of(c.color)}, {"label_id", c.label_id}}));
  Json json = Json::object({{"name", name},
                            {"classes", Json::array(std::move(list))},
                            {"mean", float_array(mean)},
                            {"deviation", float_array(deviation)},
                            {"segmentation_height", segmentation_height},
                            {"segmentation_width", segmentation_width},
                            {"map_height", map_height},
                            {"map_width", map_width},
                            {"default_method", default_method},
                            {"ensemble", array_of(ensemble)},
                            {"threshold", threshold}});
  if (perceptual_bounds) json.set("perceptual_bounds", array_of(*perceptual_bounds));
  json.set("architecture", architecture);
  json.set("provenance", provenance);
  json.set("license", license);
  return json;
}

BundleInfo BundleInfo::from_json(const Json& json, const std::string& file) {
  const Reader in(json, file, "bundle");
  BundleInfo info;
  info.name = in.string("name");

  const Json& classes = in.member("classes");
  if (classes.type() != Json::Type::Array) in.fail("classes", "is not an array");
  if (classes.items().size() < 2 || classes.items().size() > 64)
    in.fail("classes", "does not hold 2 to 64 classes");
  for (size_t i = 0; i < classes.items().size(); ++i)
    info.classes.push_back(class_from_json(classes.items()[i], file, i));

  info.mean = in.numbers<float, 3>("mean", -100, 100);
  info.deviation = in.numbers<float, 3>("deviation", 1e-4, 1e4);
  info.segmentation_height = in.integer("segmentation_height", 32, 8192);
  info.segmentation_width = in.integer("segmentation_width", 32, 8192);
  info.map_height = in.integer("map_height", 32, 8192);
  info.map_width = in.integer("map_width", 32, 8192);

  info.default_method = in.string("default_method");
  if (std::find(std::begin(kMethodNames), std::end(kMethodNames), info.default_method) ==
      std::end(kMethodNames))
    in.fail("default_method", "is " + in_quotes(info.default_method) + ", which is no method");
  info.ensemble = in.numbers<double, 4>("ensemble", 0, 100);
  if (std::all_of(info.ensemble.begin(), info.ensemble.end(), [](double w) { return w == 0; }))
    in.fail("ensemble", "has no weight other than 0");
  info.threshold = in.number("threshold", in.member("threshold"), 0, 1);

  const Json* bounds = json.find("perceptual_bounds");
  if (bounds && !bounds->is_null()) {
    const auto pair = in.numbers<double, 2>("perceptual_bounds", 0, 1e6);
    if (!(pair[0] < pair[1]))
      in.fail("perceptual_bounds", "has a lower bound that is not below the upper one");
    info.perceptual_bounds = pair;
  }
  info.architecture = in.member("architecture");
  check_architecture(in, info.architecture);
  if (const Json* provenance = json.find("provenance")) info.provenance = *provenance;
  info.license = in.string("license", true, 4000);
  return info;
}

std::vector<ClassInfo> cityscapes_classes() {
  return {{"road", {128, 64, 128}, 7},
          {"sidewalk", {244, 35, 232}, 8},
          {"building", {70, 70, 70}, 11},
          {"wall", {102, 102, 156}, 12},
          {"fence", {190, 153, 153}, 13},
          {"pole", {153, 153, 153}, 17},
          {"traffic light", {250, 170, 30}, 19},
          {"traffic sign", {220, 220, 0}, 20},
          {"vegetation", {107, 142, 35}, 21},
          {"terrain", {152, 251, 152}, 22},
          {"sky", {70, 130, 180}, 23},
          {"person", {220, 20, 60}, 24},
          {"rider", {255, 0, 0}, 25},
          {"car", {0, 0, 142}, 26},
          {"truck", {0, 0, 70}, 27},
          {"bus", {0, 60, 100}, 28},
          {"train", {0, 80, 100}, 31},
          {"motorcycle", {0, 0, 230}, 32},
          {"bicycle", {119, 11, 32}, 33}};
}

}  // namespace anomaly
