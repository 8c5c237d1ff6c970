// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/turns.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace anomaly {

namespace {

constexpr std::chrono::nanoseconds kLongestWait = std::chrono::hours(1);

TurnClock::time_point latest_start(const QueuedRequest& frame) {
  return frame.queued + std::clamp(frame.request.batch_timeout, std::chrono::nanoseconds(0), kLongestWait);
}

bool go_together(const Request& a, const Request& b) {
  return a.frame.width == b.frame.width && a.frame.height == b.frame.height && a.settings == b.settings &&
         !(a.stream && a.stream == b.stream);
}

bool called_off(const Request& request) {
  return request.cancelled && request.cancelled->load();
}

}  // namespace

void Turns::push(std::list<QueuedRequest>&& one) {
  const uint64_t id = one.front().request.caller;
  auto caller = std::find_if(callers_.begin(), callers_.end(), [id](const Caller& c) { return c.id == id; });
  if (caller == callers_.end()) {
    callers_.emplace_back().id = id;
    caller = std::prev(callers_.end());
  }
  caller->frames.splice(caller->frames.end(), one);
}

void Turns::drop_cancelled(std::list<QueuedRequest>& cancelled) noexcept {
  for (auto caller = callers_.begin(); caller != callers_.end();) {
    auto& frames = caller->frames;
    while (!frames.empty() && called_off(frames.front().request))
      cancelled.splice(cancelled.end(), frames, frames.begin());
    caller = frames.empty() ? callers_.erase(caller) : std::next(caller);
  }
}

Turns::Next Turns::take(TurnClock::time_point now) noexcept {
  Next next;
  drop_cancelled(next.cancelled);
  if (callers_.empty()) return next;

  const QueuedRequest& head = callers_.front().frames.front();
  int most = head.request.batch_size;
  TurnClock::time_point deadline = latest_start(head);
  bool others = false;  // frames that would wait for nothing
  std::list<Caller> taken;
  taken.splice(taken.end(), callers_, callers_.begin());
  for (auto caller = callers_.begin(); caller != callers_.end();) {
    const auto here = caller++;
    const QueuedRequest& frame = here->frames.front();
    const bool room = static_cast<int>(taken.size()) < std::min(most, frame.request.batch_size);
    if (!room || !std::all_of(taken.begin(), taken.end(), [&](const Caller& in) {
          return go_together(in.frames.front().request, frame.request);
        })) {
      others = true;
      continue;
    }
    most = std::min(most, frame.request.batch_size);
    deadline = std::min(deadline, latest_start(frame));
    taken.splice(taken.end(), callers_, here);
  }
  if (static_cast<int>(taken.size()) < most && !others && now < deadline) {
    callers_.splice(callers_.begin(), taken);
    next.wait_until = deadline;
    return next;
  }
  for (auto caller = taken.begin(); caller != taken.end();) {
    auto& frames = caller->frames;
    next.batch.splice(next.batch.end(), frames, frames.begin());
    caller = frames.empty() ? taken.erase(caller) : std::next(caller);
  }
  callers_.splice(callers_.end(), taken);
  return next;
}

std::list<QueuedRequest> Turns::clear() noexcept {
  std::list<QueuedRequest> all;
  for (Caller& caller : callers_) all.splice(all.end(), caller.frames);
  callers_.clear();
  return all;
}

}  // namespace anomaly
