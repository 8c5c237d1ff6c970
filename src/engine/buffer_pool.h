// SPDX-License-Identifier: LGPL-2.1-or-later
// Byte buffers that are used again, so that a stream of frames does not allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "src/framework/map_memory.h"

namespace anomaly {

// Any thread. Buffers may outlive the pool.
class BufferPool final : public MapMemory, public std::enable_shared_from_this<BufferPool> {
 public:
  // Where a buffer comes from; it goes with its last copy. Throws what it likes, std::bad_alloc for one.
  using Allocate = std::function<std::shared_ptr<void>(size_t bytes)>;
  // Buffers on the heap, or those of `allocate`.
  static std::shared_ptr<BufferPool> create(Allocate allocate = {});

  // `bytes` of uninitialised memory. Throws std::bad_alloc, or what Allocate does.
  std::shared_ptr<void> take(size_t bytes) override;

  // How many buffers were allocated so far, rather than used again.
  uint64_t allocated() const;

 private:
  using Buffer = std::shared_ptr<void>;
  struct Size {
    size_t bytes;
    std::vector<Buffer> idle;
  };

  explicit BufferPool(Allocate allocate) : allocate_(std::move(allocate)) {}
  Size& size_of(size_t bytes);
  void give_back(Buffer buffer, size_t bytes) noexcept;

  const Allocate allocate_;
  // Of the few sizes asked for last, the latest at the end; buffers of another are freed when they come back.
  mutable std::mutex mutex_;
  std::vector<Size> sizes_;
  uint64_t allocated_ = 0;
};

}  // namespace anomaly
