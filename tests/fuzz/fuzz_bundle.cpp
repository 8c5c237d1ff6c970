// SPDX-License-Identifier: LGPL-2.1-or-later
// Hostile bytes for everything that reads a bundle: Json, SafetensorsFile, BundleInfo, Bundle.
//
// Built as a program, a replay: 20,000 inputs, mutated from valid ones by a fixed generator; the files and
// folders named on the command line (what a fuzzer found); or `--seeds FOLDER`, which writes the valid ones
// to start from.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/bundle/bundle.h"
#include "src/error.h"

using anomaly::Bundle;
using anomaly::BundleInfo;
using anomaly::Error;
using anomaly::Json;
using anomaly::JsonError;
using anomaly::SafetensorsFile;

namespace {

struct Outcome {
  bool json = false, info = false, container = false, bundle = false;
  std::string complaint;  // of the container or bundle, without its numbers and names
};

// An assertion that holds in release builds too.
void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

std::string shape_of(const std::string& message) {
  std::string out;
  bool inside = false;
  for (const char c : message) {
    if (c == '"') inside = !inside;
    if (!inside && (c < '0' || c > '9')) out += c;
  }
  return out;
}

void try_json(std::string_view text, Outcome& outcome) {
  try {
    const Json json = Json::parse(text);
    const std::string once = json.dump();
    require(Json::parse(once).dump() == once, "JSON changed on its way through a dump");
    outcome.json = true;
    const BundleInfo info = BundleInfo::from_json(json, "f");
    require(BundleInfo::from_json(Json::parse(info.to_json().dump()), "f").to_json().dump() ==
                info.to_json().dump(),
            "a description changed on its way through JSON");
    outcome.info = true;
  } catch (const JsonError&) {
  } catch (const Error&) {
  }
}

void try_file(const std::string& path, Outcome& outcome) {
  try {
    const auto file = SafetensorsFile::open(path);
    outcome.container = true;
    for (const auto& [name, info] : file->tensors()) {
      try {
        const at::Tensor tensor = file->tensor(name);
        require(static_cast<uint64_t>(tensor.numel()) * tensor.element_size() == info.end - info.begin,
                "size of a tensor");
        // Every byte can be read: nothing lies outside the mapping.
        volatile unsigned char sink = 0;
        const auto* bytes = static_cast<const unsigned char*>(tensor.const_data_ptr());
        for (uint64_t i = 0; i < info.end - info.begin; ++i) sink = sink ^ bytes[i];
      } catch (const Error&) {
      }
    }
    const auto bundle = Bundle::open(path);
    outcome.bundle = true;
    require(bundle->has("segmentation"), "a bundle without a segmentation network");
  } catch (const Error& e) {
    outcome.complaint = shape_of(e.what());
  }
}

Outcome run(const uint8_t* data, size_t size) {
  Outcome outcome;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_json(text, outcome);

  static const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  require(fd >= 0 && ::ftruncate(fd, 0) == 0, "no memory file");
  require(::pwrite(fd, data, size, 0) == static_cast<ssize_t>(size), "no memory file");
  try_file("/proc/self/fd/" + std::to_string(fd), outcome);
  return outcome;
}

#ifndef ANOMALY_LIBFUZZER

constexpr int kInputs = 20'000;

std::string container(const std::string& header, size_t data) {
  const uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + header + std::string(data, '\1');
}

std::vector<std::string> seeds() {
  BundleInfo info;
  info.name = "seed";
  info.classes = {{"road", {128, 64, 128}, 7}, {"car", {0, 0, 142}, 26}};
  info.mean = {0.485f, 0.456f, 0.406f};
  info.deviation = {0.229f, 0.224f, 0.225f};
  info.perceptual_bounds = {{0, 2.5}};
  info.architecture = Json::parse(R"({"segmentation":{"type":"a","widths":[1,2]},"encoder":{"type":"b"}})");
  info.provenance = Json::parse(R"({"date":"\u20ac\ud83d\ude97"})");
  info.license = "none";
  const std::string text = info.to_json().dump();
  const Json metadata = Json::object({{"format_version", "1"}, {"bundle", text}});
  Json header = Json::object({{"__metadata__", metadata}});
  int64_t at = 0;
  const auto add = [&](const char* name, const char* dtype, std::vector<Json> shape, int64_t bytes) {
    header.set(name, Json::object({{"dtype", dtype},
                                   {"shape", Json::array(std::move(shape))},
                                   {"data_offsets", Json::array({at, at + bytes})}}));
    at += bytes;
  };
  add("segmentation.a", "F32", {2, 3}, 24);
  add("segmentation.b", "F16", {5}, 10);
  add("encoder.c", "BOOL", {1}, 1);
  add("encoder.d", "F64", {}, 8);
  add("encoder.e", "I64", {0, 4}, 0);
  return {container(header.dump(), static_cast<size_t>(at)), text,
          container(R"({"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}})", 4), container("{}", 0),
          R"({"a":[1,-2.5e-3,true,false,null,"\n\u0041"],"b":{"c":{}}})"};
}

