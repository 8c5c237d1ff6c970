// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/torch_cuda.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "src/error.h"

namespace anomaly {
namespace {

constexpr char kModule[] = "libanomaly-torch-cuda.so";

class RunsAgain final : public DeviceGraph {
 public:
  explicit RunsAgain(std::function<void()> work) : work_(std::move(work)) {}
  void replay() override { work_(); }

 private:
  const std::function<void()> work_;
};

class EmulatedRecorder final : public GraphRecorder {
 public:
  std::unique_ptr<DeviceGraph> record(const Compute&, c10::Stream,
                                      const std::function<void()>& work) override {
    return std::make_unique<RunsAgain>(work);
  }
};

std::vector<std::string> places() {
  std::vector<std::string> list;
  Dl_info here;
  if (dladdr(reinterpret_cast<const void*>(&graph_recorder), &here) && here.dli_fname) {
    const std::string file = here.dli_fname;
    const size_t slash = file.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : file.substr(0, slash + 1);
    list.push_back(folder + kModule);
    list.push_back(folder + "torch_cuda/" + kModule);
  }
  list.emplace_back(kModule);
  return list;
}

}  // namespace

std::shared_ptr<GraphRecorder> graph_recorder(const Compute& compute) {
  const char* wanted = std::getenv("GST_ANOMALY_CUDA_GRAPHS");
  if (wanted && std::string_view(wanted) == "off") return nullptr;
  if (!compute.device.is_cuda()) return std::make_shared<EmulatedRecorder>();
  std::string problem;
  for (const std::string& place : places()) {
    if (place.find('/') != std::string::npos && access(place.c_str(), F_OK) != 0) continue;
    // Never closed: graphs and LibTorch's objects of it may live to the process' end.
    void* module = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!module) {
      problem = dlerror();
      continue;
    }
    const auto entry = reinterpret_cast<TorchCudaEntry>(dlsym(module, kTorchCudaEntry));
    if (GraphRecorder* recorder = entry ? entry(kTorchCudaAbi) : nullptr)
      return std::shared_ptr<GraphRecorder>(recorder);
    problem = place + " is of another version than this library";
  }
  throw Error(ErrorKind::Device,
              "The module that records CUDA graphs cannot be opened: " +
                  (problem.empty() ? "there is no " + std::string(kModule) : problem) +
                  ". Build with LibTorch's GPU libraries and the CUDA toolkit's headers, or set "
                  "GST_ANOMALY_CUDA_GRAPHS=off to compute without graphs, which is slower.");
}

}  // namespace anomaly
