/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames, metadata and comparisons for the suites of anomalyoverlay. */
#pragma once

#include "tests/gst/frames.h"

/* What the overlay is told where its pictures are compared with those in other memory. The second draws
 * contours. */
static const gchar* const kStyles[] = {"", "opacity=1 contours=true score-bar=true legend=true",
                                       "mode=map legend=true boxes=false",
                                       "threshold=0.9 colormap=bone boxes=true labels=false"};

static inline GstVideoInfo make_info(const gchar* format, gint width, gint height) {
  GstVideoInfo info;
  gst_video_info_init(&info);
  fail_unless(gst_video_info_set_format(&info, gst_video_format_from_string(format), width, height));
  info.fps_n = 25;
  return info;
}

static inline GstHarness* overlay_new(const GstVideoInfo* info, const gchar* properties) {
  gchar* launch = g_strdup_printf("anomalyoverlay %s", properties);
  GstHarness* harness = gst_harness_new_parse(launch);
  gst_harness_set_src_caps(harness, gst_video_info_to_caps(info));
  g_free(launch);
  return harness;
}

/* The frame with rows `padding` bytes longer than the format asks for. */
static inline GstBuffer* padded(GstBuffer* tight, const GstVideoInfo* info, gint padding) {
  GstVideoInfo wide = *info;
  GstVideoFrame from, to;
  gsize offset = 0;
  for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(info); plane++) {
    wide.stride[plane] += padding;
    wide.offset[plane] = offset + padding;
    /* No plane has more rows than the frame. */
    offset = wide.offset[plane] + (gsize)wide.stride[plane] * GST_ROUND_UP_2(info->height);
  }
  wide.size = offset;
  GstBuffer* buffer = gst_buffer_new_allocate(NULL, wide.size, NULL);
  gst_buffer_memset(buffer, 0, 0xa5, wide.size);
  gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(info), info->width,
                                 info->height, GST_VIDEO_INFO_N_PLANES(info), wide.offset, wide.stride);
  fail_unless(gst_video_frame_map(&from, info, tight, GST_MAP_READ));
  fail_unless(gst_video_frame_map(&to, info, buffer, GST_MAP_WRITE));
  fail_unless(gst_video_frame_copy(&to, &from));
  gst_video_frame_unmap(&to);
  gst_video_frame_unmap(&from);
  GST_BUFFER_PTS(buffer) = 0;
  gst_buffer_unref(tight);
  return buffer;
}

/* Metadata whose score is 1 at one edge and 0 at the other, so that the threshold of 0.5 cuts the frame in
 * halves. */
static inline GstAnomalyMeta* add_halves(GstBuffer* buffer, gint width, gint height) {
  static const gfloat scores[2] = {1.f, 0.f};
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  meta->threshold = 0.5;
  meta->score = meta->max = 1;
  meta->width = width;
  meta->height = height;
  gst_anomaly_meta_set_map(meta, 2, 1, test_floats_new(2, 1, scores));
  return meta;
}

static inline GstAnomalyMeta* add_constant(GstBuffer* buffer, gfloat score) {
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  meta->threshold = 0.5;
  meta->score = meta->max = score;
  gst_anomaly_meta_set_map(meta, 1, 1, test_floats_new(1, 1, &score));
  return meta;
}

