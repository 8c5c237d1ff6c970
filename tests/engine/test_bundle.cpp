// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/bundle/bundle.h"

#include <dlfcn.h>

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>

#include "src/error.h"
#include "tests/check.h"
#include "tests/engine/safetensors_files.h"

using anomaly::Bundle;
using anomaly::BundleInfo;
using anomaly::Error;
using anomaly::ErrorKind;
using anomaly::Json;
using check::TemporaryFolder;

namespace {

BundleInfo example() {
  BundleInfo info;
  info.name = "example";
  info.classes = anomaly::cityscapes_classes();
  info.mean = {0.485f, 0.456f, 0.406f};
  info.deviation = {0.229f, 0.224f, 0.225f};
  info.segmentation_height = 256;
  info.segmentation_width = 512;
  info.threshold = 0.4;
  info.perceptual_bounds = {{0.0, 3.5}};
  info.architecture = Json::parse(R"({"segmentation":{"type":"a"},"generator":{"type":"b","latent":256}})");
  info.provenance = Json::parse(R"({"data":["x"],"date":"2024-01-01"})");
  info.license = "research use";
  return info;
}

// The example's JSON with one member replaced (null Json: removed) is refused, naming file and `part`.
void refuse(const std::string& key, const std::string& value, const std::string& part) {
  Json json = Json::object();
  const Json whole = example().to_json();
  for (const auto& [name, member] : whole.members())
    if (name != key) json.set(name, member);
  if (!value.empty()) json.set(key, Json::parse(value));
  try {
    BundleInfo::from_json(json, "some.file");
  } catch (const Error& e) {
    const std::string what = e.what();
    if (e.kind() != ErrorKind::BadBundle || what.find("\"some.file\": bundle") != 0 ||
        what.find(part) == std::string::npos)
      check::fail(__FILE__, __LINE__, key, " = ", value, ": no \"", part, "\" in: ", what);
    return;
  }
  check::fail(__FILE__, __LINE__, key, " = ", value, " was accepted");
}

std::string save(const std::string& path, const std::map<std::string, std::string>& metadata,
                 const std::string& tensor = "segmentation.w") {
  anomaly::write_safetensors(path, {{tensor, at::ones({2})}}, metadata);
  return path;
}

}  // namespace

TEST(description_survives_a_round_trip) {
  const BundleInfo a = example();
  const BundleInfo b = BundleInfo::from_json(Json::parse(a.to_json().dump()), "f");
  CHECK_EQ(b.to_json().dump(), a.to_json().dump());
  CHECK_EQ(b.name, "example");
  CHECK_EQ(b.classes.size(), 19u);
  CHECK_EQ(b.classes[13].name, "car");
  CHECK_EQ(b.classes[13].label_id, 26);
  CHECK(b.classes[13].color == (std::array<uint8_t, 3>{0, 0, 142}));
  CHECK(b.mean == a.mean);
  CHECK(b.deviation == a.deviation);
  CHECK_EQ(b.segmentation_width, 512);
  CHECK_EQ(b.map_height, 256);
  CHECK(b.ensemble == a.ensemble);
  CHECK(b.perceptual_bounds == a.perceptual_bounds);
  CHECK_EQ(b.architecture.at("generator").at("latent").as_int(), 256);
  CHECK_EQ(b.license, "research use");
  CHECK(a.to_json().dump().find("0.485,0.456,0.406") != std::string::npos);
}

TEST(optional_members) {
  BundleInfo a = example();
  a.perceptual_bounds.reset();
  a.provenance = Json();
  a.license = "";
  Json json = a.to_json();
  json.set("later_addition", 1);
  const BundleInfo b = BundleInfo::from_json(json, "f");
  CHECK(!b.perceptual_bounds);
  CHECK(b.provenance.is_null());
}

TEST(cityscapes_label_ids) {
  const int expected[] = {7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33};
  const auto classes = anomaly::cityscapes_classes();
  CHECK_EQ(classes.size(), std::size(expected));
  for (size_t i = 0; i < classes.size(); ++i) CHECK_EQ(classes[i].label_id, expected[i]);
}

TEST(every_member_is_needed) {
  for (const char* key :
       {"name", "classes", "mean", "deviation", "segmentation_height", "segmentation_width", "map_height",
        "map_width", "default_method", "ensemble", "threshold", "architecture", "license"})
    refuse(key, "", std::string("bundle.") + key + " is missing");
}

