// SPDX-License-Identifier: LGPL-2.1-or-later
// Several anomalydetect on one engine: who shares, batches, and that nobody gets what is another's.
#include <dirent.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/gst/detect_common.h"

namespace {

// Workers of engines in this process.
int workers() {
  DIR* folder = opendir("/proc/self/task");
  fail_unless(folder != nullptr);
  int count = 0;
  while (const dirent* entry = readdir(folder)) {
    char name[32] = "";
    if (FILE* file = std::fopen(("/proc/self/task/" + std::string(entry->d_name) + "/comm").c_str(), "r")) {
      if (std::fgets(name, sizeof name, file) == nullptr) name[0] = '\0';
      std::fclose(file);
    }
    count += std::string(name) == "anomaly-engine\n";
  }
  closedir(folder);
  return count;
}

int users(const Detect& detect) {
  GstStructure* stats = detect.stats();
  guint value = 0;
  fail_unless(gst_structure_get_uint(stats, "engine-users", &value));
  gst_structure_free(stats);
  return static_cast<int>(value);
}

double mean_batch(const Detect& detect) {
  GstStructure* stats = detect.stats();
  gdouble value = 0;
  fail_unless(gst_structure_get_double(stats, "mean-batch", &value));
  gst_structure_free(stats);
  return value;
}

void set_state(const Detect& detect, GstState state) {
  fail_unless_equals_int(gst_element_set_state(detect.element, state), GST_STATE_CHANGE_SUCCESS);
}

void fail_unless_model(Detect& detect, guint index, const char* model) {
  GstBuffer* out = detect.through(detect.frame(index));
  fail_unless_equals_string(meta_of(out)->model, model);
  gst_buffer_unref(out);
}

bool same_map(GstBuffer* one, GstBuffer* other) {
  GBytes *left = gst_anomaly_plane_dup_bytes(&meta_of(one)->map),
         *right = gst_anomaly_plane_dup_bytes(&meta_of(other)->map);
  fail_unless(left != nullptr && right != nullptr);
  const bool same = g_bytes_equal(left, right);
  g_bytes_unref(left);
  g_bytes_unref(right);
  return same;
}

// Frame `number` of stream `stream`: a picture that no other has.
GstBuffer* picture(const Detect& detect, guint stream, guint number) {
  GstBuffer* buffer = detect.frame(number);
  const gsize size = gst_buffer_get_size(buffer);
  gst_buffer_memset(buffer, size / 8 * (1 + stream), static_cast<guint8>(40 + number * 60), size / 8);
  return buffer;
}

}  // namespace

GST_START_TEST(test_same_bundle_shares_one_engine) {
  auto one = std::make_unique<Detect>(), two = std::make_unique<Detect>();
  fail_unless_equals_int(workers(), 1);
  fail_unless_equals_int(users(*one), 2);
  fail_unless_equals_int(users(*two), 2);
  fail_unless_model(*one, 0, "test");
  set_state(*one, GST_STATE_READY);
  fail_unless_equals_int(users(*one), 0);
  fail_unless_equals_int(users(*two), 1);
  fail_unless_model(*two, 0, "test");
  set_state(*one, GST_STATE_PLAYING);
  one->set_caps(kCaps);
  fail_unless_equals_int(users(*two), 2);
  fail_unless_model(*one, 1, "test");
  one.reset();
  fail_unless_equals_int(users(*two), 1);
  two.reset();
  fail_unless_equals_int(workers(), 0);
}
GST_END_TEST

GST_START_TEST(test_what_sets_engines_apart) {
  Detect plain, front("engine-id=front"), also_front("engine-id=front method=softmax-entropy"),
      rear("engine-id=rear"), empty("engine-id=\"\"");
  fail_unless_equals_int(workers(), 3);
  Detect threads("threads=2");
  fail_unless_equals_int(users(plain), 2);
  fail_unless_equals_int(users(empty), 2);
  fail_unless_equals_int(users(front), 2);
  fail_unless_equals_int(users(also_front), 2);
  fail_unless_equals_int(users(rear), 1);
  fail_unless_equals_int(users(threads), 1);
  gchar* id = nullptr;
  g_object_get(plain.element, "engine-id", &id, nullptr);
  fail_unless(id == nullptr);
  g_object_get(front.element, "engine-id", &id, nullptr);
  fail_unless_equals_string(id, "front");
  g_free(id);
}
GST_END_TEST

