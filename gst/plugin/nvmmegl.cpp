// SPDX-License-Identifier: LGPL-2.1-or-later
// Not tested on a Jetson: written after the documentation of NvBufSurface and of CUDA's EGL interoperability.
#include "gst/plugin/nvmmegl.h"

#include <string>

#include "gst/plugin/nvmmlibrary.h"
#include "src/error.h"

#if defined HAVE_CUDA_MEMORY && defined HAVE_CUDA_EGL
#include <cuda.h>
#include <cudaEGL.h>
#include <dlfcn.h>
#include <gst/cuda/gstcudaloader.h>
#include <gst/cuda/gstcudautils.h>

#include "gst/plugin/cudaprimary.h"
#include "kernels/pixel_format.h"
#endif

namespace anomaly::nvmm {

#if defined HAVE_CUDA_MEMORY && defined HAVE_CUDA_EGL

namespace {

struct EglDriver {
  decltype(&::cuGraphicsEGLRegisterImage) register_image = nullptr;
  decltype(&::cuGraphicsResourceGetMappedEglFrame) mapped_frame = nullptr;
  decltype(&::cuGraphicsUnregisterResource) unregister = nullptr;
};

const EglDriver* egl_driver() {
  static const EglDriver driver = [] {
    EglDriver found;
    if (void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
      found.register_image =
          reinterpret_cast<decltype(found.register_image)>(dlsym(library, "cuGraphicsEGLRegisterImage"));
      found.mapped_frame = reinterpret_cast<decltype(found.mapped_frame)>(
          dlsym(library, "cuGraphicsResourceGetMappedEglFrame"));
      found.unregister =
          reinterpret_cast<decltype(found.unregister)>(dlsym(library, "cuGraphicsUnregisterResource"));
    }
    return found;
  }();
  return driver.register_image && driver.mapped_frame && driver.unregister ? &driver : nullptr;
}

[[noreturn]] void fail(int index, const std::string& what) {
  throw Error(ErrorKind::Device, "Surface " + std::to_string(index) +
                                     " of an NVMM buffer cannot be seen by the GPU: " + what + ".");
}

class Mapped final : public EglSurface {
 public:
  Mapped(Surface* surface, int index, PixelFormat format, int width, int height, Access access, int device)
      : surface_(surface),
        index_(index),
        format_(pixel_format_info(format)),
        width_(width),
        height_(height),
        access_(access),
        context_(primary_cuda_context(device)) {
    try {
      open();
    } catch (...) {
      close();
      throw;
    }
  }
  ~Mapped() override {
    if (copied_ && access_ == Access::ReadWrite && gst_cuda_context_push(context_)) {
      for (int i = 0; i < format_.planes; ++i) copy(i, false);
      gst_cuda_result(CuStreamSynchronize(nullptr));
      gst_cuda_context_pop(nullptr);
    }
    close();
  }

 private:
  void open() {
    const EglDriver& driver = *egl_driver();
    if (library().map_egl_image(surface_, index_) != 0) fail(index_, "NvBufSurfaceMapEglImage failed");
    image_ = true;
    void* image = surface_->surface_list[index_].mapped_addr.egl_image;
    if (!image) fail(index_, "NvBufSurfaceMapEglImage gave no image");
    if (!gst_cuda_context_push(context_)) fail(index_, "its context cannot be used");
    const std::string problem = take_frame(driver, image);
    gst_cuda_context_pop(nullptr);
    if (!problem.empty()) fail(index_, problem);
  }

