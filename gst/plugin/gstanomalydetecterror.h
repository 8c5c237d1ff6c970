// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the engine's exceptions end: one message on the bus.
#pragma once

#include <gst/gst.h>

#include <exception>

namespace anomaly {

// Posts `failure` as an error message of `element`: RESOURCE NOT_FOUND, OPEN_READ (a bundle that cannot be
// used), SETTINGS, NO_SPACE_LEFT (memory) or READ, LIBRARY INIT (a device). Never throws.
void post_failure(GstElement* element, const std::exception_ptr& failure) noexcept;

// The same as a warning message, for what keeps the stream from nothing. consequence: a sentence behind the
// failure's own.
void post_warning(GstElement* element, const std::exception_ptr& failure, const char* consequence) noexcept;

}  // namespace anomaly
