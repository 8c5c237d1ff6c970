// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/device.h"

#include <dlfcn.h>

#include <charconv>
#include <cstdlib>
#include <exception>
#include <mutex>

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "kernels/cuda/load.h"
#include "src/error.h"
#include "src/networks/compute.h"

namespace anomaly {

namespace {

// The folder of the library that `symbol` lies in, with a trailing slash; empty where that is not known.
std::string library_folder(const void* symbol) {
  Dl_info info{};
  if (!dladdr(symbol, &info) || !info.dli_fname) return {};
  const std::string file = info.dli_fname;
  const size_t slash = file.rfind('/');
  return slash == std::string::npos ? std::string() : file.substr(0, slash + 1);
}

// The emulated module's table, where the environment names that module; null elsewhere.
const AnomalyCudaKernels* emulated_kernels() {
  const char* named = std::getenv("GST_ANOMALY_CUDA_MODULE");
  const AnomalyCudaKernels* kernels = named && *named ? load_cuda_kernels() : nullptr;
  return kernels && kernels->emulated ? kernels : nullptr;
}

std::string beyond(int count) {
  return "this machine has " + std::to_string(count) + (count == 1 ? " GPU" : " GPUs") + ", numbered from 0";
}

// GPUs that the driver offers. The driver's two functions are called as cuda.h declares them on every
// platform, so that nothing of CUDA is needed to build this. Returns what is wrong, or an empty string and
// the count.
std::string count_gpus(int& count) {
  // Never closed: the driver does not support being loaded twice in one process.
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!driver) return "no NVIDIA driver was found (libcuda.so.1 cannot be loaded)";
  const auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  const auto devices = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDeviceGetCount"));
  if (!init || !devices) return "libcuda.so.1 is not an NVIDIA driver library";
  if (const int status = init(0))
    return "the NVIDIA driver found no usable GPU (cuInit returned " + std::to_string(status) + ")";
  if (const int status = devices(&count))
    return "the NVIDIA driver could not count its GPUs (cuDeviceGetCount returned " + std::to_string(status) +
           ")";
  return {};
}

// LibTorch's settings are the process'. cuDNN times its algorithms for every new shape and keeps the best.
// Float32 is float32: without this, convolutions would round their inputs to 10 bits (TF32).
void start_libtorch() {
  at::globalContext().lazyInitDevice(at::kCUDA);
  at::globalContext().setBenchmarkCuDNN(true);
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
}

// Loads what computing on a GPU takes. Returns what is missing, or an empty string.
std::string load_cuda() {
  const std::string torch =
      library_folder(reinterpret_cast<const void*>(&at::get_num_threads)) + "libtorch_cuda.so";
  if (!dlopen(torch.c_str(), RTLD_NOW | RTLD_GLOBAL))
    return "LibTorch's CUDA library cannot be loaded (" + std::string(dlerror()) +
           "); install torch with its GPU libraries";
  std::string problem;
  if (!load_cuda_kernels(&problem)) return problem;
  try {
    start_libtorch();
  } catch (const std::exception& e) {
    const std::string what = e.what();
    return "LibTorch cannot use it (" + what.substr(0, what.find('\n')) + ")";
  }
  return {};
}

// What keeps GPU `index` from being used, or an empty string.
std::string gpu_problem(int index) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  int count = 0;
  if (const AnomalyCudaKernels* emulated = emulated_kernels()) {
    emulated->device_count(&count);
    return index < count ? "" : beyond(count);
  }
  if (std::string problem = count_gpus(count); !problem.empty()) return problem;
  return index < count ? load_cuda() : beyond(count);
}

}  // namespace

int cuda_index(const std::string& name) {
  if (name == "cuda") return 0;
  if (name.rfind("cuda:", 0) != 0) return -1;
  int index = -1;
  const char* end = name.data() + name.size();
  const auto [stop, status] = std::from_chars(name.data() + 5, end, index);
  return status == std::errc() && stop == end && index >= 0 ? index : -1;
}

std::string resolve_device(const std::string& wanted) {
  if (wanted == "cpu") return wanted;
  const bool choose = wanted.empty() || wanted == "auto";
  const int index = choose ? 0 : cuda_index(wanted);
  if (index < 0)
    throw Error(ErrorKind::BadSettings,
                "There is no device \"" + wanted + "\": use auto, cpu, cuda, or cuda:N with N from 0.");
  if (choose && emulated_kernels()) return "cpu";
  const std::string problem = gpu_problem(index);
  if (problem.empty()) return "cuda:" + std::to_string(index);
  if (choose) return "cpu";
  throw Error(ErrorKind::Device, "Device " + wanted + " cannot be used: " + problem +
                                     ". Use device auto or cpu to compute without it.");
}

std::string device_name(const std::string& resolved) {
  return resolved != "cpu" && emulated_kernels() ? resolved + " (emulated)" : resolved;
}

Compute compute_on(const std::string& resolved, Precision precision, TrunkPrecision trunk) {
  Compute compute;
  compute.fp8_trunk = trunk == TrunkPrecision::Fp8;
  if (resolved == "cpu") {
    if (precision != Precision::Auto && precision != Precision::Float32)
      throw Error(ErrorKind::BadSettings,
                  std::string("Precision ") + to_string(precision) +
                      " is for GPUs, and the device is the CPU: use precision auto or "
                      "float32, or device cuda.");
    return compute;
  }
  const int index = cuda_index(resolved);
  compute.kernels = load_cuda_kernels();
  if (!emulated_kernels()) compute.device = at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
  int major = 0, minor = 0;
  compute.check(compute.kernels->compute_capability(index, &major, &minor), "asking for the GPU's kind");
  if (compute.fp8_trunk && !emulated_kernels() && (major < 8 || (major == 8 && minor < 9)))
    throw Error(ErrorKind::BadSettings,
                "Trunk precision fp8 needs a GPU of compute capability 8.9 or newer, and " + resolved +
                    " has " + std::to_string(major) + "." + std::to_string(minor) +
                    ": use trunk precision same.");
  switch (precision) {
    case Precision::Auto:
      compute.type = major >= 8 ? at::kBFloat16 : major >= 7 ? at::kHalf : at::kFloat;
      break;
    case Precision::Float32:
      compute.type = at::kFloat;
      break;
    case Precision::Float16:
      compute.type = at::kHalf;
      break;
    case Precision::BFloat16:
      if (major < 8 && !emulated_kernels())
        throw Error(ErrorKind::BadSettings,
                    "Precision bfloat16 needs a GPU of compute capability 8.0 or newer, and " + resolved +
                        " has " + std::to_string(major) + "." + std::to_string(minor) +
                        ": use auto, float16 or float32.");
      compute.type = at::kBFloat16;
      break;
  }
  return compute;
}

}  // namespace anomaly
