// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/load.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace anomaly {
namespace {

constexpr char kModule[] = "libanomaly-cuda.so";

struct Opened {
  const AnomalyCudaKernels* kernels = nullptr;
  std::string problem;
};

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::vector<std::string> places() {
  if (const char* named = std::getenv("GST_ANOMALY_CUDA_MODULE"); named && *named) return {named};
  std::vector<std::string> list;
  Dl_info here;
  if (dladdr(reinterpret_cast<const void*>(&load_cuda_kernels), &here) && here.dli_fname) {
    char* real = realpath(here.dli_fname, nullptr);
    std::string folder = folder_of(real ? real : here.dli_fname);
    std::free(real);
    // Installed, the plugin lies one folder below the libraries.
    for (int up = 0; up < 3 && !folder.empty(); ++up, folder = folder_of(folder)) {
      list.push_back(folder + "/" + kModule);
      list.push_back(folder + "/kernels/cuda/" + kModule);
    }
  }
  list.push_back(kModule);
  return list;
}

Opened open_module() {
  Opened opened;
  for (const std::string& place : places()) {
    if (place.find('/') != std::string::npos && access(place.c_str(), F_OK) != 0) {
      opened.problem = "there is no CUDA module at " + place;
      continue;
    }
    void* module = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!module) {
      opened.problem = std::string("the CUDA module cannot be opened: ") + dlerror();
      continue;
    }
    const auto entry = reinterpret_cast<AnomalyCudaModuleEntry>(dlsym(module, kAnomalyCudaEntry));
    opened.kernels = entry ? entry(kAnomalyCudaAbi) : nullptr;
    if (opened.kernels) return opened;
    opened.problem = "the CUDA module " + place + " is of another version than this program";
    dlclose(module);
  }
  return opened;
}

}  // namespace

const AnomalyCudaKernels* load_cuda_kernels(std::string* problem) {
  static const Opened opened = open_module();
  if (problem) *problem = opened.problem;
  return opened.kernels;
}

}  // namespace anomaly
