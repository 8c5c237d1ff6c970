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

void post(GstElement* element, Code code, const char* text) {
  gst_element_message_full(element, GST_MESSAGE_ERROR, code.domain, code.code, g_strdup(text), nullptr,
                           __FILE__, GST_FUNCTION, __LINE__);
}

}  // namespace

void post_failure(GstElement* element, const std::exception_ptr& failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    post(element, code_of(e.kind()), e.what());
  } catch (const std::bad_alloc&) {
    post(element, code_of(ErrorKind::Resource), "Memory ran out.");
  } catch (const std::exception& e) {
    post(element, {GST_CORE_ERROR, GST_CORE_ERROR_FAILED}, e.what());
  } catch (...) {
    post(element, {GST_CORE_ERROR, GST_CORE_ERROR_FAILED},
         "The engine failed for a reason that was not given.");
  }
}

}  // namespace anomaly
