// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlaysides.h"

#include <cstring>

#include "kernels/pixel_format.h"

namespace anomaly {
namespace {

constexpr int kNone = 0;

// The width on the other side, kNone where there is none.
int other_width(int width, bool halve) {
  if (halve) return width % 4 == 0 ? width / 2 : kNone;
  return width % 2 == 0 && width <= G_MAXINT / 2 ? 2 * width : kNone;
}

// Ranges are taken by their ends, rounded inwards.
bool convert(const GValue* from, bool halve, GValue* to) {
  if (G_VALUE_HOLDS_INT(from)) {
    const int width = other_width(g_value_get_int(from), halve);
    g_value_init(to, G_TYPE_INT);
    g_value_set_int(to, width);
    return width != kNone;
  }
  if (GST_VALUE_HOLDS_INT_RANGE(from)) {
    const gint64 low = gst_value_get_int_range_min(from), high = gst_value_get_int_range_max(from);
    const gint64 least = halve ? MAX(2, (low + 3) / 4 * 2) : MAX(4, (low + 1) / 2 * 4);
    const gint64 most = halve ? high / 4 * 2 : MIN(high / 2 * 4, G_MAXINT / 4 * 4);
    if (least > most) return false;
    g_value_init(to, least == most ? G_TYPE_INT : GST_TYPE_INT_RANGE);
    if (least == most)
      g_value_set_int(to, static_cast<int>(least));
    else
      gst_value_set_int_range_step(to, static_cast<int>(least), static_cast<int>(most), halve ? 2 : 4);
    return true;
  }
  if (!GST_VALUE_HOLDS_LIST(from)) return false;
  g_value_init(to, GST_TYPE_LIST);
  for (guint i = 0; i < gst_value_list_get_size(from); ++i) {
    GValue item = G_VALUE_INIT;
    if (convert(gst_value_list_get_value(from, i), halve, &item))
      gst_value_list_append_and_take_value(to, &item);
    else if (G_IS_VALUE(&item))
      g_value_unset(&item);
  }
  return gst_value_list_get_size(to) > 0;
}

}  // namespace

GstCaps* side_by_side_caps(GstCaps* caps, bool halve) {
  GstCaps* out = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
    const GstStructure* structure = gst_caps_get_structure(caps, i);
    GstStructure* other = gst_structure_copy(structure);
    GValue width = G_VALUE_INIT;
    const GValue* from = gst_structure_get_value(structure, "width");
    const bool fits = !from || convert(from, halve, &width);
    if (fits && from) gst_structure_set_value(other, "width", &width);
    if (G_IS_VALUE(&width)) g_value_unset(&width);
    if (fits)
      gst_caps_append_structure_full(out, other, gst_caps_features_copy(gst_caps_get_features(caps, i)));
    else
      gst_structure_free(other);
  }
  return out;
}

MutableFrameView copy_to_both_sides(const FrameView& in, const MutableFrameView& out) {
  const PixelFormatInfo& format = pixel_format_info(in.format);
  MutableFrameView right = out;
  right.width = in.width;
  for (int plane = 0; plane < format.planes; ++plane) {
    const int bytes = plane_row_bytes(format, plane, in.width);
    right.plane[plane] = out.plane[plane] + bytes;
    for (int row = 0; row < plane_rows(format, plane, in.height); ++row) {
      const uint8_t* from = in.plane[plane] + row * in.stride[plane];
      std::memcpy(out.plane[plane] + row * out.stride[plane], from, bytes);
      std::memcpy(right.plane[plane] + row * out.stride[plane], from, bytes);
    }
  }
  return right;
}

}  // namespace anomaly
