// SPDX-License-Identifier: LGPL-2.1-or-later
// Stands in for NVIDIA's libnvbufsurface.so, over ordinary memory: the surface's own memory, which nobody but
// this library may touch, is where SurfaceParams::buffer_desc points. Mapping gives other memory, which holds
// its contents only after SyncForCpu and brings them back only by SyncForDevice; unified memory
// (CUDA_UNIFIED) is mapped as it is. What the documentation forbids fails.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "gst/plugin/nvbufsurface.h"

using anomaly::nvmm::MemoryType;
using anomaly::nvmm::Surface;
using anomaly::nvmm::SurfaceParams;

#define STANDIN_EXPORT extern "C" __attribute__((visibility("default")))

STANDIN_EXPORT int standin_nvbufsurface_calls(int which);
STANDIN_EXPORT void standin_nvbufsurface_fail(int which);
STANDIN_EXPORT int NvBufSurfaceMap(Surface* surface, int index, int plane, uint32_t flags);
STANDIN_EXPORT int NvBufSurfaceUnMap(Surface* surface, int index, int plane);
STANDIN_EXPORT int NvBufSurfaceSyncForCpu(Surface* surface, int index, int plane);
STANDIN_EXPORT int NvBufSurfaceSyncForDevice(Surface* surface, int index, int plane);

namespace {

enum { kMap, kUnMap, kSyncForCpu, kSyncForDevice, kFunctions };
std::atomic<int> calls[kFunctions];
std::atomic<int> failing{-1};

bool counted(int which) {
  ++calls[which];
  return failing != which;
}

bool unified(const Surface* surface) {
  return surface->mem_type == static_cast<uint32_t>(MemoryType::CudaUnified);
}

bool mappable(const Surface* surface) {
  return unified(surface) || surface->mem_type == static_cast<uint32_t>(MemoryType::SurfaceArray) ||
         surface->mem_type == static_cast<uint32_t>(MemoryType::Handle) ||
         surface->mem_type == static_cast<uint32_t>(MemoryType::Default);
}

SurfaceParams* find(Surface* surface, int index, int plane) {
  if (!surface || index < 0 || static_cast<uint32_t>(index) >= surface->batch_size || plane != -1)
    return nullptr;
  return &surface->surface_list[index];
}

uint8_t* memory_of(const SurfaceParams& params) {
  return reinterpret_cast<uint8_t*>(static_cast<uintptr_t>(params.buffer_desc));
}

int sync(Surface* surface, int index, int plane, bool for_cpu) {
  SurfaceParams* params = find(surface, index, plane);
  if (!params || unified(surface) || !params->mapped_addr.addr[0]) return -1;
  for (uint32_t i = 0; i < params->plane_params.num_planes; ++i) {
    uint8_t* inside = memory_of(*params) + params->plane_params.offset[i];
    void* outside = params->mapped_addr.addr[i];
    std::memcpy(for_cpu ? outside : inside, for_cpu ? inside : outside, params->plane_params.psize[i]);
  }
  return 0;
}

}  // namespace

// How often NvBufSurfaceMap (0), UnMap (1), SyncForCpu (2), SyncForDevice (3) were called.
STANDIN_EXPORT int standin_nvbufsurface_calls(int which) {
  return calls[which];
}

// That function fails from here on; -1 = none does.
STANDIN_EXPORT void standin_nvbufsurface_fail(int which) {
  failing = which;
}

STANDIN_EXPORT int NvBufSurfaceMap(Surface* surface, int index, int plane, uint32_t flags) {
  SurfaceParams* params = find(surface, index, plane);
  if (!counted(kMap) || !params || !mappable(surface) || flags > 2 || params->mapped_addr.addr[0]) return -1;
  for (uint32_t i = 0; i < params->plane_params.num_planes; ++i) {
    if (unified(surface)) {
      params->mapped_addr.addr[i] = static_cast<uint8_t*>(params->data_ptr) + params->plane_params.offset[i];
      continue;
    }
    const size_t bytes = params->plane_params.psize[i];
    params->mapped_addr.addr[i] = std::malloc(bytes);
    std::memset(params->mapped_addr.addr[i], 0xdb, bytes);
  }
  return 0;
}

STANDIN_EXPORT int NvBufSurfaceUnMap(Surface* surface, int index, int plane) {
  SurfaceParams* params = find(surface, index, plane);
  if (!counted(kUnMap) || !params || !params->mapped_addr.addr[0]) return -1;
  for (void*& address : params->mapped_addr.addr) {
    if (!unified(surface)) std::free(address);
    address = nullptr;
  }
  return 0;
}

STANDIN_EXPORT int NvBufSurfaceSyncForCpu(Surface* surface, int index, int plane) {
  return counted(kSyncForCpu) ? sync(surface, index, plane, true) : -1;
}

STANDIN_EXPORT int NvBufSurfaceSyncForDevice(Surface* surface, int index, int plane) {
  return counted(kSyncForDevice) ? sync(surface, index, plane, false) : -1;
}
