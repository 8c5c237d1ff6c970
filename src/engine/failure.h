// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a computation throws, as the one exception type that leaves the engine.
#pragma once

#include <exception>
#include <string>

namespace anomaly {

// Call inside a catch block. doing: what was going on, "computing a frame".
std::exception_ptr current_failure(const std::string& doing) noexcept;

}  // namespace anomaly