GST_START_TEST(test_one_id_for_two_engines_is_refused) {
  Detect front("engine-id=front");
  for (const std::string& other :
       {std::string("model=\"") + second_bundle() + "\"", std::string("threads=3")})
    refuses("engine-id=front " + other, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "\"front\"");
  refuses("engine-id=front threads=3", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "3 threads");
  fail_unless_equals_int(users(front), 1);
  fail_unless_model(front, 0, "test");
}
GST_END_TEST

// One of two moves on to another bundle, the other stays; then it follows.
GST_START_TEST(test_hot_swap_beside_others) {
  Detect one, two;
  g_object_set(one.element, "model", second_bundle().c_str(), nullptr);
  fail_unless_model(one, 0, "second");
  fail_unless_model(two, 0, "test");
  fail_unless_equals_int(users(one), 1);
  fail_unless_equals_int(users(two), 1);
  fail_unless_equals_int(workers(), 2);
  g_object_set(two.element, "model", second_bundle().c_str(), nullptr);
  fail_unless_model(two, 1, "second");
  fail_unless_equals_int(users(one), 2);
  fail_unless_equals_int(workers(), 1);
}
GST_END_TEST

// An engine-id moves with its only user, and stays where somebody else is.
GST_START_TEST(test_hot_swap_with_an_id) {
  Detect one("engine-id=front");
  g_object_set(one.element, "model", second_bundle().c_str(), nullptr);
  fail_unless_model(one, 0, "second");
  Detect two("engine-id=front model=\"" + second_bundle() + "\"");
  fail_unless_equals_int(users(one), 2);
  g_object_set(one.element, "model", test_bundle().c_str(), nullptr);
  fail_unless_contains(
      bus_text(one.bus, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS), "\"front\"");
  fail_unless_model(one, 1, "second");
  fail_unless_model(two, 0, "second");
}
GST_END_TEST

