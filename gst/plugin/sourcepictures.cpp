// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/sourcepictures.h"

#include <glib/gstdio.h>
#include <gst/base/gsttypefindhelper.h>

#include <memory>

namespace anomaly {
namespace {

constexpr goffset kLargest = goffset{256} << 20;  // bytes

// What the bytes are, "image/png"; empty = nobody knows.
std::string type_of(const gchar* bytes, gsize size) {
  GstCaps* caps =
      gst_type_find_helper_for_data(nullptr, reinterpret_cast<const guint8*>(bytes), size, nullptr);
  if (!caps) return "";
  std::string name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
  gst_caps_unref(caps);
  return name;
}

}  // namespace

GstClockTime SourcePictures::time_of(guint64 number) const {
  return gst_util_uint64_scale(number, static_cast<guint64>(fps_d_) * GST_SECOND,
                               static_cast<guint64>(fps_n_));
}

GstCaps* SourcePictures::caps() const {
  return gst_caps_new_simple(type_.c_str(), "framerate", GST_TYPE_FRACTION, fps_n_, fps_d_, nullptr);
}

GstBuffer* SourcePictures::next(GError** error) {
  if (at_ == paths_.size() && loop_) at_ = 0;
  if (at_ == paths_.size()) return nullptr;
  const char* path = paths_[at_++].c_str();
  GStatBuf facts = {};
  if (g_stat(path, &facts) == 0 && facts.st_size > kLargest) {
    g_set_error(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, "\"%s\" is larger than 256 MiB", path);
    return nullptr;
  }
  gchar* read = nullptr;
  gsize size = 0;
  GError* why = nullptr;
  if (!g_file_get_contents(path, &read, &size, &why)) {
    g_set_error(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, "%s", why->message);
    g_clear_error(&why);
    return nullptr;
  }
  std::unique_ptr<gchar, decltype(&g_free)> bytes(read, &g_free);
  const std::string type = type_of(read, size);
  if (!g_str_has_prefix(type.c_str(), "image/")) {
    g_set_error(error, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE, "\"%s\" is no picture", path);
    return nullptr;
  }
  if (!type_.empty() && type != type_) {
    g_set_error(error, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE,
                "\"%s\" is %s, and the pictures before it are %s", path, type.c_str(), type_.c_str());
    return nullptr;
  }
  type_ = type;
  GstBuffer* buffer = gst_buffer_new_wrapped(bytes.release(), size);
  GST_BUFFER_PTS(buffer) = GST_BUFFER_DTS(buffer) = time_of(number_);
  GST_BUFFER_DURATION(buffer) = time_of(number_ + 1) - time_of(number_);
  ++number_;
  return buffer;
}

}  // namespace anomaly
