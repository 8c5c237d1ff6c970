/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The typelib says what a binding must know: who owns what, and what can be missing. */
#include <girepository.h>

#include "tests/gst/frames.h"

#define NAMESPACE "GstAnomaly"

static GIRepository* repository_new(void) {
  GError* error = NULL;
  g_irepository_prepend_search_path(g_getenv("ANOMALY_TYPELIB_DIR"));
  if (g_irepository_require(NULL, NAMESPACE, "1.0", 0, &error) == NULL) fail("%s", error->message);
  return g_irepository_get_default();
}

static GIFunctionInfo* function(const gchar* name) {
  GIFunctionInfo* info = (GIFunctionInfo*)g_irepository_find_by_name(repository_new(), NAMESPACE, name);
  fail_unless(info != NULL, "no function %s", name);
  return info;
}

static GIFunctionInfo* method(const gchar* type, const gchar* name) {
  GIBaseInfo* info = g_irepository_find_by_name(repository_new(), NAMESPACE, type);
  fail_unless(info != NULL, "no type %s", type);
  GIFunctionInfo* found = g_struct_info_find_method((GIStructInfo*)info, name);
  fail_unless(found != NULL, "no method %s.%s", type, name);
  g_base_info_unref(info);
  return found;
}

static GITransfer argument_transfer(GIFunctionInfo* info, const gchar* name) {
  const gint count = g_callable_info_get_n_args((GICallableInfo*)info);
  for (gint i = 0; i < count; i++) {
    GIArgInfo* argument = g_callable_info_get_arg((GICallableInfo*)info, i);
    const gboolean found = g_strcmp0(g_base_info_get_name((GIBaseInfo*)argument), name) == 0;
    const GITransfer transfer = g_arg_info_get_ownership_transfer(argument);
    g_base_info_unref(argument);
    if (found) return transfer;
  }
  fail("no argument %s", name);
  return GI_TRANSFER_NOTHING;
}

GST_START_TEST(test_ownership) {
  GIFunctionInfo* info = method("AnomalyMeta", "set_map");
  fail_unless_equals_int(argument_transfer(info, "data"), GI_TRANSFER_EVERYTHING);
  g_base_info_unref(info);
  info = method("AnomalyMeta", "add_plane");
  fail_unless_equals_int(argument_transfer(info, "data"), GI_TRANSFER_EVERYTHING);
  fail_unless_equals_int(argument_transfer(info, "name"), GI_TRANSFER_NOTHING);
  g_base_info_unref(info);

  static const gchar* getters[] = {"get_region", "get_nth_plane", "get_plane"};
  for (guint i = 0; i < G_N_ELEMENTS(getters); i++) {
    info = method("AnomalyMeta", getters[i]);
    fail_unless_equals_int(g_callable_info_get_caller_owns((GICallableInfo*)info), GI_TRANSFER_NOTHING);
    fail_unless(g_callable_info_may_return_null((GICallableInfo*)info));
    g_base_info_unref(info);
  }
  info = method("AnomalyPlane", "dup_bytes");
  fail_unless_equals_int(g_callable_info_get_caller_owns((GICallableInfo*)info), GI_TRANSFER_EVERYTHING);
  g_base_info_unref(info);
}
GST_END_TEST;

/* Called as a binding calls it. */
GST_START_TEST(test_calls) {
  GError* error = NULL;
  GIArgument in, out;
  GstBuffer* buffer = gst_buffer_new();
  GIFunctionInfo *add = function("buffer_add_anomaly_meta"), *get = function("buffer_get_anomaly_meta");
  fail_unless(g_callable_info_may_return_null((GICallableInfo*)get));
  in.v_pointer = buffer;
  fail_unless(g_function_info_invoke(add, &in, 1, NULL, 0, &out, &error));
  fail_unless(out.v_pointer == gst_buffer_get_anomaly_meta(buffer));
  fail_unless(out.v_pointer != NULL);
  fail_unless(g_function_info_invoke(get, &in, 1, NULL, 0, &out, &error));
  fail_unless(out.v_pointer == gst_buffer_get_anomaly_meta(buffer));
  g_base_info_unref(add);
  g_base_info_unref(get);
  gst_buffer_unref(buffer);
}
GST_END_TEST;

GST_START_TEST(test_types) {
  static const gchar* boxed[] = {"AnomalyRegion", "AnomalyPlane"};
  for (guint i = 0; i < G_N_ELEMENTS(boxed); i++) {
    GIBaseInfo* info = g_irepository_find_by_name(repository_new(), NAMESPACE, boxed[i]);
    fail_unless(G_TYPE_IS_BOXED(g_registered_type_info_get_g_type((GIRegisteredTypeInfo*)info)));
    g_base_info_unref(info);
  }
  GIBaseInfo* info = g_irepository_find_by_name(repository_new(), NAMESPACE, "AnomalyPlaneType");
  fail_unless(g_registered_type_info_get_g_type((GIRegisteredTypeInfo*)info) == GST_TYPE_ANOMALY_PLANE_TYPE);
  g_base_info_unref(info);
  info = g_irepository_find_by_name(repository_new(), NAMESPACE, "AnomalyMeta");
  fail_unless_equals_int(g_struct_info_get_size((GIStructInfo*)info), sizeof(GstAnomalyMeta));
  g_base_info_unref(info);
}
GST_END_TEST;

static Suite* introspection_suite(void) {
  Suite* suite = suite_create("introspection");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  tcase_add_test(tests, test_ownership);
  tcase_add_test(tests, test_calls);
  tcase_add_test(tests, test_types);
  return suite;
}

GST_CHECK_MAIN(introspection);
