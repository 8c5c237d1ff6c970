// SPDX-License-Identifier: LGPL-2.1-or-later
// How frames leave the queue: with their result, or with why there is none. From whichever thread has come so
// far; nothing here locks.
#pragma once

#include <exception>
#include <list>
#include <vector>

#include "src/engine/computation.h"
#include "src/engine/turns.h"

namespace anomaly {

// Error(Cancelled).
std::exception_ptr cancelled();

void fail_one(QueuedRequest& frame, const std::exception_ptr& failure);
void fail_all(std::list<QueuedRequest>& frames, const std::exception_ptr& failure);

// Keeps the promise of every frame of `batch` with what was computed for it, which is taken out of `frames`;
// what fails for one fails for it alone. start: of the part that they have in common, whose time is shared
// out evenly. Throws before any promise is kept, or not at all.
void deliver(std::list<QueuedRequest>& batch, std::vector<ComputedFrame>& frames,
             TurnClock::time_point start);

}  // namespace anomaly