/* Which pixels of `after` differ from `before`: one byte each. Alpha must be the same. */
static inline guint8* differences(const GstVideoInfo* info, GstBuffer* before, GstBuffer* after) {
  const GstVideoFormatInfo* unpack = gst_video_format_get_info(GST_VIDEO_INFO_FORMAT(info));
  const gint width = info->width, height = info->height;
  guint16* lines[2] = {g_new0(guint16, 4 * (width + 8)), g_new0(guint16, 4 * (width + 8))};
  guint8* changed = g_new0(guint8, (gsize)width * height);
  GstVideoFrame frames[2];
  const gboolean deep =
      unpack->unpack_format == GST_VIDEO_FORMAT_ARGB64 || unpack->unpack_format == GST_VIDEO_FORMAT_AYUV64;
  const gsize pixel = deep ? 8 : 4;
  fail_unless(gst_video_frame_map(&frames[0], info, before, GST_MAP_READ));
  fail_unless(gst_video_frame_map(&frames[1], info, after, GST_MAP_READ));
  for (gint y = 0; y < height; y++) {
    for (gint i = 0; i < 2; i++)
      unpack->unpack_func(unpack, GST_VIDEO_PACK_FLAG_NONE, lines[i], frames[i].data, frames[i].info.stride,
                          0, y, width);
    for (gint x = 0; x < width; x++) {
      const guint8 *a = (guint8*)lines[0] + x * pixel, *b = (guint8*)lines[1] + x * pixel;
      changed[(gsize)y * width + x] = memcmp(a, b, pixel) != 0;
      fail_unless(memcmp(a, b, pixel / 4) == 0, "alpha changed at %d %d", x, y);
    }
  }
  gst_video_frame_unmap(&frames[0]);
  gst_video_frame_unmap(&frames[1]);
  g_free(lines[0]);
  g_free(lines[1]);
  return changed;
}

/* How many pixels of the rectangle changed. */
static inline gint count_changed(const guint8* changed, gint frame_width, gint x, gint y, gint width,
                                 gint height) {
  gint count = 0;
  for (gint row = y; row < y + height; row++)
    for (gint column = x; column < x + width; column++) count += changed[(gsize)row * frame_width + column];
  return count;
}

static inline GArray* formats(void) {
  GArray* names = g_array_new(TRUE, TRUE, sizeof(gchar*));
  GstElementFactory* factory = gst_element_factory_find("anomalyoverlay");
  fail_unless(factory != NULL);
  GstElement* element = gst_element_factory_create(factory, NULL);
  GstPad* pad = gst_element_get_static_pad(element, "sink");
  GstCaps* caps = gst_pad_get_pad_template_caps(pad);
  const GValue* list = gst_structure_get_value(gst_caps_get_structure(caps, 0), "format");
  for (guint i = 0; i < gst_value_list_get_size(list); i++) {
    gchar* name = g_value_dup_string(gst_value_list_get_value(list, i));
    g_array_append_val(names, name);
  }
  gst_caps_unref(caps);
  gst_object_unref(pad);
  gst_object_unref(element);
  gst_object_unref(factory);
  return names;
}

static inline void formats_free(GArray* names) {
  for (guint i = 0; i < names->len; i++) g_free(g_array_index(names, gchar*, i));
  g_array_unref(names);
}

/* The buffer comes out as it went in: the same object with the same memory, which nobody wrote to. */
static inline void same_buffer(GstHarness* harness, GstBuffer* buffer) {
  GstBuffer* before = gst_buffer_copy_deep(buffer);
  GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
  GstMapInfo map;
  /* The reference held here makes it unwritable: drawing would have to copy. */
  GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_ref(buffer));
  fail_unless(out == buffer);
  fail_unless_equals_int(gst_buffer_n_memory(out), 1);
  fail_unless(gst_buffer_peek_memory(out, 0) == memory);
  fail_unless(gst_buffer_map(before, &map, GST_MAP_READ));
  fail_unless_equals_int(gst_buffer_memcmp(out, 0, map.data, map.size), 0);
  gst_buffer_unmap(before, &map);
  gst_buffer_unref(before);
  gst_buffer_unref(out);
  gst_buffer_unref(buffer);
}

static inline void fail_unless_pixel(GstBuffer* rgb, gsize pixel, guint8 r, guint8 g, guint8 b) {
  guint8 got[3];
  fail_unless_equals_int(gst_buffer_extract(rgb, pixel * 3, got, 3), 3);
  fail_unless(got[0] == r && got[1] == g && got[2] == b, "%d %d %d instead of %d %d %d", got[0], got[1],
              got[2], r, g, b);
}

static inline GstBuffer* black(const GstVideoInfo* info) {
  GstBuffer* frame = test_frame_new(info);
  gst_buffer_memset(frame, 0, 0, gst_buffer_get_size(frame));
  return frame;
}
