/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstAnomalyMeta as bytes: comes back equal, and hostile bytes do not come back at all. */
#include "tests/gst/frames.h"

#define HEADER 16

static GstAnomalyMeta* read_bytes(GstBuffer* buffer, gconstpointer data, gsize size, GError** error) {
  /* A copy of exactly that size, so that a read behind it is seen by memory checkers. */
  GBytes* bytes = g_bytes_new(data, size);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta_from_bytes(buffer, bytes, error);
  g_bytes_unref(bytes);
  return meta;
}

static void round_trip(const GstAnomalyMeta* meta) {
  GError* error = NULL;
  GstBuffer* buffer = gst_buffer_new();
  GBytes* bytes = gst_anomaly_meta_serialize(meta);
  fail_unless(bytes != NULL);
  GstAnomalyMeta* back = gst_buffer_add_anomaly_meta_from_bytes(buffer, bytes, &error);
  fail_unless(back != NULL, "%s", error != NULL ? error->message : "no error");
  fail_unless(back == gst_buffer_get_anomaly_meta(buffer));
  test_metas_equal(back, meta);
  GBytes* again = gst_anomaly_meta_serialize(back);
  fail_unless(g_bytes_equal(bytes, again));
  g_bytes_unref(again);
  g_bytes_unref(bytes);
  gst_buffer_unref(buffer);
}