  std::string take_frame(const EglDriver& driver, void* image) {
    if (driver.register_image(&resource_, image, CU_GRAPHICS_REGISTER_FLAGS_NONE) != CUDA_SUCCESS) {
      resource_ = nullptr;
      return "cuGraphicsEGLRegisterImage failed";
    }
    if (driver.mapped_frame(&frame_, resource_, 0, 0) != CUDA_SUCCESS)
      return "cuGraphicsResourceGetMappedEglFrame failed";
    if (static_cast<int>(frame_.planeCount) != format_.planes)
      return "its EGL image has " + std::to_string(frame_.planeCount) + " planes, not " +
             std::to_string(format_.planes);
    if (frame_.width < static_cast<unsigned>(width_) || frame_.height < static_cast<unsigned>(height_))
      return "its EGL image is smaller than its caps say";
    if (frame_.frameType == CU_EGL_FRAME_TYPE_PITCH) {
      for (int i = 0; i < format_.planes; ++i) {
        // Chroma's rows are as far apart as luma's, unless the format has three planes.
        planes[i].address = frame_.frame.pPitch[i];
        planes[i].pitch =
            format_.planes == 3 && i > 0 ? frame_.pitch >> format_.component[i].h_sub : frame_.pitch;
        if (!planes[i].address || planes[i].pitch < bytes(i))
          return "its EGL image is laid out as none can be";
      }
      return {};
    }
    copied_ = true;
    for (int i = 0; i < format_.planes; ++i)
      if (!allocate(i) || !copy(i, true)) return "its block-linear planes cannot be copied";
    return CuStreamSynchronize(nullptr) == CUDA_SUCCESS ? "" : "its block-linear planes cannot be copied";
  }

  bool allocate(int plane) {
    CUdeviceptr address = 0;
    size_t pitch = 0;
    if (CuMemAllocPitch(&address, &pitch, bytes(plane), rows(plane), 16) != CUDA_SUCCESS) return false;
    planes[plane].address = reinterpret_cast<void*>(address);
    planes[plane].pitch = pitch;
    return true;
  }

  // Between the surface's array and the linear copy.
  bool copy(int plane, bool from_surface) {
    CUDA_MEMCPY2D way = {};
    way.srcMemoryType = from_surface ? CU_MEMORYTYPE_ARRAY : CU_MEMORYTYPE_DEVICE;
    way.dstMemoryType = from_surface ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_ARRAY;
    const auto linear = reinterpret_cast<CUdeviceptr>(planes[plane].address);
    if (from_surface) {
      way.srcArray = frame_.frame.pArray[plane];
      way.dstDevice = linear;
      way.dstPitch = planes[plane].pitch;
    } else {
      way.srcDevice = linear;
      way.srcPitch = planes[plane].pitch;
      way.dstArray = frame_.frame.pArray[plane];
    }
    way.WidthInBytes = bytes(plane);
    way.Height = rows(plane);
    return CuMemcpy2DAsync(&way, nullptr) == CUDA_SUCCESS;
  }

  size_t bytes(int plane) const { return static_cast<size_t>(plane_row_bytes(format_, plane, width_)); }
  size_t rows(int plane) const { return static_cast<size_t>(plane_rows(format_, plane, height_)); }

  void close() noexcept {
    if (gst_cuda_context_push(context_)) {
      if (copied_)
        for (int i = 0; i < format_.planes; ++i)
          if (planes[i].address) CuMemFree(reinterpret_cast<CUdeviceptr>(planes[i].address));
      if (resource_) egl_driver()->unregister(resource_);
      gst_cuda_context_pop(nullptr);
    }
    if (image_) library().unmap_egl_image(surface_, index_);
  }

  Surface* const surface_;
  const int index_;
  const PixelFormatInfo& format_;
  const int width_, height_;
  const Access access_;
  GstCudaContext* const context_;
  bool image_ = false, copied_ = false;
  CUgraphicsResource resource_ = nullptr;
  CUeglFrame frame_ = {};
};

}  // namespace

bool can_map_egl() {
  return library().map_egl_image && gst_cuda_load_library() && egl_driver();
}

std::unique_ptr<EglSurface> map_egl(Surface* surface, int index, PixelFormat format, int width, int height,
                                    Access access, int device) {
  return std::make_unique<Mapped>(surface, index, format, width, height, access, device);
}

#else

bool can_map_egl() {
  return false;
}

std::unique_ptr<EglSurface> map_egl(Surface*, int index, PixelFormat, int, int, Access, int) {
  throw Error(ErrorKind::Device,
              "Surface " + std::to_string(index) +
                  " of an NVMM buffer cannot be seen by the GPU: this build has no CUDA memory.");
}

#endif

}  // namespace anomaly::nvmm