class Mutator {
 public:
  std::string operator()(std::string s) {
    for (int n = 1 + below(4); n > 0; --n) once(s);
    // Most mutations change the header's length; a header that fits lets them reach what comes after.
    if (s.size() > 8 && below(2)) {
      const size_t end = s.rfind("}}");
      if (end != std::string::npos && end >= 8) {
        const uint64_t length = end + 2 - 8;
        std::memcpy(s.data(), &length, 8);
      }
    }
    return s;
  }
  size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }

 private:
  void once(std::string& s) {
    static constexpr const char* kTokens[] = {"0",
                                              "-1",
                                              "1e309",
                                              "9223372036854775807",
                                              "18446744073709551616",
                                              "null",
                                              "{}",
                                              "[]",
                                              "\"\\ud800\"",
                                              "4294967296",
                                              "\"\"",
                                              "0.5",
                                              "true",
                                              "\xC0\x80",
                                              "[[[[[[[["};
    const size_t at = below(s.size());
    switch (below(8)) {
      case 0:
        if (!s.empty()) s[at] = static_cast<char>(s[at] ^ (1 << below(8)));
        break;
      case 1:
        if (!s.empty()) s[at] = static_cast<char>(below(256));
        break;
      case 2:
        s.erase(at, 1 + below(16));
        break;
      case 3:
        s.insert(at, s.substr(below(s.size()), below(64)));
        break;
      case 4:
        s.resize(at);
        break;
      case 5:
        s.insert(at, kTokens[below(std::size(kTokens))]);
        break;
      case 6:
        replace_number(s);
        break;
      default:
        if (s.size() >= 8) s[below(8)] = static_cast<char>(below(256));
    }
  }
  void replace_number(std::string& s) {
    const size_t begin = s.find_first_of("0123456789", below(s.size()));
    if (begin == std::string::npos) return;
    const size_t end = std::min(s.find_first_not_of("0123456789", begin), s.size());
    s.replace(begin, end - begin, std::to_string(below(2) ? below(40) : random_()));
  }

  std::mt19937_64 random_{20240607};
};

int replay() {
  const std::vector<std::string> all = seeds();
  Mutator mutate;
  int json = 0, info = 0, containers = 0, bundles = 0;
  std::set<std::string> complaints;
  for (int i = 0; i < kInputs; ++i) {
    const std::string input =
        i < static_cast<int>(all.size()) ? all[i] : mutate(all[mutate.below(all.size())]);
    const Outcome outcome = run(reinterpret_cast<const uint8_t*>(input.data()), input.size());
    json += outcome.json;
    info += outcome.info;
    containers += outcome.container;
    bundles += outcome.bundle;
    if (!outcome.complaint.empty()) complaints.insert(outcome.complaint);
  }
  std::printf(
      "1..1\n# %d inputs: %d JSON, %d descriptions, %d containers, %d bundles accepted; %zu kinds of "
      "complaint\n",
      kInputs, json, info, containers, bundles, complaints.size());
  // The inputs are worth something only as long as they reach behind each check.
  const bool deep = json > 100 && info > 20 && containers > 200 && bundles > 100 && complaints.size() > 40;
  std::printf("%s 1 - replay reaches every layer\n", deep ? "ok" : "not ok");
  return deep ? 0 : 1;
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  return files;
}

#endif

}  // namespace

#ifdef ANOMALY_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run(data, size);
  return 0;
}
#else
int main(int argc, char** argv) {
  if (argc == 1) return replay();
  if (argc == 3 && std::string_view(argv[1]) == "--seeds") {
    int number = 0;
    for (const std::string& seed : seeds()) {
      std::ofstream out(std::string(argv[2]) + "/seed" + std::to_string(number++), std::ios::binary);
      out << seed;
      if (!out.flush()) return 1;
    }
    return 0;
  }
  int files = 0;
  for (int i = 1; i < argc; ++i)
    for (const std::filesystem::path& path : files_in(argv[i])) {
      std::ifstream in(path, std::ios::binary);
      if (!in) return 1;
      const std::string input((std::istreambuf_iterator<char>(in)), {});
      run(reinterpret_cast<const uint8_t*>(input.data()), input.size());
      ++files;
    }
  std::printf("1..1\n%s 1 - %d inputs replayed\n", files > 0 ? "ok" : "not ok", files);
  return files > 0 ? 0 : 1;
}
#endif
