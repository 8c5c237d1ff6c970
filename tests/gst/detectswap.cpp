// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect: another bundle while frames flow.
// Before gst-check, whose macro `fail` the standard headers do not expect.
#include <dirent.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/gst/detect_common.h"

namespace {

void set_model(Detect& detect, const std::string& path) {
  g_object_set(detect.element, "model", path.c_str(), nullptr);
}

std::string model_property(Detect& detect) {
  gchar* path = nullptr;
  g_object_get(detect.element, "model", &path, nullptr);
  std::string text = path;
  g_free(path);
  return text;
}

int threads_now() {
  DIR* folder = opendir("/proc/self/task");
  fail_unless(folder != nullptr);
  int count = 0;
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

}  // namespace

// The next frame is the new bundle's, although the interval would have let it repeat the old one's map, and
// equals what an element finds that started with it.
GST_START_TEST(test_next_frame_uses_the_new_bundle) {
  GstBuffer* expected;
  {
    Detect other;
    gst_element_set_state(other.element, GST_STATE_READY);
    set_model(other, second_bundle());
    gst_element_set_state(other.element, GST_STATE_PLAYING);
    other.set_caps(kCaps);
    expected = other.through(other.frame(1));
  }
  Detect detect("interval=10");
  GstBuffer* out = detect.through(detect.frame(0));
  fail_unless_equals_string(meta_of(out)->model, "test");
  gst_buffer_unref(out);
  set_model(detect, second_bundle());
  fail_unless(model_property(detect) == second_bundle());
  out = detect.through(detect.frame(1));
  fail_unless_equals_string(meta_of(out)->model, "second");
  fail_unless_equals_int(meta_of(out)->age, 0);
  test_planes_equal(&meta_of(out)->map, &meta_of(expected)->map);
  gst_buffer_unref(out);
  gst_buffer_unref(expected);
  GstStructure* stats = detect.stats();
  fail_unless_equals_string(gst_structure_get_string(stats, "model"), "second");
  const std::string path = second_bundle();
  fail_unless_equals_string(gst_structure_get_string(stats, "model-path"), path.c_str());
  gst_structure_free(stats);
  fail_unless(gst_bus_pop_filtered(detect.bus, static_cast<GstMessageType>(GST_MESSAGE_WARNING |
                                                                           GST_MESSAGE_ERROR)) == nullptr);
}
GST_END_TEST

// One that cannot be used: one warning that names it, and the bundle before it goes on.
GST_START_TEST(test_bad_bundle_leaves_the_old_one) {
  gchar* folder = g_dir_make_tmp("anomaly-XXXXXX", nullptr);
  gchar* broken = g_build_filename(folder, "broken.safetensors", nullptr);
  fail_unless(g_file_set_contents(broken, "no bundle", -1, nullptr));
  for (const char* flight : {"max-in-flight=1", "max-in-flight=3"}) {
    Detect detect(flight);
    const struct {
      const char* path;
      gint code;
    } table[] = {{"/nowhere/at/all.safetensors", GST_RESOURCE_ERROR_NOT_FOUND},
                 {broken, GST_RESOURCE_ERROR_OPEN_READ}};
    guint index = 0;
    for (const auto& row : table) {
      set_model(detect, row.path);
      fail_unless_contains(bus_text(detect.bus, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, row.code), row.path);
      fail_unless(gst_bus_pop_filtered(detect.bus, static_cast<GstMessageType>(
                                                       GST_MESSAGE_WARNING | GST_MESSAGE_ERROR)) == nullptr);
      fail_unless(model_property(detect) == test_bundle());
      fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(index)), GST_FLOW_OK);
      GstBuffer* out = gst_harness_pull(detect.harness);
      fail_unless_equals_string(meta_of(out)->model, "test");
      gst_buffer_unref(out);
      ++index;
    }
  }
  unlink(broken);
  rmdir(folder);
  g_free(broken);
  g_free(folder);
}
GST_END_TEST

