// SPDX-License-Identifier: LGPL-2.1-or-later
// The cases without a GPU: every thread of every block runs on the CPU (emulated/). Shows that indices and
// arithmetic are right, not that a GPU runs them. The module lies beside this program and is loaded as an
// application loads the real one.
#include <dlfcn.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "kernels/cuda/load.h"
#include "tests/kernels/cuda_device.h"

namespace {

std::string module_path() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  const std::string program(path, length > 0 ? static_cast<size_t>(length) : 0);
  return program.substr(0, program.rfind('/') + 1) + "libanomaly-cuda-emulated.so";
}

}  // namespace

const AnomalyCudaKernels& check::cuda() {
  static const AnomalyCudaKernels* const kernels = [] {
    setenv("GST_ANOMALY_CUDA_MODULE", module_path().c_str(), 1);
    std::string problem;
    const AnomalyCudaKernels* loaded = anomaly::load_cuda_kernels(&problem);
    if (!loaded) check::fail(__FILE__, __LINE__, problem);
    return loaded;
  }();
  return *kernels;
}

TEST(the_stand_in_says_what_it_is) {
  CHECK_EQ(check::cuda().emulated, 1);
  CHECK_EQ(check::cuda().abi, kAnomalyCudaAbi);
  int count = 0;
  CHECK_CUDA(check::cuda().device_count(&count));
  CHECK_EQ(count, 1);
}

TEST(another_version_of_the_table_is_refused) {
  void* module = dlopen(module_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  CHECK(module != nullptr);
  const auto entry = reinterpret_cast<AnomalyCudaModuleEntry>(dlsym(module, kAnomalyCudaEntry));
  CHECK(entry != nullptr);
  CHECK(entry(kAnomalyCudaAbi) != nullptr);
  CHECK(entry(kAnomalyCudaAbi + 1) == nullptr);
  CHECK(entry(0) == nullptr);
  dlclose(module);
}

TEST_MAIN()
