// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the engine's exceptions end: one error message on the bus.
#pragma once

#include <gst/gst.h>

#include <exception>

namespace anomaly {

// Posts `failure` as an error message of `element`: RESOURCE NOT_FOUND, OPEN_READ (a bundle that cannot be
// used), SETTINGS, NO_SPACE_LEFT (memory) or READ, LIBRARY INIT (a device). Never throws.
void post_failure(GstElement* element, const std::exception_ptr& failure) noexcept;

}  // namespace anomaly
