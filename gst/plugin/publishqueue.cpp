// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/publishqueue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace anomaly {

PublishQueue::PublishQueue(size_t capacity, Policy policy)
    : capacity_(std::max<size_t>(capacity, 2)),
      policy_(policy),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

PublishQueue::~PublishQueue() {
  ::close(wake_);
}

void PublishQueue::wake() {
  const guint64 one = 1;
  // It fails only where the counter is full: then it is readable.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

void PublishQueue::clear_wake() {
  guint64 count = 0;
  [[maybe_unused]] const ssize_t size = read(wake_, &count, sizeof count);
}

PublishQueue::Outcome PublishQueue::push(std::string stream, std::string text) {
  auto line = std::make_shared<PublishLine>();
  line->stream = std::move(stream);
  line->text = std::move(text);
  std::unique_lock lock(mutex_);
  if (policy_ == Policy::Block)
    changed_.wait(lock, [this] { return lines_.size() < capacity_ || interrupted_ || failed_; });
  if (failed_) return Outcome::Failed;
  if (interrupted_) return Outcome::Interrupted;
  line->id = ++stats_.lines;
  if (lines_.size() >= capacity_) {
    lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(under_way_));
    ++stats_.dropped;
  }
  lines_.push_back(std::move(line));
  lock.unlock();
  wake();
  return Outcome::Ok;
}

void PublishQueue::interrupt(bool on) {
  const std::lock_guard lock(mutex_);
  interrupted_ = on;
  changed_.notify_all();
}

bool PublishQueue::drain(GstClockTime timeout, bool interruptible) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::nanoseconds(timeout), [this, interruptible] {
    return lines_.empty() || failed_ || (interruptible && interrupted_);
  });
  return lines_.empty();
}

void PublishQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  wake();
}

PublishQueue::Stats PublishQueue::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  stats.queued = static_cast<guint>(lines_.size());
  return stats;
}

std::shared_ptr<const PublishLine> PublishQueue::next(size_t window) {
  const std::lock_guard lock(mutex_);
  if (under_way_ >= std::min({window, capacity_ / 2, lines_.size()})) return nullptr;
  return lines_[under_way_++];
}

void PublishQueue::remove(guint64 id, guint64* counter) {
  const std::lock_guard lock(mutex_);
  const auto end = lines_.begin() + static_cast<std::ptrdiff_t>(under_way_);
  const auto found = std::find_if(lines_.begin(), end, [id](const auto& line) { return line->id == id; });
  if (found == end) return;
  lines_.erase(found);
  --under_way_;
  ++*counter;
  changed_.notify_all();
}

void PublishQueue::delivered(guint64 id) {
  remove(id, &stats_.delivered);
}

void PublishQueue::refused(guint64 id) {
  remove(id, &stats_.dropped);
}

void PublishQueue::set_connected(bool connected) {
  const std::lock_guard lock(mutex_);
  if (connected && !stats_.connected) {
    if (was_connected_) ++stats_.reconnects;
    was_connected_ = true;
  }
  stats_.connected = connected;
}

void PublishQueue::resend() {
  const std::lock_guard lock(mutex_);
  under_way_ = 0;
}

void PublishQueue::fail() {
  const std::lock_guard lock(mutex_);
  failed_ = true;
  stats_.connected = false;
  changed_.notify_all();
}

bool PublishQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

void PublishQueue::rest(GstClockTime timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::nanoseconds(timeout), [this] { return closed_; });
}

}  // namespace anomaly
