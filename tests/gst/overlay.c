/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* anomalyoverlay: draws what the metadata says, in every format, and nothing else. */
#include "tests/gst/frames.h"

static GstVideoInfo make_info(const gchar* format, gint width, gint height) {
  GstVideoInfo info;
  gst_video_info_init(&info);
  fail_unless(gst_video_info_set_format(&info, gst_video_format_from_string(format), width, height));
  info.fps_n = 25;
  return info;
}

static GstHarness* overlay_new(const GstVideoInfo* info, const gchar* properties) {
  gchar* launch = g_strdup_printf("anomalyoverlay %s", properties);
  GstHarness* harness = gst_harness_new_parse(launch);
  gst_harness_set_src_caps(harness, gst_video_info_to_caps(info));
  g_free(launch);
  return harness;
}

/* The frame with rows `padding` bytes longer than the format asks for. */
static GstBuffer* padded(GstBuffer* tight, const GstVideoInfo* info, gint padding) {
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
static GstAnomalyMeta* add_halves(GstBuffer* buffer, gint width, gint height) {
  static const gfloat scores[2] = {1.f, 0.f};
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  meta->threshold = 0.5;
  meta->score = meta->max = 1;
  meta->width = width;
  meta->height = height;
  gst_anomaly_meta_set_map(meta, 2, 1, test_floats_new(2, 1, scores));
  return meta;
}

static GstAnomalyMeta* add_constant(GstBuffer* buffer, gfloat score) {
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  meta->threshold = 0.5;
  meta->score = meta->max = score;
  gst_anomaly_meta_set_map(meta, 1, 1, test_floats_new(1, 1, &score));
  return meta;
}

/* Which pixels of `after` differ from `before`: one byte each. Alpha must be the same. */
static guint8* differences(const GstVideoInfo* info, GstBuffer* before, GstBuffer* after) {
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
static gint count_changed(const guint8* changed, gint frame_width, gint x, gint y, gint width, gint height) {
  gint count = 0;
  for (gint row = y; row < y + height; row++)
    for (gint column = x; column < x + width; column++) count += changed[(gsize)row * frame_width + column];
  return count;
}

static GArray* formats(void) {
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

static void formats_free(GArray* names) {
  for (guint i = 0; i < names->len; i++) g_free(g_array_index(names, gchar*, i));
  g_array_unref(names);
}

static void same_buffer(GstHarness* harness, GstBuffer* buffer) {
  GstBuffer* before = gst_buffer_copy_deep(buffer);
  GstMapInfo map;
  /* The reference held here makes it unwritable: drawing would have to copy. */
  GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_ref(buffer));
  fail_unless(out == buffer);
  fail_unless(gst_buffer_map(before, &map, GST_MAP_READ));
  fail_unless_equals_int(gst_buffer_memcmp(out, 0, map.data, map.size), 0);
  gst_buffer_unmap(before, &map);
  gst_buffer_unref(before);
  gst_buffer_unref(out);
  gst_buffer_unref(buffer);
}

GST_START_TEST(test_untouched) {
  GArray* names = formats();
  fail_unless_equals_int(names->len, 25);
  for (guint i = 0; i < names->len; i++) {
    const GstVideoInfo info = make_info(g_array_index(names, gchar*, i), 35, 17);
    GstHarness* harness = overlay_new(&info, "score-bar=true");
    GstBuffer* quiet = test_frame_new(&info);
    same_buffer(harness, test_frame_new(&info));
    add_constant(quiet, 0.25f)->score = 0;
    same_buffer(harness, quiet);
    gst_harness_teardown(harness);
  }
  formats_free(names);
}
GST_END_TEST;

static void check_halves(const gchar* format, gint width, gint height, gint padding) {
  const GstVideoInfo info = make_info(format, width, height);
  GstHarness* harness = overlay_new(&info, "colormap=turbo opacity=1");
  GstBuffer* before = test_frame_new(&info);
  if (padding > 0) before = padded(before, &info, padding);
  GstBuffer* frame = gst_buffer_copy_deep(before);
  add_halves(frame, width, height);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  const gint left = count_changed(changed, width, 0, 0, width / 2, height);
  const gint right = count_changed(changed, width, width / 2, 0, width / 2, height);
  fail_unless(right == 0, "%s %dx%d: %d pixels below the threshold changed", format, width, height, right);
  fail_unless(left > width / 2 * height * 9 / 10, "%s %dx%d: only %d pixels changed", format, width, height,
              left);
  if (padding > 0) {
    /* Nothing outside the rows was written. */
    GstMapInfo map;
    GstVideoMeta* meta = gst_buffer_get_video_meta(out);
    fail_unless(gst_buffer_map(out, &map, GST_MAP_READ));
    const guint8* end = map.data + meta->offset[0] + meta->stride[0];
    for (gint i = 1; i <= padding; i++) fail_unless_equals_int(end[-i], 0xa5);
    for (gint i = 0; i < padding; i++) fail_unless_equals_int(map.data[i], 0xa5);
    gst_buffer_unmap(out, &map);
  }
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}

GST_START_TEST(test_formats) {
  GArray* names = formats();
  for (guint i = 0; i < names->len; i++) {
    const gchar* name = g_array_index(names, gchar*, i);
    check_halves(name, 36, 18, 0);
    check_halves(name, 36, 17, 0);
    check_halves(name, 36, 18, 24);
  }
  formats_free(names);
}
GST_END_TEST;

/* However small the frame, in every format. */
GST_START_TEST(test_tiny) {
  GArray* names = formats();
  for (guint i = 0; i < names->len; i++) {
    for (gint size = 1; size <= 3; size++) {
      const GstVideoInfo info = make_info(g_array_index(names, gchar*, i), size, 4 - size);
      GstHarness* harness = overlay_new(&info, "opacity=1 score-bar=true contours=true legend=true");
      GstBuffer* frame = test_frame_new(&info);
      const GstAnomalyRegion all = {
          .id = 1, .width = size, .height = 4 - size, .area = 3, .mean = 1, .max = 1, .label = "road"};
      gst_anomaly_meta_add_region(add_constant(frame, 1), &all);
      GstBuffer* out = gst_harness_push_and_pull(harness, frame);
      fail_unless(out != NULL);
      gst_buffer_unref(out);
      gst_harness_teardown(harness);
    }
  }
  formats_free(names);
}
GST_END_TEST;

static void fail_unless_pixel(GstBuffer* rgb, gsize pixel, guint8 r, guint8 g, guint8 b) {
  guint8 got[3];
  fail_unless_equals_int(gst_buffer_extract(rgb, pixel * 3, got, 3), 3);
  fail_unless(got[0] == r && got[1] == g && got[2] == b, "%d %d %d instead of %d %d %d", got[0], got[1],
              got[2], r, g, b);
}

static GstBuffer* black(const GstVideoInfo* info) {
  GstBuffer* frame = test_frame_new(info);
  gst_buffer_memset(frame, 0, 0, gst_buffer_get_size(frame));
  return frame;
}

/* Properties take effect from the next frame on. */
GST_START_TEST(test_properties) {
  const GstVideoInfo info = make_info("RGB", 4, 4);
  GstHarness* harness = overlay_new(&info, "name=overlay colormap=hot opacity=1");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBuffer *frame = black(&info), *out;
  add_constant(frame, 1);

  out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_unless_pixel(out, 5, 255, 255, 255); /* the hot end of the map */
  gst_buffer_unref(out);

  gst_util_set_object_arg(G_OBJECT(overlay), "colormap", "jet");
  out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_unless_pixel(out, 5, 128, 0, 0);
  gst_buffer_unref(out);

  g_object_set(overlay, "opacity", 0.5f, NULL);
  out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_unless_pixel(out, 5, 64, 0, 0);
  gst_buffer_unref(out);

  g_object_set(overlay, "opacity", 0.f, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));

  g_object_set(overlay, "opacity", 1.f, "threshold", 1.5f, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));

  /* Below the metadata's threshold and above the element's. */
  gst_buffer_unref(frame);
  frame = black(&info);
  add_constant(frame, 0.25f);
  g_object_set(overlay, "threshold", -1.f, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));
  g_object_set(overlay, "threshold", 0.125f, NULL);
  out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_if(gst_buffer_memcmp(out, 0, "\0\0\0", 3) == 0);
  gst_buffer_unref(out);

  gst_buffer_unref(frame);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_boxes) {
  const GstVideoInfo info = make_info("RGB", 40, 30);
  GstHarness* harness = overlay_new(&info, "opacity=0 labels=false colormap=jet");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBuffer *before = black(&info), *frame = gst_buffer_copy_deep(before);
  const GstAnomalyRegion region = {
      .id = 1, .x = 10, .y = 5, .width = 20, .height = 10, .area = 200, .mean = 0.75, .max = 1};
  gst_anomaly_meta_add_region(add_constant(frame, 1), &region);
  GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  guint8* changed = differences(&info, before, out);
  fail_unless_equals_int(count_changed(changed, 40, 0, 0, 40, 30), 2 * 20 + 2 * 8);
  fail_unless_equals_int(count_changed(changed, 40, 10, 5, 20, 10), 2 * 20 + 2 * 8);
  fail_unless_equals_int(count_changed(changed, 40, 11, 6, 18, 8), 0);
  fail_unless_pixel(out, 5 * 40 + 10, 128, 0, 0);
  g_free(changed);
  gst_buffer_unref(out);

  /* A region that does not reach the element's threshold is not drawn, nor is any without boxes. */
  g_object_set(overlay, "threshold", 1.25f, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));
  g_object_set(overlay, "threshold", -1.f, "boxes", FALSE, "labels", TRUE, NULL);
  same_buffer(harness, gst_buffer_copy_deep(frame));
  gst_buffer_unref(frame);
  gst_buffer_unref(before);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_labels) {
  const GstVideoInfo info = make_info("NV12", 320, 240);
  GstHarness* harness = overlay_new(&info, "opacity=0");
  GstBuffer *before = test_frame_new(&info), *frame = gst_buffer_copy_deep(before);
  const GstAnomalyRegion low = {
      .id = 1, .x = 100, .y = 120, .width = 60, .height = 50, .area = 9, .max = 0.875, .label = "road"};
  const GstAnomalyRegion top = {
      .id = 2, .x = 200, .y = 0, .width = 60, .height = 50, .area = 9, .max = 0.625};
  GstAnomalyMeta* meta = add_constant(frame, 1);
  gst_anomaly_meta_add_region(meta, &low);
  gst_anomaly_meta_add_region(meta, &top);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  /* Above the lower box; inside the one at the frame's edge. */
  fail_unless(count_changed(changed, 320, 100, 110, 30, 8) > 200);
  fail_unless(count_changed(changed, 320, 202, 2, 20, 6) > 100);
  fail_unless_equals_int(count_changed(changed, 320, 0, 180, 320, 60), 0);
  fail_unless_equals_int(count_changed(changed, 320, 104, 124, 52, 42), 0);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_score_bar) {
  const GstVideoInfo info = make_info("GRAY8", 80, 90);
  GstHarness* harness = overlay_new(&info, "opacity=0 score-bar=true colormap=bone");
  GstBuffer *before = black(&info), *frame = gst_buffer_copy_deep(before);
  add_constant(frame, 0.25f);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  fail_unless_equals_int(count_changed(changed, 80, 0, 0, 80, 90), 20);
  fail_unless_equals_int(count_changed(changed, 80, 0, 89, 20, 1), 20);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* The line follows the threshold, wherever the map lies. */
GST_START_TEST(test_contours) {
  const GstVideoInfo info = make_info("GRAY8", 80, 40);
  GstHarness* harness = overlay_new(&info, "opacity=0 contours=true colormap=bone");
  GstBuffer *before = black(&info), *frame = gst_buffer_copy_deep(before),
            *low = gst_buffer_copy_deep(before);
  add_halves(frame, 80, 40)->x = -20;
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  /* The map is cut by the frame's left edge; its scores fall below the threshold at column 20. */
  fail_unless_equals_int(count_changed(changed, 80, 0, 0, 80, 40), 2 * 20 + 2 * 38);
  fail_unless_equals_int(count_changed(changed, 80, 19, 0, 1, 40), 40);
  fail_unless_equals_int(count_changed(changed, 80, 1, 1, 18, 38), 0);
  g_free(changed);
  gst_buffer_unref(out);
  add_constant(low, 0.25f);
  same_buffer(harness, low);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Nothing of the picture is left, and scores below the threshold are seen too. */
GST_START_TEST(test_map_mode) {
  const GstVideoInfo info = make_info("RGB", 40, 30);
  GstHarness* harness = overlay_new(&info, "mode=map colormap=hot");
  GstBuffer* frame = test_frame_new(&info);
  GstAnomalyMeta* meta = add_constant(frame, 0.25f);
  meta->x = 10;
  meta->width = 20;
  meta->height = 30;
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  fail_unless_pixel(out, 5 * 40 + 9, 0, 0, 0);
  fail_unless_pixel(out, 5 * 40 + 30, 0, 0, 0);
  guint8 inside[3];
  gst_buffer_extract(out, (5 * 40 + 20) * 3, inside, 3);
  fail_unless(inside[0] > 20 && inside[0] > inside[1] && inside[0] > inside[2]);
  gst_buffer_unref(out);
  /* A frame that nobody looked at is no map. */
  same_buffer(harness, test_frame_new(&info));
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* The left half is the picture, the right half what blending makes of it. */
GST_START_TEST(test_side_by_side) {
  GArray* names = formats();
  for (guint i = 0; i < names->len; i++) {
    const GstVideoInfo info = make_info(g_array_index(names, gchar*, i), 36, 17);
    const GstVideoInfo wide = make_info(g_array_index(names, gchar*, i), 72, 17);
    GstHarness *blend = overlay_new(&info, "opacity=1"),
               *sides = overlay_new(&info, "opacity=1 mode=side-by-side");
    GstBuffer* frame = padded(test_frame_new(&info), &info, 8);
    GstBuffer* plain = gst_harness_push_and_pull(sides, gst_buffer_copy_deep(frame));
    add_halves(frame, 36, 17);
    GstBuffer* blended = gst_harness_push_and_pull(blend, gst_buffer_copy_deep(frame));
    GstBuffer* both = gst_harness_push_and_pull(sides, gst_buffer_copy_deep(frame));
    GstCaps* caps = gst_pad_get_current_caps(sides->sinkpad);
    gint width;
    fail_unless(gst_structure_get_int(gst_caps_get_structure(caps, 0), "width", &width));
    fail_unless_equals_int(width, 72);
    gst_caps_unref(caps);
    test_rectangle_equals(gst_buffer_get_anomaly_meta(both), 0, 0, 36, 17);

    /* Against the picture twice, only the right half's drawing shows; and it is the blended one's. */
    guint8 *changed = differences(&wide, plain, both), *expected = differences(&info, frame, blended);
    fail_unless_equals_int(count_changed(changed, 72, 0, 0, 36, 17), 0);
    for (gint y = 0; y < 17; y++) fail_unless(memcmp(changed + y * 72 + 36, expected + y * 36, 36) == 0);
    g_free(expected);
    g_free(changed);
    gst_buffer_unref(plain);
    gst_buffer_unref(both);
    gst_buffer_unref(blended);
    gst_buffer_unref(frame);
    gst_harness_teardown(sides);
    gst_harness_teardown(blend);
  }
  formats_free(names);
}
GST_END_TEST;

/* To side by side and back between two frames; an odd width has no other side. */
GST_START_TEST(test_mode_while_playing) {
  const GstVideoInfo info = make_info("RGB", 8, 4), odd = make_info("RGB", 7, 4);
  GstHarness* harness = overlay_new(&info, "opacity=1");
  GstElement* overlay = gst_harness_find_element(harness, "anomalyoverlay");
  GstBuffer* frame = test_frame_new(&info);
  same_buffer(harness, gst_buffer_copy_deep(frame));
  gst_util_set_object_arg(G_OBJECT(overlay), "mode", "side-by-side");
  GstBuffer* both = gst_harness_push_and_pull(harness, gst_buffer_copy_deep(frame));
  fail_unless_equals_int(gst_buffer_get_size(both), 2 * 8 * 3 * 4);
  for (guint y = 0; y < 4; y++) {
    GstMapInfo map;
    fail_unless(gst_buffer_map(frame, &map, GST_MAP_READ));
    fail_unless_equals_int(gst_buffer_memcmp(both, y * 48, map.data + y * 24, 24), 0);
    fail_unless_equals_int(gst_buffer_memcmp(both, y * 48 + 24, map.data + y * 24, 24), 0);
    gst_buffer_unmap(frame, &map);
  }
  gst_buffer_unref(both);
  gst_util_set_object_arg(G_OBJECT(overlay), "mode", "blend");
  same_buffer(harness, gst_buffer_copy_deep(frame));
  gst_buffer_unref(frame);

  gst_util_set_object_arg(G_OBJECT(overlay), "mode", "side-by-side");
  GstCaps* caps = gst_video_info_to_caps((GstVideoInfo*)&odd);
  fail_if(gst_pad_query_accept_caps(GST_PAD_PEER(harness->srcpad), caps));
  gst_caps_unref(caps);
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_legend) {
  const GstVideoInfo info = make_info("I420", 300, 240);
  GstHarness* harness = overlay_new(&info, "legend=true colormap=hot");
  GstBuffer *before = test_frame_new(&info), *frame = gst_buffer_copy_deep(before);
  add_constant(frame, 0.25f);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&info, before, out);
  fail_unless_equals_int(count_changed(changed, 300, 0, 0, 260, 240), 0);
  fail_unless(count_changed(changed, 300, 288, 80, 6, 80) > 6 * 75);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  same_buffer(harness, test_frame_new(&info));
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* The map covers its rectangle, wherever that lies, and nothing else. */
GST_START_TEST(test_rectangle) {
  static const gint rectangles[][6] = {/* x, width, then the columns that change: from, to */
                                       {20, 20, 20, 40},  {10, 8, 10, 18}, {-10, 20, 0, 10},
                                       {30, 100, 30, 40}, {50, 10, 0, 0},  {-20, 20, 0, 0}};
  const GstVideoInfo info = make_info("RGB", 40, 30);
  GstHarness* harness = overlay_new(&info, "opacity=1 colormap=hot");
  for (guint i = 0; i < G_N_ELEMENTS(rectangles); i++) {
    const gint* r = rectangles[i];
    GstBuffer *before = black(&info), *frame = gst_buffer_copy_deep(before);
    GstAnomalyMeta* meta = add_constant(frame, 1);
    meta->x = r[0];
    meta->width = r[1];
    meta->height = 30;
    GstBuffer* out = gst_harness_push_and_pull(harness, frame);
    guint8* changed = differences(&info, before, out);
    fail_unless_equals_int(count_changed(changed, 40, 0, 0, 40, 30), (r[3] - r[2]) * 30);
    fail_unless_equals_int(count_changed(changed, 40, r[2], 0, r[3] - r[2], 30), (r[3] - r[2]) * 30);
    g_free(changed);
    gst_buffer_unref(out);
    gst_buffer_unref(before);
  }
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Metadata of the frame before scaling lines up after it. */
GST_START_TEST(test_scaled) {
  GstElementFactory* factory = gst_element_factory_find("videoscale");
  if (factory == NULL) {
    g_print("skipped: no videoscale here\n");
    return;
  }
  gst_object_unref(factory);
  const GstVideoInfo info = make_info("RGB", 40, 30), large = make_info("RGB", 80, 60);
  GstHarness* harness = gst_harness_new_parse(
      "videoscale ! capsfilter caps=video/x-raw,width=80,height=60 ! anomalyoverlay opacity=1 colormap=hot "
      "labels=false");
  GstBuffer *frame = black(&info), *before = black(&large);
  const GstAnomalyRegion region = {.id = 1, .x = 30, .y = 20, .width = 5, .height = 5, .area = 25, .max = 1};
  gst_harness_set_src_caps(harness, gst_video_info_to_caps(&info));
  gst_anomaly_meta_add_region(add_halves(frame, 40, 30), &region);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&large, before, out);
  fail_unless_equals_int(count_changed(changed, 80, 0, 0, 40, 60), 40 * 60);
  fail_unless_equals_int(count_changed(changed, 80, 40, 0, 40, 60), 2 * 10 + 2 * 8);
  fail_unless_equals_int(count_changed(changed, 80, 60, 40, 10, 10), 2 * 10 + 2 * 8);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* A frame that somebody else holds is copied before it is drawn on; one that nobody holds is not. */
GST_START_TEST(test_shared_frame) {
  const GstVideoInfo info = make_info("I420", 32, 16);
  GstHarness* harness = overlay_new(&info, "opacity=1");
  GstBuffer *frame = test_frame_new(&info), *before = gst_buffer_copy_deep(frame);
  GstMapInfo map;
  add_constant(frame, 1);
  GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_ref(frame));
  fail_unless(out != frame);
  fail_unless(gst_buffer_map(before, &map, GST_MAP_READ));
  fail_unless_equals_int(gst_buffer_memcmp(frame, 0, map.data, map.size), 0);
  fail_if(gst_buffer_memcmp(out, 0, map.data, map.size) == 0);
  gst_buffer_unmap(before, &map);
  fail_unless(gst_buffer_get_anomaly_meta(out) != NULL);
  gst_buffer_unref(out);

  GstBuffer* same = gst_harness_push_and_pull(harness, frame);
  fail_unless(same == frame);
  gst_buffer_unref(same);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Another format and size in mid-stream. */
GST_START_TEST(test_renegotiation) {
  const GstVideoInfo first = make_info("RGB", 8, 8), second = make_info("P010_10LE", 20, 10);
  GstHarness* harness = overlay_new(&first, "opacity=1");
  GstBuffer* frame = test_frame_new(&first);
  add_constant(frame, 1);
  gst_buffer_unref(gst_harness_push_and_pull(harness, frame));
  gst_harness_set_src_caps(harness, gst_video_info_to_caps(&second));
  GstBuffer* before = test_frame_new(&second);
  frame = gst_buffer_copy_deep(before);
  add_halves(frame, 20, 10);
  GstBuffer* out = gst_harness_push_and_pull(harness, frame);
  guint8* changed = differences(&second, before, out);
  fail_unless_equals_int(count_changed(changed, 20, 10, 0, 10, 10), 0);
  fail_unless(count_changed(changed, 20, 0, 0, 10, 10) > 90);
  g_free(changed);
  gst_buffer_unref(out);
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}
GST_END_TEST;

static Suite* anomalyoverlay_suite(void) {
  Suite* suite = suite_create("anomalyoverlay");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_untouched);
  tcase_add_test(tests, test_formats);
  tcase_add_test(tests, test_tiny);
  tcase_add_test(tests, test_properties);
  tcase_add_test(tests, test_boxes);
  tcase_add_test(tests, test_labels);
  tcase_add_test(tests, test_score_bar);
  tcase_add_test(tests, test_contours);
  tcase_add_test(tests, test_map_mode);
  tcase_add_test(tests, test_side_by_side);
  tcase_add_test(tests, test_mode_while_playing);
  tcase_add_test(tests, test_legend);
  tcase_add_test(tests, test_rectangle);
  tcase_add_test(tests, test_scaled);
  tcase_add_test(tests, test_shared_frame);
  tcase_add_test(tests, test_renegotiation);
  return suite;
}

GST_CHECK_MAIN(anomalyoverlay);
