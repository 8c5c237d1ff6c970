// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetecterror.h"

#include <new>

#include "src/error.h"

namespace anomaly {

namespace {

struct Code {
  GQuark domain;
  gint code;
};

Code code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::NotFound:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND};
    case ErrorKind::BadBundle:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ};
    case ErrorKind::BadSettings:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS};
    case ErrorKind::Device:
      return {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT};
    case ErrorKind::Resource:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT};
    case ErrorKind::Io:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ};
    case ErrorKind::Cancelled:
      break;
  }
  return {GST_CORE_ERROR, GST_CORE_ERROR_FAILED};
}

void post(GstElement* element, Code code, const char* text, const char* consequence) {
  gst_element_message_full(element, consequence ? GST_MESSAGE_WARNING : GST_MESSAGE_ERROR, code.domain,
                           code.code, g_strconcat(text, consequence ? " " : nullptr, consequence, nullptr),
                           nullptr, __FILE__, GST_FUNCTION, __LINE__);
}

// consequence: null makes it an error.
void tell(GstElement* element, const std::exception_ptr& failure, const char* consequence) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    post(element, code_of(e.kind()), e.what(), consequence);
  } catch (const std::bad_alloc&) {
    post(element, code_of(ErrorKind::Resource), "Memory ran out.", consequence);
  } catch (const std::exception& e) {
    post(element, {GST_CORE_ERROR, GST_CORE_ERROR_FAILED}, e.what(), consequence);
  } catch (...) {
    post(element, {GST_CORE_ERROR, GST_CORE_ERROR_FAILED},
         "The engine failed for a reason that was not given.", consequence);
  }
}

}  // namespace

void post_failure(GstElement* element, const std::exception_ptr& failure) noexcept {
  tell(element, failure, nullptr);
}

void post_warning(GstElement* element, const std::exception_ptr& failure, const char* consequence) noexcept {
  tell(element, failure, consequence);
}

}  // namespace anomaly
