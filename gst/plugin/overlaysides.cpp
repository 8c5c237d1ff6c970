// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlaysides.h"

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/pixel_format.h"

namespace anomaly {
namespace {

constexpr int kNone = 0;

// The width on the other side, kNone where there is none. Widths of one picture are multiples of `unit`.
int other_width(int width, bool halve, int unit) {
  if (halve) return width % (2 * unit) == 0 ? width / 2 : kNone;
  return width % unit == 0 && width <= G_MAXINT / 2 ? 2 * width : kNone;
}

bool set_range(gint64 least, gint64 most, int step, GValue* to) {
  if (least > most) return false;
  g_value_init(to, least == most ? G_TYPE_INT : GST_TYPE_INT_RANGE);
  if (least == most)
    g_value_set_int(to, static_cast<int>(least));
  else
    gst_value_set_int_range_step(to, static_cast<int>(least), static_cast<int>(most), step);
  return true;
}

// Ranges are taken by their ends, rounded inwards.
bool convert(const GValue* from, bool halve, int unit, GValue* to) {
  if (G_VALUE_HOLDS_INT(from)) {
    const int width = other_width(g_value_get_int(from), halve, unit);
    g_value_init(to, G_TYPE_INT);
    g_value_set_int(to, width);
    return width != kNone;
  }
  if (GST_VALUE_HOLDS_INT_RANGE(from)) {
    const gint64 low = gst_value_get_int_range_min(from), high = gst_value_get_int_range_max(from);
    if (halve)
      return set_range(MAX((low + 2 * unit - 1) / (2 * unit), 1) * unit, high / (2 * unit) * unit, unit, to);
    return set_range(MAX((low + unit - 1) / unit, 1) * unit * 2, MIN(high, G_MAXINT / 4) / unit * unit * 2,
                     2 * unit, to);
  }
  if (!GST_VALUE_HOLDS_LIST(from)) return false;
  g_value_init(to, GST_TYPE_LIST);
  for (guint i = 0; i < gst_value_list_get_size(from); ++i) {
    GValue item = G_VALUE_INIT;
    if (convert(gst_value_list_get_value(from, i), halve, unit, &item))
      gst_value_list_append_and_take_value(to, &item);
    else if (G_IS_VALUE(&item))
      g_value_unset(&item);
  }
  return gst_value_list_get_size(to) > 0;
}

// Whether pixels beside each other share chroma in that format.
bool shares_chroma(const char* format) {
  const PixelFormatInfo* info = find_pixel_format(format);
  return !info || info->component[info->components - 1].h_sub > 0;
}

// Those formats of `value`, a string or a list, whose pixels share chroma, or those whose do not.
bool select_formats(const GValue* value, bool shared, GValue* to) {
  g_value_init(to, GST_TYPE_LIST);
  const auto add = [&](const GValue* format) {
    if (G_VALUE_HOLDS_STRING(format) && shares_chroma(g_value_get_string(format)) == shared)
      gst_value_list_append_value(to, format);
  };
  if (GST_VALUE_HOLDS_LIST(value))
    for (guint i = 0; i < gst_value_list_get_size(value); ++i) add(gst_value_list_get_value(value, i));
  else
    add(value);
  return gst_value_list_get_size(to) > 0;
}

// `structure` with the widths of its formats, all of which share chroma or none, on the other side. Null
// where there are none.
GstStructure* other_side(const GstStructure* structure, bool halve, bool shared) {
  GstStructure* other = gst_structure_copy(structure);
  bool fits = true;
  if (const GValue* format = gst_structure_get_value(structure, "format")) {
    GValue formats = G_VALUE_INIT;
    fits = select_formats(format, shared, &formats);
    if (fits && gst_value_list_get_size(&formats) == 1)
      gst_structure_set_value(other, "format", gst_value_list_get_value(&formats, 0));
    else if (fits)
      gst_structure_set_value(other, "format", &formats);
    g_value_unset(&formats);
  } else {
    fits = shared;  // any format: what fits those that share chroma fits all
  }
  if (const GValue* from = gst_structure_get_value(structure, "width"); fits && from) {
    GValue width = G_VALUE_INIT;
    fits = convert(from, halve, shared ? 2 : 1, &width);
    if (fits) gst_structure_set_value(other, "width", &width);
    if (G_IS_VALUE(&width)) g_value_unset(&width);
  }
  if (fits) return other;
  gst_structure_free(other);
  return nullptr;
}

}  // namespace

GstCaps* side_by_side_caps(GstCaps* caps, bool halve) {
  GstCaps* out = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(caps); ++i)
    for (const bool shared : {true, false})
      if (GstStructure* other = other_side(gst_caps_get_structure(caps, i), halve, shared))
        gst_caps_append_structure_full(out, other, gst_caps_features_copy(gst_caps_get_features(caps, i)));
  return out;
}

MutableFrameView right_half(const FrameView& in, const MutableFrameView& out) {
  if (in.format != out.format || in.height != out.height || out.width != 2 * in.width)
    throw std::invalid_argument("a frame of " + std::to_string(in.width) + "x" + std::to_string(in.height) +
                                " does not go twice into one of " + std::to_string(out.width) + "x" +
                                std::to_string(out.height));
  const PixelFormatInfo& format = pixel_format_info(in.format);
  MutableFrameView right = out;
  right.width = in.width;
  for (int plane = 0; plane < format.planes; ++plane)
    right.plane[plane] = out.plane[plane] + plane_row_bytes(format, plane, in.width);
  return right;
}

void copy_to_both_sides(const FrameView& in, const MutableFrameView& out) {
  const MutableFrameView right = right_half(in, out);
  const PixelFormatInfo& format = pixel_format_info(in.format);
  for (int plane = 0; plane < format.planes; ++plane) {
    const auto bytes = static_cast<size_t>(plane_row_bytes(format, plane, in.width));
    for (int row = 0; row < plane_rows(format, plane, in.height); ++row) {
      const uint8_t* from = in.plane[plane] + row * in.stride[plane];
      std::memcpy(out.plane[plane] + row * out.stride[plane], from, bytes);
      std::memcpy(right.plane[plane] + row * out.stride[plane], from, bytes);
    }
  }
}

}  // namespace anomaly
