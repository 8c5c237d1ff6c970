// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/buffer_pool.h"

#include <algorithm>

namespace anomaly {

namespace {
// A frame's pixels, maps, mask and figures are of some sizes; a stream may change them, and two streams may
// differ.
constexpr size_t kSizesMost = 16;
constexpr size_t kIdleMost = 64;  // of one size
}  // namespace

std::shared_ptr<BufferPool> BufferPool::create(Allocate allocate) {
  if (!allocate)
    allocate = [](size_t bytes) {
      return std::shared_ptr<void>(new uint8_t[bytes], [](uint8_t* p) { delete[] p; });
    };
  return std::shared_ptr<BufferPool>(new BufferPool(std::move(allocate)));
}

BufferPool::Size& BufferPool::size_of(size_t bytes) {
  const auto found =
      std::find_if(sizes_.begin(), sizes_.end(), [bytes](const Size& size) { return size.bytes == bytes; });
  if (found != sizes_.end()) {
    std::rotate(found, found + 1, sizes_.end());
    return sizes_.back();
  }
  Size size{bytes, {}};
  size.idle.reserve(kIdleMost);  // so that giving back cannot throw
  if (sizes_.size() >= kSizesMost) sizes_.erase(sizes_.begin());
  sizes_.push_back(std::move(size));
  return sizes_.back();
}

std::shared_ptr<void> BufferPool::take(size_t bytes) {
  Buffer buffer;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Buffer>& idle = size_of(bytes).idle;
    if (idle.empty()) {
      ++allocated_;
    } else {
      buffer = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (!buffer) buffer = allocate_(bytes);
  void* data = buffer.get();
  // Where the control block cannot be had, shared_ptr's constructor runs the deleter.
  return {data, [pool = weak_from_this(), buffer = std::move(buffer), bytes](void*) mutable {
            Buffer own = std::move(buffer);
            if (const auto alive = pool.lock()) alive->give_back(std::move(own), bytes);
          }};
}

uint64_t BufferPool::allocated() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return allocated_;
}

void BufferPool::give_back(Buffer buffer, size_t bytes) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Size& size : sizes_)
    if (size.bytes == bytes && size.idle.size() < kIdleMost) {
      size.idle.push_back(std::move(buffer));
      return;
    }
}

}  // namespace anomaly
