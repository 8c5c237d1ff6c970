// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the built-in bundle lies.
#include <dlfcn.h>
#include <sys/stat.h>

#include <cstdlib>

#include "src/bundle/bundle.h"
#include "src/bundle/text.h"
#include "src/error.h"

namespace anomaly {
namespace {

constexpr const char* kFile = "compact.safetensors";

bool is_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// The folder of the library (or program) that this function was linked into; empty where it is not known.
std::string own_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&builtin_bundle_path), &info) == 0 || !info.dli_fname) return "";
  const std::string file = info.dli_fname;
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, slash);
}

}  // namespace

std::string builtin_bundle_path() {
  if (const char* chosen = std::getenv("GST_ANOMALY_BUNDLE"); chosen && *chosen) {
    if (!is_file(chosen))
      throw Error(ErrorKind::NotFound,
                  "GST_ANOMALY_BUNDLE names " + in_quotes(chosen) + ", which is not a file");
    return chosen;
  }
  std::vector<std::string> places;
  if (const std::string folder = own_folder(); !folder.empty()) {
    places.push_back(folder + "/../share/gst-anomaly/" + kFile);
    places.push_back(folder + "/../../share/gst-anomaly/" + kFile);     // lib64/gst-anomaly
    places.push_back(folder + "/../../../share/gst-anomaly/" + kFile);  // lib/x86_64-linux-gnu/gst-anomaly
  }
  // Before the configured prefix: a build tree must not pick up an installed bundle of another version.
  places.push_back(std::string(ANOMALY_SOURCE_ROOT "/models/") + kFile);
  places.push_back(std::string(ANOMALY_DATA_DIR "/") + kFile);
  std::string tried;
  for (const std::string& place : places) {
    if (is_file(place)) return place;
    tried += (tried.empty() ? "" : ", ") + place;
  }
  throw Error(ErrorKind::NotFound,
              "the built-in bundle was not found; name a bundle or set GST_ANOMALY_BUNDLE (looked for " +
                  tried + ")");
}

}  // namespace anomaly