// What only a start takes over stays as it was at the last start.
GST_START_TEST(test_other_settings_stay) {
  Detect detect("method=softmax-entropy");
  g_object_set(detect.element, "method", 0, nullptr);
  set_model(detect, second_bundle());
  GstBuffer* out = detect.through(detect.frame(0));
  fail_unless_equals_string(meta_of(out)->method, "softmax-entropy");
  fail_unless_equals_string(meta_of(out)->model, "second");
  gst_buffer_unref(out);
}
GST_END_TEST

// A bundle that was set while the element stood still counts from its start, an offer that no frame took goes
// with the stop.
GST_START_TEST(test_swap_around_a_stop) {
  Detect detect;
  set_model(detect, second_bundle());
  fail_unless_equals_int(gst_element_set_state(detect.element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  set_model(detect, test_bundle());
  fail_unless_equals_int(gst_element_set_state(detect.element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  detect.set_caps(kCaps);
  GstBuffer* out = detect.through(detect.frame(0));
  fail_unless_equals_string(meta_of(out)->model, "test");
  gst_buffer_unref(out);
}
GST_END_TEST

// Fifty swaps while frames flow: they leave in order, each with the word of one of the two, nothing is lost,
// and no engine stays behind.
GST_START_TEST(test_fifty_swaps) {
  Detect detect("max-in-flight=3");
  std::atomic<bool> done{false};
  std::vector<std::string> models;
  std::atomic<guint> pushed{0}, pulled{0};
  GstBuffer* out = nullptr;
  int threads = 0;
  [[maybe_unused]] guint64 settled = 0;
  std::thread stream([&] {
    while (!done) {
      if (pushed - pulled > 8)  // the harness' queue has no bound
        g_usleep(500);
      else if (gst_harness_push(detect.harness, detect.frame(pushed++)) != GST_FLOW_OK)
        break;
    }
    gst_harness_push_event(detect.harness, gst_event_new_eos());
  });
  guint changes = 0;
  const char* last = nullptr;
  const auto take = [&](GstBuffer* buffer) {
    fail_unless_equals_uint64(GST_BUFFER_PTS(buffer), pulled * 40 * GST_MSECOND);
    const char* model = meta_of(buffer)->model;
    fail_unless(strcmp(model, "test") == 0 || strcmp(model, "second") == 0);
    changes += last && last != model;
    last = model;
    ++pulled;
    gst_buffer_unref(buffer);
  };
  for (int i = 0; i < 50; ++i) {
    const bool second = i % 2 == 0;
    set_model(detect, second ? second_bundle() : test_bundle());
    // Until a frame of it comes.
    do {
      out = gst_harness_pull(detect.harness);
      fail_unless(out != nullptr);
      take(out);
    } while (strcmp(last, second ? "second" : "test") != 0);
    if (i == 9) threads = threads_now(), settled = resident_bytes();
  }
  const int threads_left = threads_now();
  const guint64 end = resident_bytes();
  done = true;
  while ((out = gst_harness_try_pull(detect.harness)) != nullptr) take(out);
  stream.join();
  while ((out = gst_harness_try_pull(detect.harness)) != nullptr) take(out);
  fail_unless_equals_int(pulled.load(), pushed.load());
  fail_unless(changes >= 49);
  fail_unless(threads_left <= threads + 1, "%d threads, %d before", threads_left, threads);
  fail_unless_settled(settled, end, 16);
  fail_unless(gst_bus_pop_filtered(detect.bus, static_cast<GstMessageType>(GST_MESSAGE_WARNING |
                                                                           GST_MESSAGE_ERROR)) == nullptr);
}
GST_END_TEST

static Suite* detectswap_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("swap");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_next_frame_uses_the_new_bundle);
  tcase_add_test(tc, test_bad_bundle_leaves_the_old_one);
  tcase_add_test(tc, test_other_settings_stay);
  tcase_add_test(tc, test_swap_around_a_stop);
  tcase_add_test(tc, test_fifty_swaps);
  return suite;
}

GST_CHECK_MAIN(detectswap);
