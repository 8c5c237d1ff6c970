// SPDX-License-Identifier: LGPL-2.1-or-later
// The one exception type that leaves the engine.
#pragma once

#include <stdexcept>
#include <string>

namespace anomaly {

enum class ErrorKind {
  NotFound,     // a file or device that was named does not exist
  BadBundle,    // a bundle that cannot be used: message names the file and the tensor or key
  BadSettings,  // an option outside its range, or one that this bundle cannot serve
  Device,       // a device that failed
  Resource,     // out of memory
  Io,           // reading or writing failed
  Cancelled,    // the caller, or the engine's end, called the work off
};

// what(): one sentence or two for a person: what, where, what to do. No trailing newline.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace anomaly
