// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/cudaprimary.h"

#include <dlfcn.h>
#include <gst/cuda/gstcudaloader.h>
#include <gst/cuda/gstcudamemory.h>
#include <gst/cuda/gstcudautils.h>

#include <map>
#include <mutex>
#include <string>

#include "src/error.h"

namespace anomaly {

namespace {

using Retain = CUresult (*)(CUcontext*, CUdevice);

[[noreturn]] void fail(int device, const std::string& why) {
  throw Error(ErrorKind::Device, "GPU " + std::to_string(device) + " cannot be used: " + why + ".");
}

std::string name_of(CUresult result) {
  const char* name = nullptr;
  if (CuGetErrorName(result, &name) != CUDA_SUCCESS || !name) return std::to_string(result);
  return name;
}

// gstcuda does not wrap this function of the driver.
Retain find_retain() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);  // never closed, as gstcuda's
  return driver ? reinterpret_cast<Retain>(dlsym(driver, "cuDevicePrimaryCtxRetain")) : nullptr;
}

GstCudaContext* make(int device) {
  if (!gst_cuda_load_library()) fail(device, "no NVIDIA driver was found (libcuda.so.1 cannot be loaded)");
  static const Retain retain = find_retain();
  if (!retain) fail(device, "the NVIDIA driver lacks cuDevicePrimaryCtxRetain");
  if (const CUresult result = CuInit(0)) fail(device, "cuInit returned " + name_of(result));
  CUdevice number = 0;
  if (const CUresult result = CuDeviceGet(&number, device))
    fail(device, "the NVIDIA driver does not have it (" + name_of(result) + ")");
  CUcontext handle = nullptr;
  if (const CUresult result = retain(&handle, number))
    fail(device, "its context cannot be had (" + name_of(result) + ")");
  GstCudaContext* context = gst_cuda_context_new_wrapped(handle, number);
  if (!context) fail(device, "GStreamer cannot use its context");
  gst_cuda_memory_init_once();  // without which its pools have no allocator
  GST_OBJECT_FLAG_SET(context, GST_OBJECT_FLAG_MAY_BE_LEAKED);
  return context;
}

}  // namespace

GstCudaContext* primary_cuda_context(int device) {
  static std::mutex mutex;
  static auto* contexts = new std::map<int, GstCudaContext*>;  // outlives whatever runs at the process's end
  const std::lock_guard<std::mutex> lock(mutex);
  if (const auto found = contexts->find(device); found != contexts->end()) return found->second;
  GstCudaContext* context = make(device);
  contexts->emplace(device, context);
  return context;
}

int cuda_device_of(GstCudaContext* context) {
  guint device = 0;
  g_object_get(context, "cuda-device-id", &device, nullptr);
  return static_cast<int>(device);
}

bool is_primary(GstCudaContext* context) {
  return gst_cuda_context_get_handle(context) ==
         gst_cuda_context_get_handle(primary_cuda_context(cuda_device_of(context)));
}

}  // namespace anomaly
