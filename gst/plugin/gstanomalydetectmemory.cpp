// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectmemory.h"

#include <new>

namespace anomaly {

namespace {

// Marks a buffer that has left its pool before.
GQuark known_buffer() {
  static const GQuark quark = g_quark_from_static_string("gst-anomaly-known-buffer");
  return quark;
}

}  // namespace

BufferMemory::~BufferMemory() {
  for (const auto& [bytes, pool] : pools_) {
    gst_buffer_pool_set_active(pool, FALSE);
    gst_object_unref(pool);
  }
}

GstBufferPool* BufferMemory::pool_of(size_t bytes) {
  if (const auto found = pools_.find(bytes); found != pools_.end()) return found->second;
  GstBufferPool* pool = gst_buffer_pool_new();
  GstStructure* config = gst_buffer_pool_get_config(pool);
  gst_buffer_pool_config_set_params(config, nullptr, static_cast<guint>(bytes), 0, 0);
  GstAllocationParams params;
  gst_allocation_params_init(&params);
  params.align = 63;  // a line of the processor's cache
  gst_buffer_pool_config_set_allocator(config, nullptr, &params);
  if (bytes > G_MAXUINT || !gst_buffer_pool_set_config(pool, config) ||
      !gst_buffer_pool_set_active(pool, TRUE)) {
    gst_object_unref(pool);
    throw std::bad_alloc();
  }
  try {
    pools_.emplace(bytes, pool);
  } catch (...) {
    gst_object_unref(pool);
    throw;
  }
  return pool;
}

void* BufferMemory::acquired(size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Block block = {};
  if (gst_buffer_pool_acquire_buffer(pool_of(bytes), &block.buffer, nullptr) != GST_FLOW_OK)
    throw std::bad_alloc();
  GstMiniObject* object = GST_MINI_OBJECT_CAST(block.buffer);
  if (!gst_mini_object_get_qdata(object, known_buffer())) {
    gst_mini_object_set_qdata(object, known_buffer(), GINT_TO_POINTER(1), nullptr);
    ++allocated_;
  }
  if (!gst_buffer_map(block.buffer, &block.map, GST_MAP_READWRITE)) {
    gst_buffer_unref(block.buffer);
    throw std::bad_alloc();
  }
  try {
    blocks_.emplace(block.map.data, block);
  } catch (...) {
    gst_buffer_unmap(block.buffer, &block.map);
    gst_buffer_unref(block.buffer);
    throw;
  }
  return block.map.data;
}

std::shared_ptr<void> BufferMemory::take(size_t bytes) {
  // Where the control block cannot be had, shared_ptr's constructor runs the deleter, which takes the lock.
  return {acquired(bytes), [memory = shared_from_this()](void* block) { memory->let_go(block); }};
}

GstBuffer* BufferMemory::buffer_at(const void* block) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = blocks_.find(block);
  return found == blocks_.end() ? nullptr : gst_buffer_ref(found->second.buffer);
}

guint64 BufferMemory::allocated() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return allocated_;
}

void BufferMemory::let_go(const void* block) noexcept {
  Block gone;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = blocks_.find(block);
    gone = found->second;
    blocks_.erase(found);
  }
  gst_buffer_unmap(gone.buffer, &gone.map);
  gst_buffer_unref(gone.buffer);
}

}  // namespace anomaly
