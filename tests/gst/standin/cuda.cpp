// SPDX-License-Identifier: LGPL-2.1-or-later
// Stands in for the NVIDIA driver, libcuda.so.1, as far as GStreamer's CUDA elements go without a kernel: two
// GPUs whose memory is ordinary memory. It is stricter than the driver: addresses of another context are
// refused where the caller says DEVICE, asynchronous copies are done when somebody waits for them and no
// earlier, and with STANDIN_CUDA_PROTECT=1 whoever touches device memory by its address falls over.
#include <cuda.h>
#include <cudaGL.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#pragma GCC visibility push(default)

struct CUctx_st {
  int device = 0;
  bool primary = false;
};

struct CUstream_st {
  CUctx_st* context = nullptr;
};

extern "C" {
int standin_cuda_copies(const char* way);
void standin_cuda_read(void* out, const void* device, size_t bytes);
void standin_cuda_write(void* device, const void* in, size_t bytes);
int standin_cuda_allocations();
void standin_cuda_fail_copies(int on);
}

namespace {

constexpr int kDevices = 2;
constexpr size_t kPitch = 512;

struct Block {
  size_t bytes;
  uint8_t* inside;  // the same memory, where this library reaches it
  CUctx_st* context;
};

struct Work {
  CUctx_st* context;
  CUstream stream;
  CUDA_MEMCPY2D copy;
};

std::mutex mutex;  // of all that follows
bool initialised = false;
bool failing = false;
std::map<uintptr_t, Block> blocks;  // by address
std::vector<Work> pending;
int host_to_device = 0, device_to_host = 0, device_to_device = 0;
CUctx_st primaries[kDevices] = {{0, true}, {1, true}};
thread_local std::vector<CUctx_st*> stack;

using Lock = std::lock_guard<std::mutex>;

CUctx_st* current() {
  return stack.empty() ? nullptr : stack.back();
}

// Where this library reaches `bytes` bytes at a device address; null where they are not in one block.
uint8_t* inside(uintptr_t address, size_t bytes, CUctx_st* context) {
  auto after = blocks.upper_bound(address);
  if (after == blocks.begin()) return nullptr;
  const auto& [start, block] = *--after;
  if (address - start > block.bytes || bytes > block.bytes - (address - start)) return nullptr;
  if (context && context != block.context) return nullptr;
  return block.inside + (address - start);
}

struct Side {
  uint8_t* at = nullptr;
  bool device = false;
};

Side side(CUmemorytype type, CUdeviceptr device, const void* host, size_t pitch, const CUDA_MEMCPY2D& copy,
          CUctx_st* context) {
  const size_t span = (copy.Height - 1) * pitch + copy.WidthInBytes;
  if (type == CU_MEMORYTYPE_HOST) return {static_cast<uint8_t*>(const_cast<void*>(host)), false};
  if (type == CU_MEMORYTYPE_DEVICE) return {inside(device, span, context), true};
  if (type != CU_MEMORYTYPE_UNIFIED) return {};
  if (uint8_t* found = inside(device, span, nullptr)) return {found, true};
  return {reinterpret_cast<uint8_t*>(device), false};
}

CUresult copy_now(const CUDA_MEMCPY2D& copy, CUctx_st* context, bool check_only) {
  if (copy.srcXInBytes || copy.srcY || copy.dstXInBytes || copy.dstY) return CUDA_ERROR_NOT_SUPPORTED;
  if (copy.WidthInBytes == 0 || copy.Height == 0) return CUDA_SUCCESS;
  if (copy.Height > 1 && (copy.srcPitch < copy.WidthInBytes || copy.dstPitch < copy.WidthInBytes))
    return CUDA_ERROR_INVALID_VALUE;
  const Side from = side(copy.srcMemoryType, copy.srcDevice, copy.srcHost, copy.srcPitch, copy, context);
  const Side to = side(copy.dstMemoryType, copy.dstDevice, copy.dstHost, copy.dstPitch, copy, context);
  if (!from.at || !to.at || failing) return CUDA_ERROR_INVALID_VALUE;
  if (check_only) return CUDA_SUCCESS;
  for (size_t row = 0; row < copy.Height; ++row)
    std::memcpy(to.at + row * copy.dstPitch, from.at + row * copy.srcPitch, copy.WidthInBytes);
  ++(from.device ? (to.device ? device_to_device : device_to_host) : host_to_device);
  return CUDA_SUCCESS;
}

// What was queued on `stream` of `context`; the default stream waits for all of its context's.
CUresult finish(CUctx_st* context, CUstream stream) {
  CUresult result = CUDA_SUCCESS;
  std::vector<Work> rest;
  for (const Work& work : pending) {
    if (work.context == context && (!stream || work.stream == stream)) {
      if (const CUresult one = copy_now(work.copy, context, false)) result = one;
    } else {
      rest.push_back(work);
    }
  }
  pending.swap(rest);
  return result;
}

CUresult allocate(CUdeviceptr* address, size_t bytes) {
  if (!current()) return CUDA_ERROR_INVALID_CONTEXT;
  if (!address || bytes == 0 || bytes > (size_t{1} << 32)) return CUDA_ERROR_OUT_OF_MEMORY;
  static const bool protect = std::getenv("STANDIN_CUDA_PROTECT") != nullptr;
  const int file = memfd_create("standin-cuda", 0);
  if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) return CUDA_ERROR_OUT_OF_MEMORY;
  void* outside = mmap(nullptr, bytes, protect ? PROT_NONE : PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  void* own = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (outside == MAP_FAILED || own == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  std::memset(own, 0xcd, bytes);
  blocks[reinterpret_cast<uintptr_t>(outside)] = {bytes, static_cast<uint8_t*>(own), current()};
  *address = reinterpret_cast<CUdeviceptr>(outside);
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

// For tests: copies so far, "HtoD", "DtoH" or "DtoD".
int standin_cuda_copies(const char* way) {
  const Lock lock(mutex);
  if (std::strcmp(way, "HtoD") == 0) return host_to_device;
  return std::strcmp(way, "DtoH") == 0 ? device_to_host : device_to_device;
}

// For tests: device memory, whatever its context. Addresses that are not in it end the process.
void standin_cuda_read(void* out, const void* device, size_t bytes) {
  const Lock lock(mutex);
  const uint8_t* found = inside(reinterpret_cast<uintptr_t>(device), bytes, nullptr);
  if (!found) std::abort();
  std::memcpy(out, found, bytes);
}

void standin_cuda_write(void* device, const void* in, size_t bytes) {
  const Lock lock(mutex);
  uint8_t* found = inside(reinterpret_cast<uintptr_t>(device), bytes, nullptr);
  if (!found) std::abort();
  std::memcpy(found, in, bytes);
}

// For tests: blocks of device memory that are there now.
int standin_cuda_allocations() {
  const Lock lock(mutex);
  return static_cast<int>(blocks.size());
}

void standin_cuda_fail_copies(int on) {
  const Lock lock(mutex);
  failing = on != 0;
}

CUresult CUDAAPI cuInit(unsigned flags) {
  const Lock lock(mutex);
  initialised = flags == 0;
  return initialised ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuDriverGetVersion(int* version) {
  *version = 12000;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGetErrorName(CUresult error, const char** name) {
  *name = error == CUDA_SUCCESS ? "CUDA_SUCCESS" : "CUDA_ERROR_OF_THE_STANDIN";
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGetErrorString(CUresult error, const char** text) {
  return cuGetErrorName(error, text);
}

CUresult CUDAAPI cuDeviceGetCount(int* count) {
  *count = kDevices;
  return initialised ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}

CUresult CUDAAPI cuDeviceGet(CUdevice* device, int ordinal) {
  if (!initialised) return CUDA_ERROR_NOT_INITIALIZED;
  if (ordinal < 0 || ordinal >= kDevices) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetName(char* name, int bytes, CUdevice device) {
  std::snprintf(name, static_cast<size_t>(bytes), "stand-in %d", device);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      *value = 9;
      return CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
      *value = static_cast<int>(kPitch);
      return CUDA_SUCCESS;
    default:
      *value = 0;
      return CUDA_SUCCESS;
  }
}

CUresult CUDAAPI cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  std::memset(uuid, 0, sizeof *uuid);
  uuid->bytes[0] = static_cast<char>(device + 1);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceCanAccessPeer(int* can, CUdevice, CUdevice) {
  *can = 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  if (!initialised) return CUDA_ERROR_NOT_INITIALIZED;
  if (device < 0 || device >= kDevices) return CUDA_ERROR_INVALID_DEVICE;
  *context = &primaries[device];
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxRelease(CUdevice) {
  return CUDA_SUCCESS;
}

#if CUDA_VERSION >= 13000
CUresult CUDAAPI cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice device);
CUresult CUDAAPI cuCtxCreate_v2(CUcontext* context, unsigned, CUdevice device) {
#else
CUresult CUDAAPI cuCtxCreate(CUcontext* context, unsigned, CUdevice device) {
#endif
  if (!initialised) return CUDA_ERROR_NOT_INITIALIZED;
  if (device < 0 || device >= kDevices) return CUDA_ERROR_INVALID_DEVICE;
  *context = new CUctx_st{device, false};
  stack.push_back(*context);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxDestroy(CUcontext context) {
  if (!context || context->primary) return CUDA_ERROR_INVALID_CONTEXT;
  delete context;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxPushCurrent(CUcontext context) {
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  stack.push_back(context);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxPopCurrent(CUcontext* context) {
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (context) *context = stack.back();
  stack.pop_back();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSynchronize(void) {
  const Lock lock(mutex);
  return current() ? finish(current(), nullptr) : CUDA_ERROR_INVALID_CONTEXT;
}

CUresult CUDAAPI cuCtxEnablePeerAccess(CUcontext, unsigned) {
  return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
}

CUresult CUDAAPI cuCtxDisablePeerAccess(CUcontext) {
  return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
}

CUresult CUDAAPI cuMemAlloc(CUdeviceptr* address, size_t bytes) {
  const Lock lock(mutex);
  return allocate(address, bytes);
}

CUresult CUDAAPI cuMemAllocPitch(CUdeviceptr* address, size_t* pitch, size_t width, size_t height, unsigned) {
  const Lock lock(mutex);
  *pitch = (width + kPitch - 1) / kPitch * kPitch;
  return allocate(address, *pitch * height);
}

CUresult CUDAAPI cuMemFree(CUdeviceptr address) {
  const Lock lock(mutex);
  const auto found = blocks.find(static_cast<uintptr_t>(address));
  if (found == blocks.end()) return CUDA_ERROR_INVALID_VALUE;
  for (int device = 0; device < kDevices; ++device) finish(&primaries[device], nullptr);
  if (current()) finish(current(), nullptr);
  munmap(reinterpret_cast<void*>(found->first), found->second.bytes);
  munmap(found->second.inside, found->second.bytes);
  blocks.erase(found);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemAllocHost(void** address, size_t bytes) {
  *address = std::malloc(bytes);
  return *address ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult CUDAAPI cuMemFreeHost(void* address) {
  std::free(address);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemcpy2D(const CUDA_MEMCPY2D* copy) {
  const Lock lock(mutex);
  if (!current()) return CUDA_ERROR_INVALID_CONTEXT;
  finish(current(), nullptr);
  return copy_now(*copy, current(), false);
}

CUresult CUDAAPI cuMemcpy2DAsync(const CUDA_MEMCPY2D* copy, CUstream stream) {
  const Lock lock(mutex);
  if (!current() || (stream && stream->context != current())) return CUDA_ERROR_INVALID_CONTEXT;
  if (const CUresult result = copy_now(*copy, current(), true)) return result;
  pending.push_back({current(), stream, *copy});
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamCreate(CUstream* stream, unsigned) {
  if (!current()) return CUDA_ERROR_INVALID_CONTEXT;
  *stream = new CUstream_st{current()};
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamDestroy(CUstream stream) {
  const Lock lock(mutex);
  if (!stream) return CUDA_ERROR_INVALID_VALUE;
  finish(stream->context, stream);
  delete stream;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamSynchronize(CUstream stream) {
  const Lock lock(mutex);
  if (!current()) return CUDA_ERROR_INVALID_CONTEXT;
  return finish(stream ? stream->context : current(), stream);
}

// Events: all that is done at once is done when they are recorded.
CUresult CUDAAPI cuEventCreate(CUevent* event, unsigned) {
  *event = reinterpret_cast<CUevent>(std::malloc(1));
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuEventDestroy(CUevent event) {
  std::free(event);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuEventRecord(CUevent, CUstream stream) {
  const Lock lock(mutex);
  if (!current()) return CUDA_ERROR_INVALID_CONTEXT;
  return finish(stream ? stream->context : current(), stream);
}
CUresult CUDAAPI cuEventSynchronize(CUevent) {
  return CUDA_SUCCESS;
}

// What needs more than copying.
#define UNSUPPORTED(name, ...)         \
  CUresult CUDAAPI name(__VA_ARGS__) { \
    return CUDA_ERROR_NOT_SUPPORTED;   \
  }
UNSUPPORTED(cuGraphicsMapResources, unsigned, CUgraphicsResource*, CUstream)
UNSUPPORTED(cuGraphicsUnmapResources, unsigned, CUgraphicsResource*, CUstream)
UNSUPPORTED(cuGraphicsResourceSetMapFlags, CUgraphicsResource, unsigned)
UNSUPPORTED(cuGraphicsSubResourceGetMappedArray, CUarray*, CUgraphicsResource, unsigned, unsigned)
UNSUPPORTED(cuGraphicsResourceGetMappedPointer, CUdeviceptr*, size_t*, CUgraphicsResource)
UNSUPPORTED(cuGraphicsUnregisterResource, CUgraphicsResource)
UNSUPPORTED(cuGraphicsGLRegisterImage, CUgraphicsResource*, GLuint, GLenum, unsigned)
UNSUPPORTED(cuGraphicsGLRegisterBuffer, CUgraphicsResource*, GLuint, unsigned)
UNSUPPORTED(cuGLGetDevices, unsigned*, CUdevice*, unsigned, CUGLDeviceList)
UNSUPPORTED(cuModuleLoadData, CUmodule*, const void*)
UNSUPPORTED(cuModuleUnload, CUmodule)
UNSUPPORTED(cuModuleGetFunction, CUfunction*, CUmodule, const char*)
UNSUPPORTED(cuTexObjectCreate, CUtexObject*, const CUDA_RESOURCE_DESC*, const CUDA_TEXTURE_DESC*,
            const CUDA_RESOURCE_VIEW_DESC*)
UNSUPPORTED(cuTexObjectDestroy, CUtexObject)
UNSUPPORTED(cuLaunchKernel, CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
            CUstream, void**, void**)
UNSUPPORTED(cuCtxGetLimit, size_t*, CUlimit)
UNSUPPORTED(cuCtxSetLimit, CUlimit, size_t)
UNSUPPORTED(cuMemcpyDtoD, CUdeviceptr, CUdeviceptr, size_t)
UNSUPPORTED(cuMemcpyDtoDAsync, CUdeviceptr, CUdeviceptr, size_t, CUstream)
UNSUPPORTED(cuMemcpyDtoH, void*, CUdeviceptr, size_t)
UNSUPPORTED(cuMemcpyDtoHAsync, void*, CUdeviceptr, size_t, CUstream)
UNSUPPORTED(cuMemcpyHtoD, CUdeviceptr, const void*, size_t)
UNSUPPORTED(cuMemcpyHtoDAsync, CUdeviceptr, const void*, size_t, CUstream)
UNSUPPORTED(cuMemsetD2D8, CUdeviceptr, size_t, unsigned char, size_t, size_t)
UNSUPPORTED(cuMemsetD2D8Async, CUdeviceptr, size_t, unsigned char, size_t, size_t, CUstream)
UNSUPPORTED(cuMemsetD2D16, CUdeviceptr, size_t, unsigned short, size_t, size_t)
UNSUPPORTED(cuMemsetD2D16Async, CUdeviceptr, size_t, unsigned short, size_t, size_t, CUstream)
UNSUPPORTED(cuMemsetD2D32, CUdeviceptr, size_t, unsigned, size_t, size_t)
UNSUPPORTED(cuMemsetD2D32Async, CUdeviceptr, size_t, unsigned, size_t, size_t, CUstream)
UNSUPPORTED(cuIpcGetEventHandle, CUipcEventHandle*, CUevent)
UNSUPPORTED(cuIpcOpenEventHandle, CUevent*, CUipcEventHandle)
UNSUPPORTED(cuIpcGetMemHandle, CUipcMemHandle*, CUdeviceptr)
UNSUPPORTED(cuIpcOpenMemHandle, CUdeviceptr*, CUipcMemHandle, unsigned)
UNSUPPORTED(cuIpcCloseMemHandle, CUdeviceptr)

// GStreamer looks for these names, cuda.h has others for them.
#undef cuStreamDestroy
#undef cuEventDestroy
#undef cuDeviceGetUuid
#undef cuGLGetDevices
#undef cuIpcOpenMemHandle
CUresult CUDAAPI cuStreamDestroy(CUstream stream) {
  return cuStreamDestroy_v2(stream);
}
CUresult CUDAAPI cuEventDestroy(CUevent event) {
  return cuEventDestroy_v2(event);
}
CUresult CUDAAPI cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  return cuDeviceGetUuid_v2(uuid, device);
}
UNSUPPORTED(cuGLGetDevices, unsigned*, CUdevice*, unsigned, CUGLDeviceList)
UNSUPPORTED(cuIpcOpenMemHandle, CUdeviceptr*, CUipcMemHandle, unsigned)

}  // extern "C"
