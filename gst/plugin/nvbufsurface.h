// SPDX-License-Identifier: LGPL-2.1-or-later
// What a buffer of memory:NVMM maps to, declared here because the vendor's header may not be shipped: the
// layout that 64-bit Linux releases of libnvbufsurface share. Newer ones append fields: read through pointers
// that the library or a producer gave, never allocated or copied by size.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anomaly::nvmm {

enum class MemoryType : uint32_t {
  Default = 0,  // CudaDevice on a discrete GPU, SurfaceArray on Jetson
  CudaPinned = 1,
  CudaDevice = 2,
  CudaUnified = 3,
  SurfaceArray = 4,
  Handle = 5,
  System = 6,
};

enum class Layout : uint32_t { Pitch = 0, BlockLinear = 1 };

enum class MapFlags : uint32_t { Read = 0, Write = 1, ReadWrite = 2 };

inline constexpr int kSurfacePlanes = 4;

struct PlaneParams {
  uint32_t num_planes;
  uint32_t width[kSurfacePlanes];
  uint32_t height[kSurfacePlanes];
  uint32_t pitch[kSurfacePlanes];  // bytes
  uint32_t offset[kSurfacePlanes];
  uint32_t psize[kSurfacePlanes];
  uint32_t bytes_per_pixel[kSurfacePlanes];
  void* reserved[16];
};

struct MappedAddr {
  void* addr[kSurfacePlanes];
  void* egl_image;
  void* reserved[4];
};

struct SurfaceParams {
  uint32_t width, height, pitch;
  uint32_t color_format;
  uint32_t layout;
  uint64_t buffer_desc;  // a dmabuf's descriptor on Jetson
  uint32_t data_size;
  void* data_ptr;
  PlaneParams plane_params;
  MappedAddr mapped_addr;
  void* extended;
  void* reserved[3];
};

struct Surface {
  uint32_t gpu_id;
  uint32_t batch_size;
  uint32_t num_filled;
  bool is_contiguous;
  uint32_t mem_type;
  SurfaceParams* surface_list;  // batch_size of them
  void* reserved[4];
};

#define ANOMALY_AT(type, field, offset) \
  static_assert(offsetof(type, field) == (offset), #type "::" #field " lies elsewhere")
static_assert(sizeof(void*) != 8 || sizeof(Surface) == 64);
static_assert(sizeof(void*) != 8 || sizeof(SurfaceParams) == 384);
static_assert(sizeof(void*) != 8 || sizeof(PlaneParams) == 232);
static_assert(sizeof(void*) != 8 || sizeof(MappedAddr) == 72);
#if UINTPTR_MAX == UINT64_MAX
ANOMALY_AT(Surface, gpu_id, 0);
ANOMALY_AT(Surface, batch_size, 4);
ANOMALY_AT(Surface, num_filled, 8);
ANOMALY_AT(Surface, is_contiguous, 12);
ANOMALY_AT(Surface, mem_type, 16);
ANOMALY_AT(Surface, surface_list, 24);
ANOMALY_AT(Surface, reserved, 32);
ANOMALY_AT(SurfaceParams, width, 0);
ANOMALY_AT(SurfaceParams, height, 4);
ANOMALY_AT(SurfaceParams, pitch, 8);
ANOMALY_AT(SurfaceParams, color_format, 12);
ANOMALY_AT(SurfaceParams, layout, 16);
ANOMALY_AT(SurfaceParams, buffer_desc, 24);
ANOMALY_AT(SurfaceParams, data_size, 32);
ANOMALY_AT(SurfaceParams, data_ptr, 40);
ANOMALY_AT(SurfaceParams, plane_params, 48);
ANOMALY_AT(SurfaceParams, mapped_addr, 280);
ANOMALY_AT(SurfaceParams, extended, 352);
ANOMALY_AT(SurfaceParams, reserved, 360);
ANOMALY_AT(PlaneParams, num_planes, 0);
ANOMALY_AT(PlaneParams, width, 4);
ANOMALY_AT(PlaneParams, height, 20);
ANOMALY_AT(PlaneParams, pitch, 36);
ANOMALY_AT(PlaneParams, offset, 52);
ANOMALY_AT(PlaneParams, psize, 68);
ANOMALY_AT(PlaneParams, bytes_per_pixel, 84);
ANOMALY_AT(PlaneParams, reserved, 104);
ANOMALY_AT(MappedAddr, addr, 0);
ANOMALY_AT(MappedAddr, egl_image, 32);
ANOMALY_AT(MappedAddr, reserved, 40);
#endif
#undef ANOMALY_AT

}  // namespace anomaly::nvmm