TEST(every_member_is_checked) {
  refuse("name", "1", "name is not a string");
  refuse("name", "\"\"", "name is empty");
  refuse("name", "\"a\\u0007\"", "name holds control characters");
  refuse("name", "\"" + std::string(201, 'n') + "\"", "name is longer than 200");
  refuse("classes", "{}", "classes is not an array");
  refuse("classes", "[]", "2 to 64 classes");
  refuse("classes", R"([{"name":"a","color":[1,2,3],"label_id":1}])", "2 to 64 classes");
  for (const char* key : {"segmentation_height", "segmentation_width", "map_height", "map_width"}) {
    refuse(key, "31", "is outside 32 to 8192");
    refuse(key, "8193", "is outside 32 to 8192");
    refuse(key, "-256", "is outside 32 to 8192");
    refuse(key, "1e300", "is outside 32 to 8192");
    refuse(key, "256.5", "is not a whole number");
    refuse(key, "\"256\"", "is not a number");
  }
  refuse("mean", "[0,0]", "mean is not an array of 3 numbers");
  refuse("mean", "[0,0,\"0\"]", "mean is not a number");
  refuse("mean", "[0,0,1e300]", "mean is outside");
  refuse("deviation", "[1,1,0]", "deviation is outside");
  refuse("deviation", "[1,1,-1]", "deviation is outside");
  refuse("deviation", "[1,1,1e-300]", "deviation is outside");
  refuse("default_method", "\"magic\"", "default_method is \"magic\"");
  refuse("ensemble", "[1,0,0]", "ensemble is not an array of 4 numbers");
  refuse("ensemble", "[0,0,0,0]", "ensemble has no weight");
  refuse("ensemble", "[1e9,0,0,0]", "ensemble is outside");
  refuse("threshold", "1.01", "threshold is outside 0 to 1");
  refuse("threshold", "null", "threshold is not a number");
  refuse("perceptual_bounds", "[1,1]", "perceptual_bounds has a lower bound");
  refuse("perceptual_bounds", "[2,1]", "perceptual_bounds has a lower bound");
  refuse("perceptual_bounds", "[-1,1]", "perceptual_bounds is outside");
  refuse("perceptual_bounds", "[1]", "perceptual_bounds is not an array of 2");
  refuse("architecture", "[]", "architecture is not an object");
  refuse("architecture", "{}", "architecture.segmentation is missing");
  refuse("architecture", R"({"segmentation":{}})", "architecture.segmentation has no \"type\"");
  refuse("architecture", R"({"segmentation":{"type":1}})", "architecture.segmentation has no \"type\"");
  refuse("architecture", R"({"segmentation":{"type":"a"},"other":{"type":"a"}})",
         "unknown network \"other\"");
  refuse("license", "null", "license is not a string");
  CHECK_THROWS(BundleInfo::from_json(Json::array(), "f"), Error, "\"f\": bundle is not an object");
}

TEST(every_class_is_checked) {
  const auto classes = [](const std::string& second) {
    return R"([{"name":"a","color":[1,2,3],"label_id":1},)" + second + "]";
  };
  refuse("classes", classes("3"), "bundle.classes[1] is not an object");
  refuse("classes", classes(R"({"color":[1,2,3],"label_id":1})"), "bundle.classes[1].name is missing");
  refuse("classes", classes(R"({"name":"b","color":[1,2,256],"label_id":1})"),
         "bundle.classes[1].color is outside 0 to 255");
  refuse("classes", classes(R"({"name":"b","color":[1,2,0.5],"label_id":1})"),
         "bundle.classes[1].color is not three whole");
  refuse("classes", classes(R"({"name":"b","color":[1,2],"label_id":1})"),
         "bundle.classes[1].color is not an array");
  refuse("classes", classes(R"({"name":"b","color":[1,2,3],"label_id":35})"),
         "bundle.classes[1].label_id is outside 0 to 34");
  refuse("classes", classes(R"({"name":"b","color":[1,2,3],"label_id":-1})"),
         "bundle.classes[1].label_id is outside 0 to 34");
  std::string many = "[";
  for (int i = 0; i < 65; ++i)
    many += std::string(i ? "," : "") + R"({"name":"a","color":[1,2,3],"label_id":1})";
  refuse("classes", many + "]", "2 to 64 classes");
}

