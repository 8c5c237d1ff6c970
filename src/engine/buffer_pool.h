// SPDX-License-Identifier: LGPL-2.1-or-later
// Byte buffers that are used again, so that a stream of frames does not allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace anomaly {

// Any thread. Buffers may outlive the pool.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  static std::shared_ptr<BufferPool> create() { return std::shared_ptr<BufferPool>(new BufferPool); }

  // `bytes` of uninitialised memory. Throws std::bad_alloc.
  std::shared_ptr<uint8_t> take(size_t bytes);

 private:
  BufferPool() = default;
  void give_back(std::unique_ptr<uint8_t[]> buffer, size_t bytes) noexcept;

  // Of one size, the latest asked for; others are freed when they come back.
  std::mutex mutex_;
  size_t bytes_ = 0;
  std::vector<std::unique_ptr<uint8_t[]>> idle_;
};

}  // namespace anomaly
