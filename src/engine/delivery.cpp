// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/delivery.h"

#include <chrono>
#include <string>
#include <utility>

#include "src/engine/failure.h"
#include "src/engine/planes.h"

namespace anomaly {

std::exception_ptr cancelled() {
  return std::make_exception_ptr(
      Error(ErrorKind::Cancelled, "The frame was called off before it was computed."));
}

void fail_one(QueuedRequest& frame, const std::exception_ptr& failure) {
  frame.promise.set_exception(failure);
  if (frame.request.done) frame.request.done();
}

void fail_all(std::list<QueuedRequest>& frames, const std::exception_ptr& failure) {
  for (QueuedRequest& frame : frames) fail_one(frame, failure);
}

void deliver(std::list<QueuedRequest>& batch, std::vector<ComputedFrame>& frames,
             TurnClock::time_point start) {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  if (frames.size() != batch.size())
    throw Error(ErrorKind::Device, "The framework returned " + std::to_string(frames.size()) +
                                       " results for " + std::to_string(batch.size()) + " frames.");
  const Milliseconds share = Milliseconds(TurnClock::now() - start) / static_cast<double>(frames.size());
  auto computed = frames.begin();
  for (QueuedRequest& frame : batch) {
    const auto own = TurnClock::now();
    std::exception_ptr failure;
    try {
      Result out = result_of(frame.request, std::exchange(*computed++, {}));
      out.batch = static_cast<int>(frames.size());
      out.inference_ms = (share + Milliseconds(TurnClock::now() - own)).count();
      frame.promise.set_value(std::move(out));
    } catch (...) {
      failure = current_failure("computing a frame");
    }
    if (failure)
      fail_one(frame, failure);
    else if (frame.request.done)
      frame.request.done();
  }
}

}  // namespace anomaly