TEST(bundles_open) {
  const TemporaryFolder folder;
  const std::string text = example().to_json().dump();
  const auto bundle = Bundle::open(save(folder.file("x"), {{"format_version", "1"}, {"bundle", text}}));
  CHECK_EQ(bundle->path(), folder.file("x"));
  CHECK_EQ(bundle->info().name, "example");
  CHECK(bundle->has("segmentation"));
  CHECK(!bundle->has("baseline"));
  CHECK(at::equal(bundle->file().tensor("segmentation.w"), at::ones({2})));
}

TEST(bundles_are_refused) {
  const TemporaryFolder folder;
  const std::string text = example().to_json().dump();
  const std::string path = folder.file("x");
  const auto open = [&](const std::map<std::string, std::string>& metadata,
                        const std::string& tensor = "segmentation.w") {
    Bundle::open(save(path, metadata, tensor));
  };
  CHECK_THROWS(open({}), Error, path + "\": a safetensors file without");
  CHECK_THROWS(open({{"bundle", text}}), Error, "not a bundle");
  CHECK_THROWS(open({{"format_version", "1"}}), Error, "not a bundle");
  CHECK_THROWS(open({{"format_version", "2"}, {"bundle", text}}), Error,
               "format_version \"2\" is not supported");
  CHECK_THROWS(open({{"format_version", "1"}, {"bundle", "{"}}), Error, "its \"bundle\" metadata is broken");
  CHECK_THROWS(open({{"format_version", "1"}, {"bundle", "[]"}}), Error, "bundle is not an object");
  for (const char* name : {"baseline.w", "other", "segmentation", "segmentation.", ".w"})
    CHECK_THROWS(open({{"format_version", "1"}, {"bundle", text}}, name), Error, "belongs to no network");
}

TEST(the_built_in_bundle_is_looked_for) {
  const TemporaryFolder folder;
  const std::string path = check::write_bytes(folder.file("mine.safetensors"), "x");
  ::setenv("GST_ANOMALY_BUNDLE", path.c_str(), 1);
  CHECK_EQ(anomaly::builtin_bundle_path(), path);
  ::setenv("GST_ANOMALY_BUNDLE", folder.file("none").c_str(), 1);
  CHECK_THROWS(anomaly::builtin_bundle_path(), Error, "GST_ANOMALY_BUNDLE names");
  ::unsetenv("GST_ANOMALY_BUNDLE");
  std::string found;
  try {
    found = anomaly::builtin_bundle_path();
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::NotFound);
    CHECK(std::string(e.what()).find("/models/compact.safetensors") != std::string::npos);
    CHECK(std::string(e.what()).find("share/gst-anomaly/compact.safetensors") != std::string::npos);
  }
  if (!found.empty()) CHECK(Bundle::open(found)->has("segmentation"));
}

// An installed library finds the bundle beside itself, wherever it was installed: this program again, with a
// library path that leads to the same library in another folder.
TEST(the_built_in_bundle_beside_the_library) {
  Dl_info library{};
  CHECK(::dladdr(reinterpret_cast<const void*>(&anomaly::builtin_bundle_path), &library) != 0);
  for (const char* folders : {"lib", "lib/x86_64-linux-gnu"}) {
    const TemporaryFolder prefix;
    const std::string lib = prefix.file(folders), share = prefix.file("share/gst-anomaly");
    std::filesystem::create_directories(lib);
    std::filesystem::create_directories(share);
    check::write_bytes(share + "/compact.safetensors", "x");
    const std::filesystem::path real = std::filesystem::canonical(library.dli_fname);
    std::filesystem::create_symlink(real, std::filesystem::path(lib) / real.filename());
    const std::string command = "GST_ANOMALY_BUNDLE= LD_LIBRARY_PATH='" + lib + "' '" +
                                std::filesystem::canonical("/proc/self/exe").string() + "' --builtin";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    CHECK(pipe != nullptr);
    char line[4096] = "";
    const bool printed = std::fgets(line, sizeof line, pipe) != nullptr;
    CHECK_EQ(::pclose(pipe), 0);
    CHECK(printed);
    CHECK_EQ(std::filesystem::weakly_canonical(line).string(),
             std::filesystem::weakly_canonical(share + "/compact.safetensors").string());
  }
}

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--builtin") {
    std::fputs(anomaly::builtin_bundle_path().c_str(), stdout);
    return 0;
  }
  return check::run(argc, argv);
}
