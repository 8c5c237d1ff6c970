// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/engine/failure.h"

#include <new>
#include <stdexcept>

#include <c10/util/Exception.h>

#include "src/error.h"

namespace anomaly {

namespace {

Error out_of_memory(const std::string& doing) {
  return {ErrorKind::Resource,
          "Memory ran out while " + doing +
              ". Use a smaller segmentation size, fewer frames in flight, or a machine with more memory."};
}

// LibTorch's messages go on for pages (call stacks, notes): the first line says what happened.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::exception_ptr translate(const std::string& doing) {
  try {
    throw;
  } catch (const Error&) {
    return std::current_exception();
  } catch (const std::bad_alloc&) {
    return std::make_exception_ptr(out_of_memory(doing));
  } catch (const c10::OutOfMemoryError&) {
    return std::make_exception_ptr(out_of_memory(doing));
  } catch (const c10::Error& e) {
    const std::string what = first_line(e.what_without_backtrace());
    // The CPU allocator has no exception type of its own.
    if (what.find("DefaultCPUAllocator") != std::string::npos)
      return std::make_exception_ptr(out_of_memory(doing));
    return std::make_exception_ptr(Error(ErrorKind::Device, "LibTorch failed while " + doing + ": " + what));
  } catch (const std::exception& e) {
    return std::make_exception_ptr(
        Error(ErrorKind::Device, "Failed while " + doing + ": " + first_line(e.what())));
  } catch (...) {
    return std::make_exception_ptr(
        Error(ErrorKind::Device, "Failed while " + doing + ", for a reason that was not given."));
  }
}

}  // namespace

std::exception_ptr current_failure(const std::string& doing) noexcept {
  try {
    return translate(doing);
  } catch (...) {  // not even the message could be allocated
    return std::current_exception();
  }
}

}  // namespace anomaly
