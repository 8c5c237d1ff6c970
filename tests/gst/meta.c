/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstAnomalyMeta alone: fields, setters, copies, and each transform called as an element would. */
#include <math.h>

#include "tests/gst/frames.h"

/* What "gst-video-matrix" hands over, see GstVideoMetaTransformMatrix of GStreamer 1.28. */
typedef struct {
  const GstVideoInfo* in_info;
  GstVideoRectangle in_rectangle;
  const GstVideoInfo* out_info;
  GstVideoRectangle out_rectangle;
  gfloat matrix[3][3];
} Matrix;

static gboolean apply(GstBuffer* dest, GstBuffer* source, GQuark type, gpointer data) {
  GstMeta* meta = &gst_buffer_get_anomaly_meta(source)->meta;
  return meta->info->transform_func(dest, meta, source, type, data);
}

static GstVideoInfo sized(gint width, gint height) {
  GstVideoInfo info;
  gst_video_info_init(&info);
  fail_unless(gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, width, height));
  return info;
}

GST_START_TEST(test_empty) {
  GstBuffer* buffer = gst_buffer_new();
  fail_unless(gst_buffer_get_anomaly_meta(buffer) == NULL);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  fail_unless(gst_buffer_get_anomaly_meta(buffer) == meta);
  test_rectangle_equals(meta, 0, 0, 0, 0);
  fail_unless(meta->map.data == NULL);
  fail_unless(meta->method == NULL && meta->model == NULL);
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta), 0);
  fail_unless_equals_int(gst_anomaly_meta_n_planes(meta), 0);
  fail_unless(gst_anomaly_meta_get_region(meta, 0) == NULL);
  fail_unless(gst_anomaly_meta_get_nth_plane(meta, 0) == NULL);
  fail_unless(gst_anomaly_meta_get_plane(meta, "anomaly") == NULL);

  GstMapInfo info;
  const gfloat* scores;
  guint width, height;
  gdouble score;
  fail_if(gst_anomaly_meta_map_scores(meta, &info, &scores, &width, &height));
  fail_if(gst_anomaly_meta_get_score_at(meta, 0, 0, &score));

  GstBuffer* shared = gst_buffer_ref(buffer);
  ASSERT_CRITICAL(gst_buffer_add_anomaly_meta(shared));
  gst_buffer_unref(shared);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

GST_START_TEST(test_setters) {
  GstBuffer* buffer = gst_buffer_new();
  GstAnomalyMeta* meta = test_meta_add(buffer, 64, 32);
  fail_unless(meta->method == g_intern_string("synboost"));
  test_region_equals(gst_anomaly_meta_get_region(meta, 0), 1, 16, 16, 16, 8, 128);
  fail_unless(gst_anomaly_meta_get_region(meta, 0)->label == g_intern_string("road"));
  fail_unless(gst_anomaly_meta_get_region(meta, 1)->label == NULL);
  fail_unless(gst_anomaly_meta_get_region(meta, 2) == NULL);
  fail_unless(gst_anomaly_meta_get_plane(meta, "anomaly") == &meta->map);
  fail_unless_equals_string(gst_anomaly_meta_get_plane(meta, "labels")->name, "labels");
  fail_unless(gst_anomaly_meta_get_plane(meta, "entropy") == NULL);

  GstMapInfo info;
  const gfloat* scores;
  guint width, height;
  fail_unless(gst_anomaly_meta_map_scores(meta, &info, &scores, &width, &height));
  fail_unless_equals_int(width, 4);
  fail_unless_equals_int(height, 2);
  fail_unless_equals_float(scores[7], 0.875);
  gst_anomaly_meta_unmap_scores(meta, &info);

  /* A second map takes the place of the first. */
  const gfloat one = 0.25f;
  gst_anomaly_meta_set_map(meta, 1, 1, test_floats_new(1, 1, &one));
  fail_unless(gst_anomaly_meta_map_scores(meta, &info, &scores, &width, &height));
  fail_unless_equals_int(width, 1);
  fail_unless_equals_float(scores[0], 0.25);
  gst_anomaly_meta_unmap_scores(meta, &info);

  GstAnomalyRegion* region = gst_anomaly_region_copy(gst_anomaly_meta_get_region(meta, 0));
  test_region_equals(region, 1, 16, 16, 16, 8, 128);
  gst_anomaly_region_free(region);
  GstAnomalyPlane* plane = g_boxed_copy(GST_TYPE_ANOMALY_PLANE, &meta->map);
  gst_buffer_unref(buffer);
  fail_unless_equals_int(gst_buffer_get_size(plane->data), sizeof(gfloat));
  g_boxed_free(GST_TYPE_ANOMALY_PLANE, plane);
}
GST_END_TEST;

