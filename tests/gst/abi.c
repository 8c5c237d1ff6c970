/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs that were compiled against version 0.1 rely on: sizes and places of fields. New fields take
 * reserved space. Exported functions: abi.sh. */
#include <stddef.h>

#include "tests/gst/frames.h"

#define AT(type, field, offset) \
  { #type "." #field, G_STRUCT_OFFSET(type, field), offset }
#define SIZE(type, size) \
  { "size of " #type, sizeof(type), size }

GST_START_TEST(test_layout) {
#if GLIB_SIZEOF_VOID_P == 8
  static const struct {
    const gchar* what;
    gsize is, must_be;
  } facts[] = {
      SIZE(GstAnomalyRegion, 88),
      AT(GstAnomalyRegion, id, 0),
      AT(GstAnomalyRegion, x, 4),
      AT(GstAnomalyRegion, y, 8),
      AT(GstAnomalyRegion, width, 12),
      AT(GstAnomalyRegion, height, 16),
      AT(GstAnomalyRegion, area, 24),
      AT(GstAnomalyRegion, mean, 32),
      AT(GstAnomalyRegion, max, 40),
      AT(GstAnomalyRegion, label, 48),
      AT(GstAnomalyRegion, first_seen, 56),
      AT(GstAnomalyRegion, age, 64),
      AT(GstAnomalyRegion, first_seen, 56),
      AT(GstAnomalyRegion, age, 64),
      SIZE(GstAnomalyPlane, 64),
      AT(GstAnomalyPlane, name, 0),
      AT(GstAnomalyPlane, type, 8),
      AT(GstAnomalyPlane, width, 12),
      AT(GstAnomalyPlane, height, 16),
      AT(GstAnomalyPlane, channels, 20),
      AT(GstAnomalyPlane, data, 24),
      SIZE(GstAnomalyMeta, 16 + 40 + 16 + 64 + 16 + 16 + 8 + 8 + 160),
      AT(GstAnomalyMeta, score, 16),
      AT(GstAnomalyMeta, max, 24),
      AT(GstAnomalyMeta, mean, 32),
      AT(GstAnomalyMeta, share, 40),
      AT(GstAnomalyMeta, threshold, 48),
      AT(GstAnomalyMeta, x, 56),
      AT(GstAnomalyMeta, y, 60),
      AT(GstAnomalyMeta, width, 64),
      AT(GstAnomalyMeta, height, 68),
      AT(GstAnomalyMeta, map, 72),
      AT(GstAnomalyMeta, regions, 136),
      AT(GstAnomalyMeta, planes, 144),
      AT(GstAnomalyMeta, method, 152),
      AT(GstAnomalyMeta, model, 160),
      AT(GstAnomalyMeta, inference_ms, 168),
      AT(GstAnomalyMeta, age, 176),
      AT(GstAnomalyMeta, surface, 180),
  };
  for (guint i = 0; i < G_N_ELEMENTS(facts); i++)
    fail_unless(facts[i].is == facts[i].must_be, "%s is %" G_GSIZE_FORMAT ", not %" G_GSIZE_FORMAT,
                facts[i].what, facts[i].is, facts[i].must_be);
#else
  g_print("skipped: the table is of 64-bit machines\n");
#endif
}
GST_END_TEST;

GST_START_TEST(test_enumeration) {
  fail_unless_equals_int(GST_ANOMALY_PLANE_U8, 0);
  fail_unless_equals_int(GST_ANOMALY_PLANE_F32, 1);
  fail_unless_equals_string(g_type_name(GST_ANOMALY_META_API_TYPE), "GstAnomalyMetaAPI");
  fail_unless_equals_int(GST_ANOMALY_META_INFO->size, sizeof(GstAnomalyMeta));
}
GST_END_TEST;

static Suite* anomalyabi_suite(void) {
  Suite* suite = suite_create("anomalyabi");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_layout);
  tcase_add_test(tests, test_enumeration);
  return suite;
}

GST_CHECK_MAIN(anomalyabi);
