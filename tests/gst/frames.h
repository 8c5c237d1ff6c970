/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames with metadata for the suites of the metadata and of the elements that read it. */
#pragma once

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>

#include "gst/lib/gstanomalymeta.h"

G_BEGIN_DECLS

/* Loads the plugin before the suite forks: with what it links to, that takes longer than most tests. */
static inline void test_load_plugin(void) {
  GstPlugin* plugin = gst_plugin_load_by_name("anomaly");
  g_assert_nonnull(plugin);
  gst_object_unref(plugin);
}

/* A frame of `info` filled with a pattern that no row, column or plane repeats soon; pts 0, lasting 40 ms. */
static inline GstBuffer* test_frame_new(const GstVideoInfo* info) {
  GstBuffer* buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(info), NULL);
  GstMapInfo map;
  fail_unless(gst_buffer_map(buffer, &map, GST_MAP_WRITE));
  for (gsize i = 0; i < map.size; i++) map.data[i] = (guint8)(i * 31 + i / 251);
  gst_buffer_unmap(buffer, &map);
  GST_BUFFER_PTS(buffer) = 0;
  GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
  return buffer;
}

static inline GstBuffer* test_floats_new(guint width, guint height, const gfloat* values) {
  return gst_buffer_new_memdup(values, (gsize)width * height * sizeof(gfloat));
}

/* Every field set to something of its own: a map of 4x2 over 0 0 `width` `height`, two regions, one further
 * map. */
static inline GstAnomalyMeta* test_meta_add(GstBuffer* buffer, gint width, gint height) {
  static const gfloat scores[8] = {0.f, 0.125f, 0.25f, 0.375f, 0.5f, 0.625f, 0.75f, 0.875f};
  static const guint8 labels[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  const GstAnomalyRegion first = {.id = 1,
                                  .x = width / 4,
                                  .y = height / 2,
                                  .width = width / 4,
                                  .height = height / 4,
                                  .area = (guint64)(width / 4) * (height / 4),
                                  .mean = 0.625,
                                  .max = 0.75,
                                  .label = "road",
                                  .first_seen = 40 * GST_MSECOND,
                                  .age = 5};
  const GstAnomalyRegion second = {.id = 2,
                                   .x = width * 3 / 4,
                                   .y = 0,
                                   .width = width / 4,
                                   .height = height / 8,
                                   .area = (guint64)(width / 4) * (height / 8) / 2,
                                   .mean = 0.5,
                                   .max = 0.5,
                                   .first_seen = GST_CLOCK_TIME_NONE};
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  fail_unless(meta != NULL);
  meta->score = 0.875;
  meta->max = 0.9375;
  meta->mean = 0.4375;
  meta->share = 0.0625;
  meta->threshold = 0.5;
  meta->width = width;
  meta->height = height;
  meta->inference_ms = 12.5;
  meta->age = 3;
  gst_anomaly_meta_set_names(meta, "synboost", "test-bundle");
  gst_anomaly_meta_set_map(meta, 4, 2, test_floats_new(4, 2, scores));
  gst_anomaly_meta_add_region(meta, &first);
  gst_anomaly_meta_add_region(meta, &second);
  gst_anomaly_meta_add_plane(meta, "labels", GST_ANOMALY_PLANE_U8, 4, 2, 1,
                             gst_buffer_new_memdup(labels, sizeof labels));
  return meta;
}

static inline void test_figures_equal(const GstAnomalyMeta* a, const GstAnomalyMeta* b) {
  fail_unless_equals_float(a->score, b->score);
  fail_unless_equals_float(a->max, b->max);
  fail_unless_equals_float(a->mean, b->mean);
  fail_unless_equals_float(a->share, b->share);
  fail_unless_equals_float(a->threshold, b->threshold);
  fail_unless_equals_float(a->inference_ms, b->inference_ms);
  fail_unless_equals_int(a->age, b->age);
  fail_unless_equals_int(a->surface, b->surface);
  fail_unless_equals_string(a->method, b->method);
  fail_unless_equals_string(a->model, b->model);
}

static inline void test_planes_equal(const GstAnomalyPlane* a, const GstAnomalyPlane* b) {
  fail_unless_equals_string(a->name, b->name);
  fail_unless_equals_int(a->type, b->type);
  fail_unless_equals_int(a->width, b->width);
  fail_unless_equals_int(a->height, b->height);
  fail_unless_equals_int(a->channels, b->channels);
  GBytes *left = gst_anomaly_plane_dup_bytes(a), *right = gst_anomaly_plane_dup_bytes(b);
  fail_unless((left == NULL) == (right == NULL));
  if (left != NULL) fail_unless(g_bytes_equal(left, right));
  g_clear_pointer(&left, g_bytes_unref);
  g_clear_pointer(&right, g_bytes_unref);
}

static inline void test_region_equals(const GstAnomalyRegion* region, guint id, gint x, gint y, gint width,
                                      gint height, guint64 area) {
  fail_unless(region != NULL);
  fail_unless_equals_int(region->id, id);
  fail_unless_equals_int(region->x, x);
  fail_unless_equals_int(region->y, y);
  fail_unless_equals_int(region->width, width);
  fail_unless_equals_int(region->height, height);
  fail_unless_equals_uint64(region->area, area);
}

static inline void test_rectangle_equals(const GstAnomalyMeta* meta, gint x, gint y, gint width,
                                         gint height) {
  fail_unless_equals_int(meta->x, x);
  fail_unless_equals_int(meta->y, y);
  fail_unless_equals_int(meta->width, width);
  fail_unless_equals_int(meta->height, height);
}

static inline void test_metas_equal(const GstAnomalyMeta* a, const GstAnomalyMeta* b) {
  test_figures_equal(a, b);
  test_rectangle_equals(a, b->x, b->y, b->width, b->height);
  test_planes_equal(&a->map, &b->map);
  fail_unless_equals_int(gst_anomaly_meta_n_planes(a), gst_anomaly_meta_n_planes(b));
  for (guint i = 0; i < gst_anomaly_meta_n_planes(a); i++)
    test_planes_equal(gst_anomaly_meta_get_nth_plane(a, i), gst_anomaly_meta_get_nth_plane(b, i));
  fail_unless_equals_int(gst_anomaly_meta_n_regions(a), gst_anomaly_meta_n_regions(b));
  for (guint i = 0; i < gst_anomaly_meta_n_regions(a); i++) {
    const GstAnomalyRegion *l = gst_anomaly_meta_get_region(a, i), *r = gst_anomaly_meta_get_region(b, i);
    test_region_equals(l, r->id, r->x, r->y, r->width, r->height, r->area);
    fail_unless_equals_float(l->mean, r->mean);
    fail_unless_equals_float(l->max, r->max);
    fail_unless_equals_string(l->label, r->label);
    fail_unless_equals_uint64(l->first_seen, r->first_seen);
    fail_unless_equals_int(l->age, r->age);
  }
}

G_END_DECLS
