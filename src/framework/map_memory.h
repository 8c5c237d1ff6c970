// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the maps of a result lie. No LibTorch here: the elements include it.
#pragma once

#include <cstddef>
#include <memory>

namespace anomaly {

// Memory for the maps that leave the engine, so that whoever asked for them can use the same blocks again.
class MapMemory {
 public:
  virtual ~MapMemory() = default;
  // `bytes` of uninitialised memory, aligned for floats, until the pointer's last copy is gone. Called from
  // the engine's worker. Throws std::bad_alloc.
  virtual std::shared_ptr<void> take(size_t bytes) = 0;
};

}  // namespace anomaly
