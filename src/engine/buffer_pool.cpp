// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/buffer_pool.h"

namespace anomaly {

namespace {
constexpr size_t kIdleMax = 8;
}  // namespace

std::shared_ptr<uint8_t> BufferPool::take(size_t bytes) {
  std::unique_ptr<uint8_t[]> buffer;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (bytes != bytes_) idle_.clear();
    bytes_ = bytes;
    idle_.reserve(kIdleMax);
    if (!idle_.empty()) {
      buffer = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!buffer) buffer.reset(new uint8_t[bytes]);
  uint8_t* data = buffer.release();
  // Where the control block cannot be had, shared_ptr's constructor runs the deleter.
  return {data, [pool = weak_from_this(), bytes](uint8_t* p) {
            std::unique_ptr<uint8_t[]> owned(p);
            if (const auto alive = pool.lock()) alive->give_back(std::move(owned), bytes);
          }};
}

void BufferPool::give_back(std::unique_ptr<uint8_t[]> buffer, size_t bytes) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (bytes == bytes_ && idle_.size() < kIdleMax)
    idle_.push_back(std::move(buffer));  // reserved: cannot throw
}

}  // namespace anomaly