GST_START_TEST(test_round_trips) {
  const guint8 rgb[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const gfloat one = -0.5f;
  GstBuffer* buffer = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  round_trip(meta);

  GstBuffer* full = gst_buffer_new();
  meta = test_meta_add(full, 64, 32);
  round_trip(meta);
  gst_anomaly_meta_add_plane(meta, "synthesis", GST_ANOMALY_PLANE_U8, 2, 2, 3,
                             gst_buffer_new_memdup(rgb, 12));
  gst_anomaly_meta_add_plane(meta, "dissimilarity", GST_ANOMALY_PLANE_F32, 1, 1, 1,
                             test_floats_new(1, 1, &one));
  meta->x = -100;
  meta->age = G_MAXUINT;
  meta->inference_ms = 1e300;
  gst_anomaly_meta_set_names(meta, "",
                             "Stra\xc3\x9f"
                             "e");
  round_trip(meta);
  meta->surface = 5;
  round_trip(meta);
  gst_buffer_unref(full);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

/* Names without end are cut between two letters; bytes that are no UTF-8 are replaced. */
GST_START_TEST(test_awkward_names) {
  GstBuffer *buffer = gst_buffer_new(), *other = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  gchar* name = g_strnfill(2000, 'a');
  memcpy(name + 1023, "\xc3\x9f", 2);
  gst_anomaly_meta_set_names(meta, name, "\xff");
  GBytes* bytes = gst_anomaly_meta_serialize(meta);
  GstAnomalyMeta* back = gst_buffer_add_anomaly_meta_from_bytes(other, bytes, NULL);
  fail_unless(back != NULL);
  fail_unless_equals_int(strlen(back->method), 1023);
  fail_unless_equals_string(back->model, "\xef\xbf\xbd");
  g_bytes_unref(bytes);
  g_free(name);
  gst_buffer_unref(other);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

/* The format itself: what this version wrote, every later one must read. */
GST_START_TEST(test_format) {
  static const guint8 expected[] = {
      'G',  'A',  'N',  'M',  2,    0,   0,    0,                                   /* version */
      124,  0,    0,    0,    0,    0,   0,    0,                                   /* size */
      0,    0,    0,    0,    0,    0,   0xe0, 0x3f,                                /* score 0.5 */
      0,    0,    0,    0,    0,    0,   0xf0, 0x3f,                                /* max 1 */
      0,    0,    0,    0,    0,    0,   0xd0, 0x3f,                                /* mean 0.25 */
      0,    0,    0,    0,    0,    0,   0,    0,                                   /* share */
      0,    0,    0,    0,    0,    0,   0xe0, 0x3f,                                /* threshold 0.5 */
      0,    0,    0,    0,    0,    0,   0,    0x40,                                /* inference_ms 2 */
      7,    0,    0,    0,                                                          /* age */
      0xff, 0xff, 0xff, 0xff, 2,    0,   0,    0,    3,   0,   0, 0, 4, 0, 0,    0, /* rectangle -1 2 3 4 */
      1,    0,    'm',  0xff, 0xff,                                                 /* method, no model */
      1,    7,    0,    'a',  'n',  'o', 'm',  'a',  'l', 'y', 1,                   /* a map of floats */
      1,    0,    0,    0,    1,    0,   0,    0,    1,   0,   0, 0, 0, 0, 0x80, 0x3f,
      0,    0,    0,    0,  /* no further maps */
      0,    0,    0,    0}; /* no regions */
  const gfloat one = 1;
  gsize size;
  GstBuffer* buffer = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  meta->score = meta->threshold = 0.5;
  meta->max = 1;
  meta->mean = 0.25;
  meta->inference_ms = 2;
  meta->age = 7;
  meta->x = -1;
  meta->y = 2;
  meta->width = 3;
  meta->height = 4;
  gst_anomaly_meta_set_names(meta, "m", NULL);
  gst_anomaly_meta_set_map(meta, 1, 1, test_floats_new(1, 1, &one));
  GBytes* bytes = gst_anomaly_meta_serialize(meta);
  const guint8* data = g_bytes_get_data(bytes, &size);
  fail_unless_equals_int(size, sizeof expected);
  for (gsize i = 0; i < size; i++) fail_unless(data[i] == expected[i], "byte %d: %02x", (gint)i, data[i]);
  g_bytes_unref(bytes);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

/* Version 1, from before regions were followed over time: what it had is read, the rest is unknown. */
GST_START_TEST(test_version_1) {
  const GstAnomalyRegion plain = {.id = 3, .width = 2, .height = 2, .area = 4, .first_seen = 7, .age = 9};
  gsize size;
  GError* error = NULL;
  GstBuffer *from = gst_buffer_new(), *to = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(from);
  gst_anomaly_meta_add_region(meta, &plain);
  guint8* data = g_bytes_unref_to_data(gst_anomaly_meta_serialize(meta), &size);
  size -= 8 + 4;
  data[4] = 1;
  GST_WRITE_UINT64_LE(data + 8, size);
  meta = read_bytes(to, data, size, &error);
  fail_unless(meta != NULL, "%s", error != NULL ? error->message : "");
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta), 1);
  const GstAnomalyRegion* region = gst_anomaly_meta_get_region(meta, 0);
  test_region_equals(region, 3, 0, 0, 2, 2, 4);
  fail_unless_equals_uint64(region->first_seen, GST_CLOCK_TIME_NONE);
  fail_unless_equals_int(region->age, 0);
  g_free(data);
  gst_buffer_unref(to);
  gst_buffer_unref(from);
}
GST_END_TEST;

/* Version 3 names the picture of a batch, behind the age. All else is as in version 2, which is what is
 * written where there is no batch. */
GST_START_TEST(test_surface) {
  gsize size, plain_size;
  GError* error = NULL;
  GstBuffer *from = gst_buffer_new(), *to = gst_buffer_new();
  GstAnomalyMeta* meta = test_meta_add(from, 64, 32);
  guint8* plain = g_bytes_unref_to_data(gst_anomaly_meta_serialize(meta), &plain_size);
  meta->surface = 0x201;
  guint8* data = g_bytes_unref_to_data(gst_anomaly_meta_serialize(meta), &size);
  fail_unless_equals_int(size, plain_size + 4);
  fail_unless_equals_int(plain[4], 2);
  fail_unless_equals_int(data[4], 3);
  fail_unless_equals_int(GST_READ_UINT32_LE(data + HEADER + 6 * 8 + 4), 0x201);
  fail_unless(memcmp(plain + HEADER, data + HEADER, 6 * 8 + 4) == 0);
  fail_unless(
      memcmp(plain + HEADER + 6 * 8 + 4, data + HEADER + 6 * 8 + 8, plain_size - HEADER - 6 * 8 - 4) == 0);
  meta = read_bytes(to, data, size, &error);
  fail_unless(meta != NULL, "%s", error != NULL ? error->message : "");
  fail_unless_equals_int(meta->surface, 0x201);
  fail_unless(gst_buffer_remove_meta(to, &meta->meta));
  data[HEADER + 6 * 8 + 7] = 1;
  fail_unless(read_bytes(to, data, size, &error) == NULL);
  fail_unless(strstr(error->message, "no buffer holds") != NULL, "%s", error->message);
  g_error_free(error);
  g_free(data);
  g_free(plain);
  gst_buffer_unref(to);
  gst_buffer_unref(from);
}
GST_END_TEST;

static void rejected(const guint8* data, gsize size, const gchar* part) {
  GError* error = NULL;
  GstBuffer* buffer = gst_buffer_new();
  fail_unless(read_bytes(buffer, data, size, &error) == NULL, "accepted");
  fail_unless(g_error_matches(error, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE));
  fail_unless(strstr(error->message, part) != NULL, "\"%s\" does not say: %s", error->message, part);
  fail_unless(gst_buffer_get_anomaly_meta(buffer) == NULL);
  g_error_free(error);
  gst_buffer_unref(buffer);
}

static guint8* sample(gsize* size) {
  GstBuffer* buffer = gst_buffer_new();
  GBytes* bytes = gst_anomaly_meta_serialize(test_meta_add(buffer, 64, 32));
  gst_buffer_unref(buffer);
  return g_bytes_unref_to_data(bytes, size);
}

/* Where things lie in the sample: after the figures, "synboost" and "test-bundle". */
#define FIGURES (HEADER + 6 * 8 + 4)
#define METHOD (FIGURES + 16)
#define MAP (METHOD + 2 + 8 + 2 + 11)
#define MAP_TYPE (MAP + 1 + 2 + 7)
#define PLANES (MAP_TYPE + 1 + 3 * 4 + 32)
#define REGIONS (PLANES + 4 + 2 + 6 + 1 + 3 * 4 + 8)

static void spoilt(gsize offset, guint8 value, const gchar* part) {
  gsize size;
  guint8* data = sample(&size);
  fail_unless(offset < size && data[offset] != value);
  data[offset] = value;
  rejected(data, size, part);
  g_free(data);
}

GST_START_TEST(test_hostile) {
  gsize size;
  guint8* data = sample(&size);
  rejected(NULL, 0, "too early");
  for (gsize cut = 1; cut < size; cut++) rejected(data, cut, "");
  guint8* longer = g_realloc(data, size + 1);
  longer[size] = 0;
  rejected(longer, size + 1, "behind it");
  g_free(longer);

  spoilt(0, 'X', "begin");
  spoilt(4, 4, "version");
  spoilt(4, 0, "version");
  spoilt(4, 1, ""); /* as version 1 the regions are shorter than what is there */
  spoilt(15, 1, "cut off");
  spoilt(FIGURES + 3, 0x7f, "rectangle");
  spoilt(FIGURES + 11, 0x80, "rectangle"); /* a negative width */
  spoilt(METHOD + 1, 5, "too long");
  spoilt(METHOD + 2, 0xff, "UTF-8");
  spoilt(METHOD + 2, 0, "UTF-8"); /* no name holds a zero */
  spoilt(MAP, 2, "neither");
  spoilt(MAP + 3, 'b', "scores");
  spoilt(MAP_TYPE, 2, "type");
  spoilt(MAP_TYPE, 0, "scores");
  spoilt(MAP_TYPE + 1, 0, "empty");
  spoilt(MAP_TYPE + 4, 0xff, "larger");
  spoilt(MAP_TYPE + 9, 2, "scores");
  spoilt(PLANES, 65, "too many maps");
  spoilt(REGIONS, 3, "fewer regions");
  spoilt(REGIONS + 3, 0xff, "fewer regions");
  spoilt(REGIONS + 4 + 4 + 3, 0x7f, "rectangle");
}
GST_END_TEST;

/* Strings of strangers are kept only up to a number; known ones are not counted. */
GST_START_TEST(test_names_without_end) {
  GstBuffer *from = gst_buffer_new(), *to = gst_buffer_new();
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(from);
  gsize size;
  gst_anomaly_meta_set_names(meta, "00000000", NULL);
  GBytes* bytes = gst_anomaly_meta_serialize(meta);
  guint8* data = g_bytes_unref_to_data(bytes, &size);
  gint accepted = 0;
  for (gint i = 1; i <= 5000; i++) {
    gchar name[9];
    g_snprintf(name, sizeof name, "%08d", i);
    memcpy(data + METHOD + 2, name, 8);
    meta = read_bytes(to, data, size, NULL);
    if (meta == NULL) continue;
    accepted++;
    fail_unless(gst_buffer_remove_meta(to, &meta->meta));
  }
  fail_unless(accepted > 3000 && accepted < 5000, "%d", accepted);
  memcpy(data + METHOD + 2, "00000001", 8);
  fail_unless(read_bytes(to, data, size, NULL) != NULL);
  g_free(data);
  gst_buffer_unref(to);
  gst_buffer_unref(from);
}
GST_END_TEST;

/* Bytes changed at random, always the same ones: refused, or read as something that can be written again. */
GST_START_TEST(test_mutations) {
  gsize size;
  guint8* good = sample(&size);
  GRand* random = g_rand_new_with_seed(20);
  guint read = 0, refused = 0;
  for (guint i = 0; i < 20000; i++) {
    gsize length = size;
    guint8* bad = g_memdup2(good, size);
    for (guint n = g_rand_int_range(random, 1, 5); n > 0; n--) {
      /* The strings' own letters would use up the number of new names. */
      const gsize at = g_rand_int_range(random, 4, (gint)size);
      const gint kind = g_rand_int_range(random, 0, 4);
      if (kind == 0) bad[at] ^= (guint8)(1u << g_rand_int_range(random, 0, 8));
      if (kind == 1) bad[at] = (guint8)g_rand_int_range(random, 0, 256);
      if (kind == 2) bad[at] = g_rand_boolean(random) ? 0xff : 0;
      if (kind == 3) length = at;
    }
    /* Most must get past the header. */
    if (length >= HEADER && g_rand_int_range(random, 0, 8) > 0) GST_WRITE_UINT64_LE(bad + 8, length);
    GstBuffer* buffer = gst_buffer_new();
    GstAnomalyMeta* meta = read_bytes(buffer, bad, length, NULL);
    fail_unless(meta == gst_buffer_get_anomaly_meta(buffer));
    if (meta != NULL) {
      GBytes* again = gst_anomaly_meta_serialize(meta);
      fail_unless_equals_int(g_bytes_get_size(again), length);
      g_bytes_unref(again);
      read++;
    } else {
      refused++;
    }
    gst_buffer_unref(buffer);
    g_free(bad);
  }
  g_print("%u read, %u refused\n", read, refused);
  fail_unless(read > 1000 && refused > 1000);
  g_rand_free(random);
  g_free(good);
}
GST_END_TEST;

#if GST_CHECK_VERSION(1, 24, 0)
/* GStreamer's own way of writing metadata. */
GST_START_TEST(test_gst_meta_serialize) {
  guint32 consumed = 0;
  GstBuffer *from = gst_buffer_new(), *to = gst_buffer_new();
  GByteArray* bytes = g_byte_array_new();
  GstAnomalyMeta* meta = test_meta_add(from, 64, 32);
  fail_unless(gst_meta_serialize_simple(&meta->meta, bytes));
  GstMeta* back = gst_meta_deserialize(to, bytes->data, bytes->len, &consumed);
  fail_unless(back != NULL);
  fail_unless_equals_int(consumed, bytes->len);
  test_metas_equal((GstAnomalyMeta*)back, meta);
  g_byte_array_unref(bytes);
  gst_buffer_unref(to);
  gst_buffer_unref(from);
}
GST_END_TEST;
#endif

static Suite* anomalymetabytes_suite(void) {
  Suite* suite = suite_create("anomalymetabytes");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_round_trips);
  tcase_add_test(tests, test_awkward_names);
  tcase_add_test(tests, test_format);
  tcase_add_test(tests, test_version_1);
  tcase_add_test(tests, test_surface);
  tcase_add_test(tests, test_hostile);
  tcase_add_test(tests, test_mutations);
#if GST_CHECK_VERSION(1, 24, 0)
  tcase_add_test(tests, test_gst_meta_serialize);
#endif
  /* The last: it uses up the new names of a process that does not fork. */
  tcase_add_test(tests, test_names_without_end);
  return suite;
}

GST_CHECK_MAIN(anomalymetabytes);
