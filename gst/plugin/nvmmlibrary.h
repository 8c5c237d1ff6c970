// SPDX-License-Identifier: LGPL-2.1-or-later
// libnvbufsurface.so, which makes NVMM surfaces visible to the processor; loaded when a surface needs it.
#pragma once

#include "gst/plugin/nvbufsurface.h"

namespace anomaly::nvmm {

// index: a surface of the batch. plane: -1 = all. They return 0, or -1.
struct Library {
  int (*map)(Surface*, int index, int plane, uint32_t flags) = nullptr;
  int (*unmap)(Surface*, int index, int plane) = nullptr;
  int (*sync_for_cpu)(Surface*, int index, int plane) = nullptr;
  int (*sync_for_device)(Surface*, int index, int plane) = nullptr;
  // Jetson alone; null where the library lacks them.
  int (*map_egl_image)(Surface*, int index) = nullptr;
  int (*unmap_egl_image)(Surface*, int index) = nullptr;
};

// Tries, once in the process's life: $GST_ANOMALY_NVBUFSURFACE, which must succeed where it is set; what the
// dynamic linker finds; where Jetson and DeepStream keep it. Any thread. Throws Error(Device) that says what
// was tried.
const Library& library();

// Whether the machine is a Jetson, whose processor and GPU share memory.
bool on_jetson();

}  // namespace anomaly::nvmm