// Four streams in batches, each pushed from a thread of its own: every frame carries, bit for bit, the map
// that it gets alone.
GST_START_TEST(test_batches_do_not_mix_streams) {
  constexpr guint kStreams = 4, kFrames = 4;
  std::vector<GstBuffer*> expected;
  for (guint stream = 0; stream < kStreams; ++stream) {
    Detect alone("normalization=temporal");
    for (guint number = 0; number < kFrames; ++number)
      expected.push_back(alone.through(picture(alone, stream, number)));
    fail_unless(mean_batch(alone) == 1);
  }
  // Else nobody would see that one got another's.
  for (size_t i = 0; i < expected.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      fail_unless(!same_map(expected[i], expected[j]), "pictures %zu and %zu have the same map", j, i);
  std::vector<std::unique_ptr<Detect>> elements;
  for (guint stream = 0; stream < kStreams; ++stream)
    elements.push_back(
        std::make_unique<Detect>("normalization=temporal batch-size=4 batch-timeout=10000000000"));
  fail_unless_equals_int(workers(), 1);
  std::vector<std::thread> threads;
  for (guint stream = 0; stream < kStreams; ++stream)
    threads.emplace_back([&, stream] {
      for (guint number = 0; number < kFrames; ++number) {
        Detect& detect = *elements[stream];
        GstBuffer* out = detect.through(picture(detect, stream, number));
        const GstAnomalyMeta* wanted = meta_of(expected[stream * kFrames + number]);
        test_planes_equal(&meta_of(out)->map, &wanted->map);
        fail_unless(meta_of(out)->score == wanted->score);
        gst_buffer_unref(out);
      }
    });
  for (auto& thread : threads) thread.join();
  // None goes before all four are there.
  for (const auto& element : elements) fail_unless(mean_batch(*element) == kStreams);
  for (GstBuffer* buffer : expected) gst_buffer_unref(buffer);
}
GST_END_TEST

// Streams that flush, fail and end leave the others as they are, in the middle of a batch, too: a frame waits
// for others while they do.
GST_START_TEST(test_others_go_on) {
  const char* properties = "batch-size=3 batch-timeout=200000000 max-in-flight=2";
  Detect steady(properties);
  auto flushing = std::make_unique<Detect>(properties), failing = std::make_unique<Detect>(properties),
       ending = std::make_unique<Detect>(properties);
  const auto steady_goes_on = [&](guint from, const std::function<void()>& meanwhile) {
    for (guint number = from; number < from + 3; ++number) {
      fail_unless_equals_int(gst_harness_push(steady.harness, steady.frame(number)), GST_FLOW_OK);
      if (number == from) meanwhile();
    }
    for (guint number = from; number < from + 3; ++number) {
      GstBuffer* out = gst_harness_pull(steady.harness);
      fail_unless(out != nullptr);
      fail_unless_equals_uint64(GST_BUFFER_PTS(out), number * 40 * GST_MSECOND);
      fail_unless_equals_int(meta_of(out)->age, 0);
      gst_buffer_unref(out);
    }
  };
  steady_goes_on(0, [&] {
    for (guint i = 0; i < 3; ++i) {
      fail_unless_equals_int(gst_harness_push(flushing->harness, flushing->frame(i)), GST_FLOW_OK);
      flushing->flush();
    }
  });
  steady_goes_on(3, [&] {
    GstBuffer* small = gst_buffer_new_allocate(nullptr, 16, nullptr);
    fail_unless_equals_int(gst_harness_push(failing->harness, small), GST_FLOW_ERROR);
  });
  steady_goes_on(6, [&] {
    fail_unless_equals_int(gst_harness_push(ending->harness, ending->frame(0)), GST_FLOW_OK);
    fail_unless(gst_harness_push_event(ending->harness, gst_event_new_eos()));
    GstBuffer* last = gst_harness_pull(ending->harness);
    fail_unless_equals_int(meta_of(last)->age, 0);
    gst_buffer_unref(last);
  });
  steady_goes_on(9, [&] {
    ending.reset();
    failing.reset();
  });
  fail_unless_equals_int(users(steady), 2);
  fail_unless(gst_bus_pop_filtered(steady.bus, static_cast<GstMessageType>(GST_MESSAGE_WARNING |
                                                                           GST_MESSAGE_ERROR)) == nullptr);
}
GST_END_TEST

// Two in one pipeline, started and stopped by it.
GST_START_TEST(test_two_in_one_pipeline) {
  const std::string detect = "anomalydetect device=cpu threads=1 model=\"" + test_bundle() + "\" ";
  const std::string launch =
      "videotestsrc num-buffers=5 ! video/x-raw,width=96,height=54 ! tee name=t ! queue ! " + detect +
      "name=one ! fakesink t. ! queue ! " + detect + "name=two batch-size=2 ! fakesink";
  GstElement* pipeline = gst_parse_launch(launch.c_str(), nullptr);
  fail_unless(pipeline != nullptr);
  GstBus* bus = gst_element_get_bus(pipeline);
  for (int run = 0; run < 2; ++run) {
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstMessage* message = gst_bus_timed_pop_filtered(
        bus, 60 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    fail_unless(message != nullptr && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS);
    gst_message_unref(message);
    fail_unless_equals_int(workers(), 1);
    fail_unless_equals_int(gst_element_set_state(pipeline, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    fail_unless_equals_int(workers(), 0);
  }
  gst_object_unref(bus);
  gst_object_unref(pipeline);
}
GST_END_TEST

static Suite* detectshare_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("share");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_same_bundle_shares_one_engine);
  tcase_add_test(tc, test_what_sets_engines_apart);
  tcase_add_test(tc, test_one_id_for_two_engines_is_refused);
  tcase_add_test(tc, test_hot_swap_beside_others);
  tcase_add_test(tc, test_hot_swap_with_an_id);
  tcase_add_test(tc, test_batches_do_not_mix_streams);
  tcase_add_test(tc, test_others_go_on);
  tcase_add_test(tc, test_two_in_one_pipeline);
  return suite;
}

GST_CHECK_MAIN(detectshare);
