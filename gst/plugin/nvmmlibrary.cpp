// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/nvmmlibrary.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "src/error.h"

namespace anomaly::nvmm {

namespace {

constexpr const char* kPlaces[] = {
    "libnvbufsurface.so",
    "/usr/lib/aarch64-linux-gnu/tegra/libnvbufsurface.so",
    "/usr/lib/aarch64-linux-gnu/nvidia/libnvbufsurface.so",
    "/opt/nvidia/deepstream/deepstream/lib/libnvbufsurface.so",
};

template <typename Function>
bool find(void* handle, const char* name, Function** function) {
  *function = reinterpret_cast<Function*>(dlsym(handle, name));
  return *function != nullptr;
}

struct Loaded {
  Library library;
  std::string problem;  // empty: the library is there
};

bool take(void* handle, Library* out) {
  Library library;
  if (!find(handle, "NvBufSurfaceMap", &library.map) || !find(handle, "NvBufSurfaceUnMap", &library.unmap) ||
      !find(handle, "NvBufSurfaceSyncForCpu", &library.sync_for_cpu) ||
      !find(handle, "NvBufSurfaceSyncForDevice", &library.sync_for_device))
    return false;
  if (!find(handle, "NvBufSurfaceMapEglImage", &library.map_egl_image) ||
      !find(handle, "NvBufSurfaceUnMapEglImage", &library.unmap_egl_image))
    library.map_egl_image = nullptr, library.unmap_egl_image = nullptr;
  *out = library;
  return true;
}

// Never closed: surfaces may be mapped until the process ends.
std::string try_place(const char* place, Library* out) {
  void* handle = dlopen(place, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return dlerror();
  return take(handle, out) ? "" : std::string(place) + " lacks NvBufSurfaceMap or one of its fellows";
}

Loaded load() {
  Loaded loaded;
  if (const char* named = std::getenv("GST_ANOMALY_NVBUFSURFACE"); named && *named) {
    loaded.problem = try_place(named, &loaded.library);
    return loaded;
  }
  for (const char* place : kPlaces) {
    const std::string problem = try_place(place, &loaded.library);
    if (problem.empty()) return {loaded.library, {}};
    loaded.problem += (loaded.problem.empty() ? "" : "; ") + problem;
  }
  return loaded;
}

}  // namespace

const Library& library() {
  static const Loaded loaded = load();
  if (!loaded.problem.empty())
    throw Error(
        ErrorKind::Device,
        "This NVMM surface can be read by the processor only through libnvbufsurface.so, which cannot be "
        "loaded (" +
            loaded.problem +
            "): install NVIDIA's driver packages, or have nvvideoconvert make surfaces in device or "
            "system memory.");
  return loaded.library;
}

bool on_jetson() {
#ifdef __aarch64__
  static const bool jetson = access("/etc/nv_tegra_release", F_OK) == 0;
  return jetson;
#else
  return false;
#endif
}

}  // namespace anomaly::nvmm
