// SPDX-License-Identifier: LGPL-2.1-or-later
// One engine for all callers of a process who ask for the same: one copy of the weights, one worker. No
// LibTorch here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "src/engine/engine.h"

namespace anomaly {

// A caller's hold on an engine. Any thread. The last one to go destroys the engine, as Engine's destructor
// says, in the thread that lets go of it, which must not be the engine's worker.
class EngineShare {
 public:
  virtual ~EngineShare() = default;
  virtual Engine& engine() const = 0;
  // Callers that hold the engine now, this one included; one with several shares counts once.
  virtual int users() const = 0;
};

// Any thread. Shares may outlive it.
class EngineRegistry {
 public:
  using Open = std::function<std::shared_ptr<Engine>(const EngineOptions&)>;
  explicit EngineRegistry(Open open = &Engine::open);
  static EngineRegistry& of_process();

  // Shares go to the same engine where the bundle is the same file, unchanged since (by device, inode, size
  // and time of change, whatever the path), the device is the same once resolved, EngineOptions::threads,
  // ::precision and ::trunk_precision are, and so is `id` (empty: none). The first one opens the engine in
  // its thread; who asks for the same meanwhile waits, and gets the same error where that fails. Throws as
  // Engine::open, and Error(BadSettings) where another caller holds an engine of that id (not empty) for
  // another file, device, precision (of either kind) or number of threads. A caller that has moved on to
  // another engine since does not count, even if it still holds the former one, as while a bundle takes
  // another's place. caller: see new_caller().
  std::shared_ptr<EngineShare> share(const EngineOptions& options, const std::string& id, uint64_t caller);

 private:
  struct State;
  class Share;
  std::shared_ptr<State> state_;
};

}  // namespace anomaly
