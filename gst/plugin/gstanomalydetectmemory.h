// SPDX-License-Identifier: LGPL-2.1-or-later
// Maps in pooled buffers: the engine writes straight into what the metadata carries.
#pragma once

#include <gst/gst.h>

#include <map>
#include <memory>
#include <mutex>

#include "src/framework/map_memory.h"

namespace anomaly {

// For one stream. A buffer that the application lets go of, by freeing the frame or its metadata, is used for
// a later map; how many there are follows from how many the application holds. Any thread. Buffers may
// outlive it.
class BufferMemory final : public MapMemory, public std::enable_shared_from_this<BufferMemory> {
 public:
  static std::shared_ptr<BufferMemory> create() { return std::shared_ptr<BufferMemory>(new BufferMemory); }
  ~BufferMemory() override;
  BufferMemory(const BufferMemory&) = delete;
  BufferMemory& operator=(const BufferMemory&) = delete;

  std::shared_ptr<void> take(size_t bytes) override;

  // The buffer around a block that take() returned and that is still held, with a reference for the caller;
  // null for any other address. It can be written no more, once the block is let go of.
  GstBuffer* buffer_at(const void* block);

  // Buffers that were allocated so far, rather than used again.
  guint64 allocated() const;

 private:
  struct Block {
    GstBuffer* buffer;
    GstMapInfo map;
  };

  BufferMemory() = default;
  GstBufferPool* pool_of(size_t bytes);
  void* acquired(size_t bytes);
  void let_go(const void* block) noexcept;

  mutable std::mutex mutex_;
  std::map<size_t, GstBufferPool*> pools_;  // by size of their buffers
  std::map<const void*, Block> blocks_;     // taken, mapped
  guint64 allocated_ = 0;
};

}  // namespace anomaly
