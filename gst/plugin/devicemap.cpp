// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/devicemap.h"

#include <exception>
#include <memory>
#include <mutex>
#include <new>

namespace {

constexpr char kMemoryType[] = "GstAnomalyDeviceMap";

struct DeviceMap {
  GstMemory memory;
  anomaly::Plane* plane;
  std::mutex* mutex;   // of what follows
  guint8* downloaded;  // null: not yet
};

// Whoever maps first waits for the download; the others for him.
gpointer map(GstMemory* memory, gsize, GstMapFlags flags) {
  auto* self = reinterpret_cast<DeviceMap*>(memory);
  if (flags & GST_MAP_WRITE) return nullptr;
  const std::lock_guard<std::mutex> lock(*self->mutex);
  if (self->downloaded) return self->downloaded;
  const gsize bytes = self->plane->bytes();
  auto* values = static_cast<guint8*>(g_try_malloc(bytes));
  if (!values) {
    GST_ERROR("no memory for the %" G_GSIZE_FORMAT " bytes of map \"%s\"", bytes, self->plane->name.c_str());
    return nullptr;
  }
  try {
    self->plane->download(values);
  } catch (const std::exception& failure) {
    GST_ERROR("map \"%s\" cannot be read from the GPU: %s", self->plane->name.c_str(), failure.what());
    g_free(values);
    return nullptr;
  }
  return self->downloaded = values;
}

void unmap(GstMemory*) {}

}  // namespace

#define GST_TYPE_ANOMALY_DEVICE_MAPS (gst_anomaly_device_maps_get_type())
G_DECLARE_FINAL_TYPE(GstAnomalyDeviceMaps, gst_anomaly_device_maps, GST, ANOMALY_DEVICE_MAPS, GstAllocator)

// Makes nothing by itself: it knows how the memories of device_map_new() are mapped and freed.
struct _GstAnomalyDeviceMaps {
  GstAllocator parent;
};

G_DEFINE_TYPE(GstAnomalyDeviceMaps, gst_anomaly_device_maps, GST_TYPE_ALLOCATOR)

static void gst_anomaly_device_maps_free([[maybe_unused]] GstAllocator* allocator, GstMemory* memory) {
  auto* self = reinterpret_cast<DeviceMap*>(memory);
  g_free(self->downloaded);
  delete self->mutex;
  delete self->plane;
  g_free(self);
}

static void gst_anomaly_device_maps_class_init(GstAnomalyDeviceMapsClass* klass) {
  GST_ALLOCATOR_CLASS(klass)->free = gst_anomaly_device_maps_free;
}

static void gst_anomaly_device_maps_init(GstAnomalyDeviceMaps* self) {
  GstAllocator* allocator = GST_ALLOCATOR_CAST(self);
  allocator->mem_type = kMemoryType;
  allocator->mem_map = map;
  allocator->mem_unmap = unmap;
  GST_OBJECT_FLAG_SET(self, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

namespace anomaly {

GstBuffer* device_map_new(const Plane& plane) {
  auto copy = std::make_unique<Plane>(plane);
  auto mutex = std::make_unique<std::mutex>();
  auto* memory = g_new0(DeviceMap, 1);
  GstAllocator* allocator = GST_ALLOCATOR(g_object_new(GST_TYPE_ANOMALY_DEVICE_MAPS, nullptr));
  gst_object_ref_sink(allocator);
  gst_memory_init(&memory->memory,
                  static_cast<GstMemoryFlags>(GST_MEMORY_FLAG_READONLY | GST_MEMORY_FLAG_NO_SHARE), allocator,
                  nullptr, plane.bytes(), 0, 0, plane.bytes());
  gst_object_unref(allocator);  // the memory holds it
  memory->plane = copy.release();
  memory->mutex = mutex.release();
  GstBuffer* buffer = gst_buffer_new();
  gst_buffer_append_memory(buffer, &memory->memory);
  return buffer;
}

bool device_map_at(GstBuffer* buffer, const void** values, FrameMemory* memory) {
  GstMemory* only = buffer && gst_buffer_n_memory(buffer) == 1 ? gst_buffer_peek_memory(buffer, 0) : nullptr;
  if (!only || !gst_memory_is_type(only, kMemoryType)) return false;
  const Plane& plane = *reinterpret_cast<DeviceMap*>(only)->plane;
  if (only->offset != 0 || only->size != plane.bytes()) return false;
  *values = plane.data.get();
  *memory = {};
  memory->kind = plane.kind;
  memory->device = plane.device;
  return true;
}

}  // namespace anomaly
