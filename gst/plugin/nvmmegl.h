// SPDX-License-Identifier: LGPL-2.1-or-later
// Surfaces of a Jetson as its GPU sees them: through EGL images, whatever their layout.
#pragma once

#include <memory>

#include "gst/plugin/devicebuffer.h"
#include "gst/plugin/nvbufsurface.h"

namespace anomaly::nvmm {

// Planes in device memory, valid as long as this lives; what was written is in the surface once it is gone.
class EglSurface {
 public:
  virtual ~EglSurface() = default;
  struct Plane {
    void* address = nullptr;
    size_t pitch = 0;  // bytes
  };
  Plane planes[kMaxPlanes];
};

// Whether this build can do it and the library has the functions. Throws as library().
bool can_map_egl();

// Maps surface `index`, which has been checked to be of `format`, for GPU `device`. Rows and bytes of a row
// are those of a width x height picture. A block-linear surface is copied on the GPU. Throws Error(Device).
std::unique_ptr<EglSurface> map_egl(Surface* surface, int index, PixelFormat format, int width, int height,
                                    Access access, int device);

}  // namespace anomaly::nvmm
