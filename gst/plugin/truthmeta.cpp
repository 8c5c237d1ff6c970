// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/truthmeta.h"

#include <algorithm>
#include <exception>

namespace anomaly {
namespace {

// Nearest neighbour at pixel centres. Null where the plane cannot be read or has another size than it claims.
GstBuffer* scaled_plane(GstBuffer* plane, int width, int height, int to_width, int to_height) {
  GstMapInfo from;
  if (!gst_buffer_map(plane, &from, GST_MAP_READ)) return nullptr;
  GstBuffer* out = nullptr;
  if (from.size == static_cast<gsize>(width) * static_cast<gsize>(height)) {
    out = gst_buffer_new_allocate(nullptr, static_cast<gsize>(to_width) * static_cast<gsize>(to_height),
                                  nullptr);
    GstMapInfo to;
    if (out && gst_buffer_map(out, &to, GST_MAP_WRITE)) {
      for (int y = 0; y < to_height; ++y) {
        const guint8* row =
            from.data + static_cast<gsize>((2 * static_cast<gint64>(y) + 1) * height / (2 * to_height)) *
                            static_cast<gsize>(width);
        guint8* line = to.data + static_cast<gsize>(y) * static_cast<gsize>(to_width);
        for (int x = 0; x < to_width; ++x)
          line[x] = row[(2 * static_cast<gint64>(x) + 1) * width / (2 * to_width)];
      }
      gst_buffer_unmap(out, &to);
    } else {
      gst_clear_buffer(&out);
    }
  }
  gst_buffer_unmap(plane, &from);
  return out;
}

void append_box(GValue* boxes, const Rect& r) {
  GValue box = G_VALUE_INIT;
  gst_value_array_init(&box, 4);
  for (int v : {r.x, r.y, r.width, r.height}) {
    GValue number = G_VALUE_INIT;
    g_value_init(&number, G_TYPE_INT);
    g_value_set_int(&number, v);
    gst_value_array_append_and_take_value(&box, &number);
  }
  gst_value_array_append_and_take_value(boxes, &box);
}

std::vector<Rect> boxes_of(const GstStructure* truth) {
  std::vector<Rect> out;
  const GValue* boxes = gst_structure_get_value(truth, "boxes");
  if (!boxes || !GST_VALUE_HOLDS_ARRAY(boxes)) return out;
  for (guint i = 0; i < gst_value_array_get_size(boxes); ++i) {
    const GValue* box = gst_value_array_get_value(boxes, i);
    if (!GST_VALUE_HOLDS_ARRAY(box) || gst_value_array_get_size(box) != 4) continue;
    int v[4];
    bool whole = true;
    for (guint k = 0; k < 4; ++k) {
      const GValue* number = gst_value_array_get_value(box, k);
      whole = whole && G_VALUE_HOLDS_INT(number);
      v[k] = whole ? g_value_get_int(number) : 0;
    }
    if (whole) out.push_back({v[0], v[1], v[2], v[3]});
  }
  return out;
}

// The smallest box around the scaled pixels of a box, which is cut to its frame: others can write into a
// meta.
Rect scaled_box(const Rect& r, int width, int height, int to_width, int to_height) {
  auto within = [](gint64 v, int size) { return std::clamp<gint64>(v, 0, size); };
  auto low = [&](int at, int to, int from) { return static_cast<int>(within(at, from) * to / from); };
  auto high = [&](int at, int size, int to, int from) {
    const gint64 end = within(static_cast<gint64>(at) + std::max(size, 0), from);
    return static_cast<int>((end * to + from - 1) / from);
  };
  const int x = low(r.x, to_width, width), y = low(r.y, to_height, height);
  return {x, y, high(r.x, r.width, to_width, width) - x, high(r.y, r.height, to_height, height) - y};
}

gboolean transform(GstBuffer* to, GstCustomMeta* meta, GstBuffer*, GQuark type, gpointer data, gpointer) {
  const GstStructure* truth = gst_custom_meta_get_structure(meta);
  if (GST_META_TRANSFORM_IS_COPY(type)) {
    // A part of the frame's bytes is not a frame.
    if (static_cast<GstMetaTransformCopy*>(data)->region) return FALSE;
    GstStructure* copy = gst_custom_meta_get_structure(gst_buffer_add_custom_meta(to, kTruthMeta));
    gst_structure_foreach(
        truth,
        [](GQuark field, const GValue* value, gpointer out) -> gboolean {
          gst_structure_id_set_value(static_cast<GstStructure*>(out), field, value);
          return TRUE;
        },
        copy);
    return TRUE;
  }
  if (!GST_VIDEO_META_TRANSFORM_IS_SCALE(type)) return FALSE;
  const auto* scale = static_cast<GstVideoMetaTransform*>(data);
  const int to_width = GST_VIDEO_INFO_WIDTH(scale->out_info),
            to_height = GST_VIDEO_INFO_HEIGHT(scale->out_info);
  int width = 0, height = 0;
  guint64 frame = 0;
  // Before there is a buffer to lose: this is C++ and may run out of memory.
  std::vector<Rect> boxes;
  try {
    boxes = boxes_of(truth);
  } catch (const std::exception& e) {
    GST_WARNING("no truth on the scaled frame: %s", e.what());
    return FALSE;
  }
  GstBuffer *mask = nullptr, *labels = nullptr;
  if (!gst_structure_get(truth, "frame", G_TYPE_UINT64, &frame, "width", G_TYPE_INT, &width, "height",
                         G_TYPE_INT, &height, "mask", GST_TYPE_BUFFER, &mask, nullptr))
    return FALSE;
  gst_structure_get(truth, "labels", GST_TYPE_BUFFER, &labels, nullptr);
  // The meta speaks of the frame that it is on, or it says nothing.
  const bool same =
      width == GST_VIDEO_INFO_WIDTH(scale->in_info) && height == GST_VIDEO_INFO_HEIGHT(scale->in_info);
  GstBuffer* new_mask =
      same && width > 0 && height > 0 ? scaled_plane(mask, width, height, to_width, to_height) : nullptr;
  GstBuffer* new_labels =
      new_mask && labels ? scaled_plane(labels, width, height, to_width, to_height) : nullptr;
  if (new_mask) {
    for (Rect& r : boxes) r = scaled_box(r, width, height, to_width, to_height);
    add_truth_meta(to, frame, to_width, to_height, new_mask, new_labels, boxes);
  }
  gst_clear_buffer(&mask);
  gst_clear_buffer(&labels);
  return new_mask != nullptr;
}

}  // namespace

void register_truth_meta() {
  static const gchar* tags[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_SIZE_STR,
                                GST_META_TAG_VIDEO_ORIENTATION_STR, nullptr};
  static gsize once = 0;
  if (g_once_init_enter(&once)) {
    if (!gst_meta_get_info(kTruthMeta))
      gst_meta_register_custom(kTruthMeta, tags, transform, nullptr, nullptr);
    g_once_init_leave(&once, 1);
  }
}

void add_truth_meta(GstBuffer* buffer, guint64 frame, int width, int height, GstBuffer* mask,
                    GstBuffer* labels, const std::vector<Rect>& rects) {
  GstStructure* truth = gst_custom_meta_get_structure(gst_buffer_add_custom_meta(buffer, kTruthMeta));
  GValue boxes = G_VALUE_INIT;
  gst_value_array_init(&boxes, static_cast<guint>(rects.size()));
  for (const Rect& r : rects) append_box(&boxes, r);
  gst_structure_set(truth, "frame", G_TYPE_UINT64, frame, "width", G_TYPE_INT, width, "height", G_TYPE_INT,
                    height, "mask", GST_TYPE_BUFFER, mask, nullptr);
  gst_structure_take_value(truth, "boxes", &boxes);
  if (labels) gst_structure_set(truth, "labels", GST_TYPE_BUFFER, labels, nullptr);
  gst_buffer_unref(mask);
  gst_clear_buffer(&labels);
}

}  // namespace anomaly
