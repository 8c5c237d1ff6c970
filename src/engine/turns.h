// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames that wait for an engine's worker: whose turn it is, and which of them are computed together.
#pragma once

#include <chrono>
#include <future>
#include <list>
#include <optional>

#include "src/engine/engine.h"

namespace anomaly {

using TurnClock = std::chrono::steady_clock;

struct QueuedRequest {
  Request request;
  std::promise<Result> promise;
  TurnClock::time_point queued;
};

// Callers take turns (round robin): however many frames one has waiting, another waits for one of them at
// most. The frames of one caller stay in order. Not thread-safe; only push() allocates.
class Turns {
 public:
  // one: a list of one request.
  void push(std::list<QueuedRequest>&& one);

  struct Next {
    // To be computed together: one frame of each of several callers, equal in settings and size, no two of
    // one stream.
    std::list<QueuedRequest> batch;
    std::list<QueuedRequest> cancelled;  // were called off while they waited: no turn is lost to them
    std::optional<TurnClock::time_point> wait_until;  // there are frames, which wait for others to join them
  };
  Next take(TurnClock::time_point now) noexcept;

  // All that wait, which no longer do.
  std::list<QueuedRequest> clear() noexcept;

 private:
  struct Caller {
    uint64_t id = 0;
    std::list<QueuedRequest> frames;  // never empty between calls
  };
  void drop_cancelled(std::list<QueuedRequest>& cancelled) noexcept;

  std::list<Caller> callers_;  // those with frames, by turn
};

}  // namespace anomaly
