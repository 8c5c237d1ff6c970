/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The example of docs/metadata.md, on a frame with metadata and on one without. */
#include "docexample.inc"
#include "tests/gst/frames.h"

static GString* printed;

static void collect(const gchar* text) {
  g_string_append(printed, text);
}

GST_START_TEST(test_example) {
  GstBuffer *with = gst_buffer_new(), *without = gst_buffer_new();
  test_meta_add(with, 64, 32);
  printed = g_string_new(NULL);
  GPrintFunc before = g_set_print_handler(collect);
  look_at(without);
  look_at(with);
  g_set_print_handler(before);
  fail_unless_equals_string(printed->str,
                            "score 0.875, 2 regions\n"
                            "  road at 16 16, 16x8, up to 0.75\n"
                            "  ? at 48 0, 16x4, up to 0.50\n");
  g_string_free(printed, TRUE);
  gst_buffer_unref(without);
  gst_buffer_unref(with);
}
GST_END_TEST;

static Suite* docexample_suite(void) {
  Suite* suite = suite_create("docexample");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_example);
  return suite;
}

GST_CHECK_MAIN(docexample);