/* A map that its buffer cannot hold is refused, and what was there stays. */
GST_START_TEST(test_lying_sizes) {
  GstBuffer* buffer = gst_buffer_new();
  GstAnomalyMeta* meta = test_meta_add(buffer, 64, 32);
  ASSERT_CRITICAL(gst_anomaly_meta_set_map(meta, 4, 3, gst_buffer_new_allocate(NULL, 47, NULL)));
  ASSERT_CRITICAL(gst_anomaly_meta_set_map(meta, 0, 3, gst_buffer_new_allocate(NULL, 48, NULL)));
  ASSERT_CRITICAL(
      gst_anomaly_meta_set_map(meta, G_MAXUINT, G_MAXUINT, gst_buffer_new_allocate(NULL, 48, NULL)));
  ASSERT_CRITICAL(gst_anomaly_meta_add_plane(meta, "entropy", GST_ANOMALY_PLANE_U8, 4, 4, 3,
                                             gst_buffer_new_allocate(NULL, 47, NULL)));
  ASSERT_CRITICAL(gst_anomaly_meta_add_plane(meta, "entropy", (GstAnomalyPlaneType)7, 1, 1, 1,
                                             gst_buffer_new_allocate(NULL, 48, NULL)));
  fail_unless_equals_int(meta->map.width, 4);
  fail_unless_equals_int(meta->map.height, 2);
  fail_unless_equals_int(gst_anomaly_meta_n_planes(meta), 1);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

GST_START_TEST(test_score_at) {
  GstBuffer* buffer = gst_buffer_new();
  GstAnomalyMeta* meta = test_meta_add(buffer, 64, 32);
  gdouble score = -1;
  meta->x = 10;
  meta->y = 20;
  fail_unless(gst_anomaly_meta_get_score_at(meta, 10, 20, &score));
  fail_unless_equals_float(score, 0);
  fail_unless(gst_anomaly_meta_get_score_at(meta, 73, 51, &score));
  fail_unless_equals_float(score, 0.875);
  fail_unless(gst_anomaly_meta_get_score_at(meta, 25, 36, &score));
  fail_unless_equals_float(score, 0.5);
  fail_unless(gst_anomaly_meta_get_score_at(meta, 26, 35, &score));
  fail_unless_equals_float(score, 0.125);
  fail_if(gst_anomaly_meta_get_score_at(meta, 9, 20, &score));
  fail_if(gst_anomaly_meta_get_score_at(meta, 10, 19, &score));
  fail_if(gst_anomaly_meta_get_score_at(meta, 74, 20, &score));
  fail_if(gst_anomaly_meta_get_score_at(meta, 10, 52, &score));
  gst_buffer_unref(buffer);
}
GST_END_TEST;

/* A copy is equal, shares the maps, and lets the original change without following it. */
static void check_copy(GstBuffer* copy, GstBuffer* original) {
  GstAnomalyMeta *meta = gst_buffer_get_anomaly_meta(original), *same = gst_buffer_get_anomaly_meta(copy);
  fail_unless(same != NULL && same != meta);
  test_metas_equal(same, meta);
  fail_unless(same->map.data == meta->map.data);
  fail_unless(same->regions != meta->regions && same->planes != meta->planes);

  g_array_index(same->regions, GstAnomalyRegion, 0).x = 999;
  g_array_set_size(same->planes, 0);
  gst_clear_buffer(&same->map.data);
  fail_unless_equals_int(gst_anomaly_meta_get_region(meta, 0)->x, 16);
  fail_unless_equals_int(gst_anomaly_meta_n_planes(meta), 1);
  fail_unless(meta->map.data != NULL);
  gst_buffer_unref(copy);
}

GST_START_TEST(test_copies) {
  const GstVideoInfo info = sized(64, 32);
  GstBuffer* buffer = test_frame_new(&info);
  GstAnomalyMeta* meta = test_meta_add(buffer, 64, 32);
  meta->x = 5;
  check_copy(gst_buffer_copy(buffer), buffer);
  check_copy(gst_buffer_copy_deep(buffer), buffer);
  check_copy(gst_buffer_copy_region(buffer, GST_BUFFER_COPY_ALL, 0, -1), buffer);
  /* A part of the bytes belongs to the same frame. */
  check_copy(gst_buffer_copy_region(buffer, GST_BUFFER_COPY_ALL, 64, 128), buffer);
  check_copy(gst_buffer_copy_region(buffer, GST_BUFFER_COPY_META, 0, 0), buffer);
  check_copy(gst_buffer_make_writable(gst_buffer_ref(buffer)), buffer);

  /* The copy outlives the original. */
  GstBuffer* copy = gst_buffer_copy(buffer);
  gst_buffer_unref(buffer);
  fail_unless_equals_string(gst_buffer_get_anomaly_meta(copy)->method, "synboost");
  fail_unless_equals_int(gst_buffer_get_size(gst_buffer_get_anomaly_meta(copy)->map.data), 32);
  gst_buffer_unref(copy);
}
GST_END_TEST;

GST_START_TEST(test_scale) {
  GstVideoInfo in = sized(64, 32), out = sized(32, 16);
  GstVideoMetaTransform data = {&in, &out};
  GstBuffer *buffer = gst_buffer_new(), *half = gst_buffer_new(), *large = gst_buffer_new();
  GstAnomalyMeta* meta = test_meta_add(buffer, 64, 32);
  meta->x = 2;
  meta->width = 62;
  fail_unless(apply(half, buffer, gst_video_meta_transform_scale_get_quark(), &data));
  GstAnomalyMeta* scaled = gst_buffer_get_anomaly_meta(half);
  test_figures_equal(scaled, meta);
  test_rectangle_equals(scaled, 1, 0, 31, 16);
  test_region_equals(gst_anomaly_meta_get_region(scaled, 0), 1, 8, 8, 8, 4, 32);
  test_region_equals(gst_anomaly_meta_get_region(scaled, 1), 2, 24, 0, 8, 2, 8);
  fail_unless(scaled->map.data == meta->map.data);
  test_planes_equal(gst_anomaly_meta_get_plane(scaled, "labels"), gst_anomaly_meta_get_plane(meta, "labels"));

  out = sized(192, 96);
  fail_unless(apply(large, buffer, gst_video_meta_transform_scale_get_quark(), &data));
  scaled = gst_buffer_get_anomaly_meta(large);
  test_rectangle_equals(scaled, 6, 0, 186, 96);
  test_region_equals(gst_anomaly_meta_get_region(scaled, 1), 2, 144, 0, 48, 12, 288);
  gst_buffer_unref(large);
  gst_buffer_unref(half);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

/* However small the frame gets, a region keeps a pixel, inside the frame. */
GST_START_TEST(test_scale_tiny) {
  GstVideoInfo in = sized(640, 320), out = sized(2, 1);
  GstVideoMetaTransform data = {&in, &out};
  GstBuffer *buffer = gst_buffer_new(), *tiny = gst_buffer_new();
  test_meta_add(buffer, 640, 320);
  fail_unless(apply(tiny, buffer, gst_video_meta_transform_scale_get_quark(), &data));
  GstAnomalyMeta* scaled = gst_buffer_get_anomaly_meta(tiny);
  test_rectangle_equals(scaled, 0, 0, 2, 1);
  for (guint i = 0; i < gst_anomaly_meta_n_regions(scaled); i++) {
    const GstAnomalyRegion* region = gst_anomaly_meta_get_region(scaled, i);
    fail_unless(region->width >= 1 && region->height >= 1 && region->area >= 1);
    fail_unless(region->x >= 0 && region->x + region->width <= 2 && region->y >= 0 &&
                region->y + region->height <= 1);
  }
  gst_buffer_unref(tiny);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

/* A scaler that keeps the picture's shape adds borders, which this transform does not tell of. */
GST_START_TEST(test_scale_shape) {
  GstVideoInfo in = sized(64, 32), out = sized(64, 64);
  GstVideoMetaTransform data = {&in, &out};
  GstBuffer *buffer = gst_buffer_new(), *dest = gst_buffer_new();
  test_meta_add(buffer, 64, 32);
  fail_if(apply(dest, buffer, gst_video_meta_transform_scale_get_quark(), &data));
  fail_unless(gst_buffer_get_anomaly_meta(dest) == NULL);
  out.par_n = 2; /* the same shape in wider pixels */
  fail_unless(apply(dest, buffer, gst_video_meta_transform_scale_get_quark(), &data));
  test_rectangle_equals(gst_buffer_get_anomaly_meta(dest), 0, 0, 64, 64);
  gst_buffer_unref(dest);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

GST_START_TEST(test_unknown_transform) {
  GstBuffer *buffer = gst_buffer_new(), *dest = gst_buffer_new();
  test_meta_add(buffer, 64, 32);
  fail_if(apply(dest, buffer, g_quark_from_static_string("gst-anomaly-test-transform"), NULL));
  fail_unless(gst_buffer_get_anomaly_meta(dest) == NULL);
  gst_buffer_unref(dest);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

/* The metadata of a 64x32 frame after `matrix` between the two rectangles, or NULL; owned by *dest. */
static GstAnomalyMeta* after_matrix(GstBuffer** dest, GstVideoRectangle from, GstVideoInfo* out,
                                    GstVideoRectangle to, const gfloat matrix[3][3]) {
  GstVideoInfo in = sized(64, 32);
  Matrix data = {.in_info = &in, .in_rectangle = from, .out_info = out, .out_rectangle = to};
  memcpy(data.matrix, matrix, sizeof data.matrix);
  GstBuffer* buffer = gst_buffer_new();
  test_meta_add(buffer, 64, 32);
  *dest = gst_buffer_new();
  const gboolean done = apply(*dest, buffer, g_quark_from_static_string("gst-video-matrix"), &data);
  fail_unless(done == (gst_buffer_get_anomaly_meta(*dest) != NULL));
  gst_buffer_unref(buffer);
  return gst_buffer_get_anomaly_meta(*dest);
}

static void scores_equal(const GstAnomalyMeta* meta, guint width, guint height, const gfloat* expected) {
  GBytes* bytes = gst_anomaly_plane_dup_bytes(&meta->map);
  GBytes* mapped = gst_anomaly_plane_ref_bytes(&meta->map);
  fail_unless_equals_int(meta->map.width, width);
  fail_unless_equals_int(meta->map.height, height);
  fail_unless_equals_int(g_bytes_get_size(bytes), width * height * sizeof(gfloat));
  fail_unless(memcmp(g_bytes_get_data(bytes, NULL), expected, g_bytes_get_size(bytes)) == 0);
  fail_unless(g_bytes_equal(bytes, mapped));
  g_bytes_unref(mapped);
  g_bytes_unref(bytes);
}

GST_START_TEST(test_matrix_letterbox) {
  GstBuffer* dest;
  GstVideoInfo out = sized(128, 128);
  GstAnomalyMeta* meta =
      after_matrix(&dest, (GstVideoRectangle){0, 0, 64, 32}, &out, (GstVideoRectangle){0, 32, 128, 64},
                   (const gfloat[3][3]){{2, 0, 0}, {0, 2, 0}, {0, 0, 1}});
  test_rectangle_equals(meta, 0, 32, 128, 64);
  test_region_equals(gst_anomaly_meta_get_region(meta, 0), 1, 32, 64, 32, 16, 512);
  gst_buffer_unref(dest);
}
GST_END_TEST;

GST_START_TEST(test_matrix_crop) {
  GstBuffer* dest;
  GstVideoInfo out = sized(24, 16);
  /* Columns 24 to 47 and rows 8 to 23 are kept: the first region loses its left half, the second goes. */
  GstAnomalyMeta* meta =
      after_matrix(&dest, (GstVideoRectangle){24, 8, 24, 16}, &out, (GstVideoRectangle){0, 0, 24, 16},
                   (const gfloat[3][3]){{1, 0, 0}, {0, 1, 0}, {0, 0, 1}});
  test_rectangle_equals(meta, -24, -8, 64, 32);
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta), 1);
  test_region_equals(gst_anomaly_meta_get_region(meta, 0), 1, 0, 8, 8, 8, 64);
  gst_buffer_unref(dest);
}
GST_END_TEST;

/* The same as the frame's size spelt out: 0 x 0 is all of the frame before, not of the one after. */
GST_START_TEST(test_matrix_whole) {
  GstVideoInfo in = sized(64, 32), out = sized(128, 128);
  Matrix data = {.in_info = &in,
                 .in_rectangle = {0, 0, 64, 32},
                 .out_info = &out,
                 .out_rectangle = {0, 32, 128, 64},
                 .matrix = {{2, 0, 0}, {0, 2, 0}, {0, 0, 1}}};
  GstBuffer *buffer = gst_buffer_new(), *dest = gst_buffer_new(), *lost = gst_buffer_new();
  test_meta_add(buffer, 0, 0);
  fail_unless(apply(dest, buffer, g_quark_from_static_string("gst-video-matrix"), &data));
  test_rectangle_equals(gst_buffer_get_anomaly_meta(dest), 0, 32, 128, 64);
  data.in_info = NULL;
  fail_if(apply(lost, buffer, g_quark_from_static_string("gst-video-matrix"), &data));
  fail_unless(gst_buffer_get_anomaly_meta(lost) == NULL);
  gst_buffer_unref(lost);
  gst_buffer_unref(dest);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

/* A part of the frame, shown between borders: what was cut off must not come back over them. */
GST_START_TEST(test_matrix_crop_with_borders) {
  GstBuffer* dest;
  GstVideoInfo out = sized(40, 16);
  GstAnomalyMeta* meta =
      after_matrix(&dest, (GstVideoRectangle){24, 8, 24, 16}, &out, (GstVideoRectangle){8, 0, 24, 16},
                   (const gfloat[3][3]){{1, 0, 0}, {0, 1, 0}, {0, 0, 1}});
  fail_unless(meta == NULL);
  gst_buffer_unref(dest);
  /* Borders where nothing was cut. */
  meta = after_matrix(&dest, (GstVideoRectangle){0, 8, 64, 16}, &out, (GstVideoRectangle){4, 0, 32, 16},
                      (const gfloat[3][3]){{0.5f, 0, 0}, {0, 1, 0}, {0, 0, 1}});
  test_rectangle_equals(meta, 4, -8, 32, 32);
  gst_buffer_unref(dest);
}
GST_END_TEST;

GST_START_TEST(test_matrix_flip) {
  GstBuffer* dest;
  GstVideoInfo out = sized(64, 32);
  const gfloat mirrored[8] = {0.375f, 0.25f, 0.125f, 0.f, 0.875f, 0.75f, 0.625f, 0.5f};
  GstAnomalyMeta* meta =
      after_matrix(&dest, (GstVideoRectangle){0, 0, 64, 32}, &out, (GstVideoRectangle){0, 0, 64, 32},
                   (const gfloat[3][3]){{-1, 0, 64}, {0, 1, 0}, {0, 0, 1}});
  test_rectangle_equals(meta, 0, 0, 64, 32);
  test_region_equals(gst_anomaly_meta_get_region(meta, 0), 1, 32, 16, 16, 8, 128);
  test_region_equals(gst_anomaly_meta_get_region(meta, 1), 2, 0, 0, 16, 4, 32);
  scores_equal(meta, 4, 2, mirrored);
  gst_buffer_unref(dest);
}
GST_END_TEST;

/* A quarter turn to the right: the top left corner goes to the top right. */
GST_START_TEST(test_matrix_turn) {
  GstBuffer* dest;
  GstVideoInfo out = sized(32, 64);
  const gfloat turned[8] = {0.5f, 0.f, 0.625f, 0.125f, 0.75f, 0.25f, 0.875f, 0.375f};
  GstAnomalyMeta* meta =
      after_matrix(&dest, (GstVideoRectangle){0, 0, 64, 32}, &out, (GstVideoRectangle){0, 0, 32, 64},
                   (const gfloat[3][3]){{0, -1, 32}, {1, 0, 0}, {0, 0, 1}});
  test_rectangle_equals(meta, 0, 0, 32, 64);
  test_region_equals(gst_anomaly_meta_get_region(meta, 0), 1, 8, 16, 8, 16, 128);
  test_region_equals(gst_anomaly_meta_get_region(meta, 1), 2, 28, 48, 4, 16, 32);
  scores_equal(meta, 2, 4, turned);
  gst_buffer_unref(dest);
}
GST_END_TEST;

GST_START_TEST(test_matrix_unspeakable) {
  GstBuffer* dest;
  GstVideoInfo out = sized(64, 32);
  const GstVideoRectangle all = {0, 0, 64, 32};
  const gfloat matrices[][3][3] = {{{0.8f, 0.6f, 0}, {-0.6f, 0.8f, 0}, {0, 0, 1}}, /* a turn by an angle */
                                   {{1, 0.5f, 0}, {0, 1, 0}, {0, 0, 1}},           /* a shear */
                                   {{1, 0, 0}, {0, 1, 0}, {0.01f, 0, 1}},          /* a perspective */
                                   {{1, 0, 0}, {0, 1, 0}, {0, 0, 0}},
                                   {{0, 0, 0}, {0, 1, 0}, {0, 0, 1}},
                                   {{0, 0, 0}, {0, 0, 0}, {0, 0, 1}},
                                   {{NAN, 0, 0}, {0, 1, 0}, {0, 0, 1}},
                                   {{1, 0, INFINITY}, {0, 1, 0}, {0, 0, 1}},
                                   {{1, 0, 0}, {0, 1, 0}, {0, 0, NAN}}};
  for (guint i = 0; i < G_N_ELEMENTS(matrices); i++) {
    fail_unless(after_matrix(&dest, all, &out, all, matrices[i]) == NULL);
    gst_buffer_unref(dest);
  }
}
GST_END_TEST;

/* The plane's own memory, for as long as the bytes live; and none where there is nothing to hold. */
GST_START_TEST(test_ref_bytes) {
  static const gfloat scores[2] = {0.25f, 0.75f};
  GstBuffer* buffer = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  fail_unless(gst_anomaly_plane_ref_bytes(&meta->map) == NULL);
  gst_anomaly_meta_set_map(meta, 2, 1, gst_buffer_new_memdup(scores, sizeof scores));
  GBytes *one = gst_anomaly_plane_ref_bytes(&meta->map), *other = gst_anomaly_plane_ref_bytes(&meta->map);
  fail_unless(one != NULL && g_bytes_get_data(one, NULL) == g_bytes_get_data(other, NULL));
  fail_unless_equals_int(g_bytes_get_size(one), sizeof scores);
  g_bytes_unref(other);
  /* Longer than the frame. */
  gst_buffer_unref(buffer);
  fail_unless(memcmp(g_bytes_get_data(one, NULL), scores, sizeof scores) == 0);
  g_bytes_unref(one);
  /* Fewer bytes than the plane says it has. */
  buffer = gst_buffer_new();
  meta = gst_buffer_add_anomaly_meta(buffer);
  gst_anomaly_meta_set_map(meta, 2, 1, gst_buffer_new_memdup(scores, sizeof scores));
  gst_buffer_resize(meta->map.data, 0, 4);
  fail_unless(gst_anomaly_plane_ref_bytes(&meta->map) == NULL);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

static Suite* anomalymeta_suite(void) {
  Suite* suite = suite_create("anomalymeta");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_ref_bytes);
  tcase_add_test(tests, test_empty);
  tcase_add_test(tests, test_setters);
  tcase_add_test(tests, test_lying_sizes);
  tcase_add_test(tests, test_score_at);
  tcase_add_test(tests, test_copies);
  tcase_add_test(tests, test_scale);
  tcase_add_test(tests, test_scale_tiny);
  tcase_add_test(tests, test_scale_shape);
  tcase_add_test(tests, test_unknown_transform);
  tcase_add_test(tests, test_matrix_letterbox);
  tcase_add_test(tests, test_matrix_crop);
  tcase_add_test(tests, test_matrix_whole);
  tcase_add_test(tests, test_matrix_crop_with_borders);
  tcase_add_test(tests, test_matrix_flip);
  tcase_add_test(tests, test_matrix_turn);
  tcase_add_test(tests, test_matrix_unspeakable);
  return suite;
}

GST_CHECK_MAIN(anomalymeta);
