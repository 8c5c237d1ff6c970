// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect: presets, those that come with it and one's own.
#include <glib/gstdio.h>

#include <cstring>

#include "tests/gst/detect_common.h"

static void fail_unless_property(GstElement* element, const char* name, const std::string& expected) {
  GValue value = G_VALUE_INIT;
  g_object_get_property(G_OBJECT(element), name, &value);
  gchar* text = gst_value_serialize(&value);
  fail_unless(text != nullptr && expected == text, "%s is %s, not %s", name, text, expected.c_str());
  g_free(text);
  g_value_unset(&value);
}

GST_START_TEST(test_shipped_presets) {
  static const struct {
    const char *preset, *property, *value;
  } table[] = {{"Quality", "method", "synboost"},
               {"Quality", "max-in-flight", "1"},
               {"Live", "interval", "-1"},
               {"Live", "max-in-flight", "2"},
               {"Live", "max-latency", "100000000"},
               {"Live", "qos", "true"},
               {"Fast", "method", "softmax-entropy"},
               {"Alarm", "normalization", "fixed"},
               {"Alarm", "event-min-duration", "200000000"},
               {"Alarm", "event-release", "1000000000"}};
  GstElement* element = gst_element_factory_make("anomalydetect", nullptr);
  gchar** names = gst_preset_get_preset_names(GST_PRESET(element));
  fail_unless(names != nullptr, "no presets in GST_PRESET_PATH");
  for (const char* name : {"Quality", "Live", "Fast", "Alarm"}) {
    fail_unless(g_strv_contains(names, name), "%s", name);
    gchar* comment = nullptr;
    fail_unless(gst_preset_get_meta(GST_PRESET(element), name, "comment", &comment), "%s", name);
    fail_unless(comment != nullptr && strlen(comment) > 20, "%s", name);
    g_free(comment);
  }
  g_strfreev(names);
  for (const auto& row : table) {
    fail_unless(gst_preset_load_preset(GST_PRESET(element), row.preset));
    fail_unless_property(element, row.property, row.value);
  }
  gst_object_unref(element);
}
GST_END_TEST

// With a preset of the plugin's the element starts and finds something.
GST_START_TEST(test_preset_runs) {
  for (const char* name : {"Quality", "Live", "Fast"}) {
    GstElement* element = detect_new();
    fail_unless(gst_preset_load_preset(GST_PRESET(element), name));
    GstHarness* harness = gst_harness_new_with_element(element, "sink", "src");
    gst_harness_set_src_caps_str(harness, kCaps);
    GstVideoInfo info;
    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, 96, 54);
    fail_unless_equals_int(gst_harness_push(harness, test_frame_new(&info)), GST_FLOW_OK);
    GstBuffer* out = gst_harness_pull(harness);
    fail_unless_equals_string(meta_of(out)->method,
                              strcmp(name, "Fast") == 0 ? "softmax-entropy" : "synboost");
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
    gst_object_unref(element);
  }
}
GST_END_TEST

GST_START_TEST(test_own_preset_comes_back) {
  static const struct {
    const char *property, *value;
  } table[] = {{"model", " /a b/weights, \"final\".safetensors "},
               {"device", "cuda:1"},
               {"method", "resynthesis"},
               {"ensemble-weights", "<0.5,0.25,0.125,0.125>"},
               {"interval", "7"},
               {"threshold", "0.375"},
               {"min-area", "99"},
               {"roi", "1,2,3,4"},
               {"attach", "labels+synthesis"},
               {"seed", "18446744073709551615"},
               {"max-in-flight", "5"},
               {"qos", "false"},
               {"post-messages", "false"},
               {"event-on-score", "0.5"},
               {"event-release", "12345678901"}};
  const std::string name = "mine-" + std::to_string(g_random_int());
  GstElement* one = gst_element_factory_make("anomalydetect", nullptr);
  GstElement* two = gst_element_factory_make("anomalydetect", nullptr);
  for (const auto& row : table) gst_util_set_object_arg(G_OBJECT(one), row.property, row.value);
  fail_unless(gst_preset_save_preset(GST_PRESET(one), name.c_str()));
  fail_unless(gst_preset_load_preset(GST_PRESET(two), name.c_str()));
  for (const auto& row : table) {
    GValue value = G_VALUE_INIT;
    g_object_get_property(G_OBJECT(one), row.property, &value);
    gchar* text = gst_value_serialize(&value);
    fail_unless_property(two, row.property, text);
    g_free(text);
    g_value_unset(&value);
  }
  fail_unless(gst_preset_delete_preset(GST_PRESET(one), name.c_str()));
  fail_unless(!gst_preset_load_preset(GST_PRESET(two), name.c_str()));
  gst_object_unref(one);
  gst_object_unref(two);
}
GST_END_TEST

static Suite* detectpreset_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("presets");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_shipped_presets);
  tcase_add_test(tc, test_preset_runs);
  tcase_add_test(tc, test_own_preset_comes_back);
  return suite;
}

// In a folder of its own: whoever saves a preset gets a copy of those that come with the element, which
// stands before them from then on.
int main(int argc, char** argv) {
  gchar* folder = g_dir_make_tmp("detectpreset-XXXXXX", nullptr);
  g_assert_nonnull(folder);
  g_setenv("XDG_DATA_HOME", folder, TRUE);
  gst_check_init(&argc, &argv);
  const int failed = gst_check_run_suite(detectpreset_suite(), "detectpreset", __FILE__);
  const std::string presets = std::string(folder) + "/gstreamer-1.0/presets";
  g_remove((presets + "/GstAnomalyDetect.prs").c_str());
  g_remove((presets + "/GstAnomalyDetect.prs.bak").c_str());
  for (const std::string& path : {presets, std::string(folder) + "/gstreamer-1.0", std::string(folder)})
    g_rmdir(path.c_str());
  g_free(folder);
  return failed;
}
