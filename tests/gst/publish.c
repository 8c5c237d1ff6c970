/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* anomalypublish: every byte that it writes, and what it says when it cannot. */
#include <fcntl.h>
#include <float.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/gst/frames.h"

#define CAPS "video/x-raw,format=GRAY8,width=64,height=32,framerate=25/1"
#define NO_META                                                                                            \
  "\"method\":null,\"model\":null,\"score\":null,\"max\":null,\"mean\":null,\"share\":null,\"threshold\":" \
  "null,"                                                                                                  \
  "\"age\":null,\"inference_ms\":null,\"regions\":[]}\n"

static gchar *folder, *path;

static void setup(void) {
  folder = g_dir_make_tmp("anomalypublish-XXXXXX", NULL);
  fail_unless(folder != NULL);
  path = g_build_filename(folder, "lines.jsonl", NULL);
}

static void teardown(void) {
  g_remove(path);
  g_rmdir(folder);
  g_clear_pointer(&path, g_free);
  g_clear_pointer(&folder, g_free);
}

static GstHarness* publish_new(const gchar* location, const gchar* properties) {
  gchar* launch = g_strdup_printf("anomalypublish name=publisher location=\"%s\" %s", location, properties);
  GstHarness* harness = gst_harness_new_parse(launch);
  g_free(launch);
  gst_harness_set_src_caps_str(harness, CAPS);
  return harness;
}

static GstBuffer* frame_at(GstClockTime pts) {
  GstBuffer* buffer = gst_buffer_new_allocate(NULL, 64 * 32, NULL);
  GST_BUFFER_PTS(buffer) = pts;
  return buffer;
}

static void passes(GstHarness* harness, GstBuffer* buffer) {
  /* The reference makes it unwritable: a copy would show. */
  GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_ref(buffer));
  fail_unless(out == buffer);
  gst_buffer_unref(out);
  gst_buffer_unref(buffer);
}

static void file_equals(const gchar* expected) {
  gchar* text = NULL;
  fail_unless(g_file_get_contents(path, &text, NULL, NULL));
  fail_unless_equals_string(text, expected);
  g_free(text);
}

GST_START_TEST(test_lines) {
  GstHarness* harness = publish_new(path, "stream=front");
  GstBuffer* buffer = frame_at(GST_SECOND);
  test_meta_add(buffer, 64, 32);
  passes(harness, buffer);
  passes(harness, frame_at(GST_CLOCK_TIME_NONE));
  /* The lines are there as soon as their frames have passed. */
  file_equals(
      "{\"schema\":1,\"stream\":\"front\",\"frame\":0,\"pts\":1000000000,\"running_time\":1000000000,"
      "\"width\":64,"
      "\"height\":32,\"method\":\"synboost\",\"model\":\"test-bundle\",\"score\":0.875,\"max\":0.9375,"
      "\"mean\":0.4375,"
      "\"share\":0.0625,\"threshold\":0.5,\"age\":3,\"inference_ms\":12.5,\"regions\":["
      "{\"id\":1,\"x\":16,\"y\":16,\"width\":16,\"height\":8,\"area\":128,\"mean\":0.625,\"max\":0.75,"
      "\"label\":\"road\",\"first_seen\":40000000,\"age\":5},"
      "{\"id\":2,\"x\":48,\"y\":0,\"width\":16,\"height\":4,\"area\":32,\"mean\":0.5,\"max\":0.5,\"label\":"
      "null,\"first_seen\":null,\"age\":0}]}\n"
      "{\"schema\":1,\"stream\":\"front\",\"frame\":1,\"pts\":null,\"running_time\":null,\"width\":64,"
      "\"height\":32," NO_META);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* Running time follows the segment; a frame outside of it has none. */
GST_START_TEST(test_running_time) {
  GstSegment segment;
  GstHarness* harness = publish_new(path, "");
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = 10 * GST_SECOND;
  segment.stop = 20 * GST_SECOND;
  segment.base = 5 * GST_SECOND;
  segment.rate = 2;
  fail_unless(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
  passes(harness, frame_at(12 * GST_SECOND));
  passes(harness, frame_at(9 * GST_SECOND));
  file_equals(
      "{\"schema\":1,\"stream\":\"publisher\",\"frame\":0,\"pts\":12000000000,\"running_time\":6000000000,"
      "\"width\":64,"
      "\"height\":32," NO_META
      "{\"schema\":1,\"stream\":\"publisher\",\"frame\":1,\"pts\":9000000000,\"running_time\":null,\"width\":"
      "64,"
      "\"height\":32," NO_META);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* A batch of pictures is a line each, of one frame; several pieces of metadata of one picture are not. */
GST_START_TEST(test_batch) {
  GstHarness* harness = publish_new(path, "stream=s");
  GstBuffer* buffer = frame_at(0);
  for (guint i = 0; i < 2; i++) {
    GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
    meta->surface = 2 * i;
    meta->score = 0.25 + 0.5 * i;
  }
  passes(harness, buffer);
  buffer = frame_at(0);
  gst_buffer_add_anomaly_meta(buffer)->score = 0.5;
  gst_buffer_add_anomaly_meta(buffer)->score = 0.75;
  passes(harness, buffer);
#define TIMES \
  "\"pts\":0,\"running_time\":0,\"width\":64,\"height\":32,\"method\":null,\"model\":null,\"score\":"
#define REST \
  ",\"max\":0,\"mean\":0,\"share\":0,\"threshold\":0,\"age\":0,\"inference_ms\":0,\"regions\":[]}\n"
  file_equals("{\"schema\":1,\"stream\":\"s\",\"frame\":0,\"surface\":0," TIMES "0.25" REST
              "{\"schema\":1,\"stream\":\"s\",\"frame\":0,\"surface\":2," TIMES "0.75" REST
              "{\"schema\":1,\"stream\":\"s\",\"frame\":1," TIMES "0.5" REST);
#undef TIMES
#undef REST
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_awkward_values) {
  GstHarness* harness = publish_new(path, "");
  GstElement* publisher = gst_harness_find_element(harness, "anomalypublish");
  GstBuffer* buffer = frame_at(0);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  const GstAnomalyRegion region = {
      .id = G_MAXUINT, .x = -5, .area = G_MAXUINT64, .mean = -0.0, .max = 1e-300, .label = "tab\there"};
  g_object_set(publisher, "stream",
               "a \"b\" \\ c\n\x01 stra\xc3\x9f"
               "e \xff",
               NULL);
  gst_anomaly_meta_set_names(meta, "", "\x7f");
  meta->score = NAN;
  meta->max = INFINITY;
  meta->mean = -INFINITY;
  meta->share = 0.1;
  meta->threshold = 0.1f;
  meta->inference_ms = 1e22;
  gst_anomaly_meta_add_region(meta, &region);
  /* Where it exists, a locale that writes 0,5. */
  setlocale(LC_ALL, "de_DE.UTF-8");
  passes(harness, buffer);
  setlocale(LC_ALL, "C");
  file_equals(
      "{\"schema\":1,\"stream\":\"a \\\"b\\\" \\\\ c\\u000a\\u0001 stra\xc3\x9f"
      "e \xef\xbf\xbd\",\"frame\":0,\"pts\":0,"
      "\"running_time\":0,\"width\":64,\"height\":32,\"method\":\"\",\"model\":\"\\u007f\",\"score\":null,"
      "\"max\":null,"
      "\"mean\":null,\"share\":0.1,\"threshold\":0.1,\"age\":0,\"inference_ms\":1e+22,"
      "\"regions\":["
      "{\"id\":4294967295,\"x\":-5,\"y\":0,\"width\":0,\"height\":0,\"area\":18446744073709551615,\"mean\":-"
      "0,"
      "\"max\":1e-300,\"label\":\"tab\\u0009here\",\"first_seen\":0,\"age\":0}]}\n");
  gst_object_unref(publisher);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* A figure that was a float is written as one; a double keeps all its digits. */
GST_START_TEST(test_floats_and_doubles) {
  const struct {
    gdouble value;
    const gchar* text;
  } figures[] = {{0.4f, "0.4"},
                 {0.4, "0.4"},
                 {1.0 / 3, "0.3333333333333333"},
                 {1.0f / 3, "0.33333334"},
                 {16777217.0, "16777217"},
                 {FLT_MAX, "3.4028235e+38"},
                 {DBL_MAX, "1.7976931348623157e+308"}};
  for (guint i = 0; i < G_N_ELEMENTS(figures); i++) {
    GstHarness* harness = publish_new(path, "");
    GstBuffer* buffer = frame_at(0);
    GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
    gchar *text = NULL, *member = g_strdup_printf("\"threshold\":%s,", figures[i].text);
    meta->threshold = figures[i].value;
    passes(harness, buffer);
    gst_harness_teardown(harness);
    fail_unless(g_file_get_contents(path, &text, NULL, NULL));
    fail_unless(strstr(text, member) != NULL, "%s lacks %s", text, member);
    g_free(member);
    g_free(text);
  }
}
GST_END_TEST;

/* More than a pipe takes at once, on one line. */
GST_START_TEST(test_many_regions) {
  GstHarness* harness = publish_new(path, "");
  GstBuffer* buffer = frame_at(0);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  gchar* text = NULL;
  for (guint i = 0; i < 5000; i++) {
    const GstAnomalyRegion region = {.id = i + 1, .label = "road"};
    gst_anomaly_meta_add_region(meta, &region);
  }
  passes(harness, buffer);
  fail_unless(g_file_get_contents(path, &text, NULL, NULL));
  fail_unless(strchr(text, '\n') == text + strlen(text) - 1);
  fail_unless(strstr(text, "{\"id\":5000,") != NULL);
  g_free(text);
  gst_harness_teardown(harness);
}
GST_END_TEST;

#define LINE(n)                                          \
  "{\"schema\":1,\"stream\":\"publisher\",\"frame\":" #n \
  ",\"pts\":0,\"running_time\":0,\"width\":64,\"height\":32," NO_META

GST_START_TEST(test_replace_and_append) {
  fail_unless(g_file_set_contents(path, "left over\nto", -1, NULL));
  GstHarness* harness = publish_new(path, "append=true");
  passes(harness, frame_at(0));
  passes(harness, frame_at(0));
  gst_harness_teardown(harness);
  /* The line that was cut short keeps to itself, and the count of frames begins anew. */
  file_equals("left over\nto\n" LINE(0) LINE(1));

  harness = publish_new(path, "append=true");
  passes(harness, frame_at(0));
  gst_harness_teardown(harness);
  file_equals("left over\nto\n" LINE(0) LINE(1) LINE(0));

  harness = publish_new(path, "");
  file_equals("");
  passes(harness, frame_at(0));
  gst_harness_teardown(harness);
  file_equals(LINE(0));
}
GST_END_TEST;

GST_START_TEST(test_locked_properties) {
  GstHarness* harness = publish_new(path, "");
  GstElement* publisher = gst_harness_find_element(harness, "anomalypublish");
  gchar* location;
  ASSERT_WARNING(g_object_set(publisher, "location", "/elsewhere", NULL));
  ASSERT_WARNING(g_object_set(publisher, "append", TRUE, NULL));
  g_object_get(publisher, "location", &location, NULL);
  fail_unless_equals_string(location, path);
  g_free(location);
  gst_object_unref(publisher);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_standard_output) {
  const int saved = dup(STDOUT_FILENO), file = g_open(path, O_CREAT | O_WRONLY, 0600);
  fail_unless(saved >= 0 && file >= 0);
  fflush(stdout);
  dup2(file, STDOUT_FILENO);
  GstHarness* harness = publish_new("-", "");
  passes(harness, frame_at(0));
  gst_harness_teardown(harness);
  const gboolean open_still = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
  dup2(saved, STDOUT_FILENO);
  close(saved);
  close(file);
  fail_unless(open_still);
  file_equals(LINE(0));
}
GST_END_TEST;

/* Frames of every memory kind pass: their pixels are not looked at. */
GST_START_TEST(test_any_memory) {
  GstHarness* harness = publish_new(path, "");
  gst_harness_set_src_caps_str(harness,
                               "video/x-raw(memory:NVMM),format=NV12,width=1920,height=1080,framerate=25/1");
  passes(harness, frame_at(0));
  gst_harness_teardown(harness);
  file_equals(
      "{\"schema\":1,\"stream\":\"publisher\",\"frame\":0,\"pts\":0,\"running_time\":0,\"width\":1920,"
      "\"height\":1080," NO_META);
}
GST_END_TEST;

/* The next error on the element's bus. */
static void expect_error(GstBus* bus, gint code, const gchar* part) {
  GError* error = NULL;
  GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  fail_unless(message != NULL, "no error on the bus");
  gst_message_parse_error(message, &error, NULL);
  fail_unless(g_error_matches(error, GST_RESOURCE_ERROR, code), "%s", error->message);
  fail_unless(strstr(error->message, part) != NULL, "\"%s\" does not name %s", error->message, part);
  g_error_free(error);
  gst_message_unref(message);
}

static GstElement* lone_publisher(const gchar* location, GstBus** bus) {
  GstElement* element = gst_element_factory_make("anomalypublish", NULL);
  *bus = gst_bus_new();
  gst_element_set_bus(element, *bus);
  g_object_set(element, "location", location, NULL);
  return element;
}

static void cannot_start(const gchar* location, gint code) {
  GstBus* bus;
  GstElement* element = lone_publisher(location, &bus);
  fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  expect_error(bus, code, location);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, NULL);
  gst_object_unref(element);
  gst_object_unref(bus);
}

GST_START_TEST(test_cannot_open) {
  gchar* nowhere = g_build_filename(folder, "missing", "lines.jsonl", NULL);
  cannot_start(nowhere, GST_RESOURCE_ERROR_OPEN_WRITE);
  cannot_start(folder, GST_RESOURCE_ERROR_OPEN_WRITE);
  cannot_start("", GST_RESOURCE_ERROR_OPEN_WRITE);
  g_free(nowhere);
}
GST_END_TEST;

static void cannot_write(GstHarness* harness, gint code, const gchar* part) {
  GstElement* publisher = gst_harness_find_element(harness, "anomalypublish");
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(publisher, bus);
  fail_unless_equals_int(gst_harness_push(harness, frame_at(0)), GST_FLOW_ERROR);
  expect_error(bus, code, part);
  gst_element_set_bus(publisher, NULL);
  gst_object_unref(bus);
  gst_object_unref(publisher);
}

GST_START_TEST(test_full_disk) {
  if (access("/dev/full", W_OK) != 0) {
    g_print("skipped: no /dev/full here\n");
    return;
  }
  GstHarness* harness = publish_new("/dev/full", "");
  cannot_write(harness, GST_RESOURCE_ERROR_NO_SPACE_LEFT, "/dev/full");
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* With the default action for SIGPIPE, which ends the process. */
GST_START_TEST(test_closed_pipe) {
  signal(SIGPIPE, SIG_DFL);
  fail_unless(mkfifo(path, 0600) == 0);
  const int reader = g_open(path, O_RDONLY | O_NONBLOCK, 0);
  gchar text[2048];
  GstHarness* harness = publish_new(path, "");
  passes(harness, frame_at(0));
  const gssize size = read(reader, text, sizeof text - 1);
  fail_unless(size > 0);
  text[size] = '\0';
  fail_unless_equals_string(text, LINE(0));
  close(reader);
  cannot_write(harness, GST_RESOURCE_ERROR_WRITE, path);
  gst_harness_teardown(harness);
}
GST_END_TEST;

static gpointer push_until_stopped(gpointer data) {
  while (gst_harness_push(data, frame_at(0)) == GST_FLOW_OK) {
  }
  return NULL;
}

/* A reader that does not read holds the frames up, and lets the pipeline stop and flush all the same. */
GST_START_TEST(test_stuck_pipe) {
  fail_unless(mkfifo(path, 0600) == 0);
  const int reader = g_open(path, O_RDONLY | O_NONBLOCK, 0);
  GstHarness* harness = publish_new(path, "");
  gst_harness_set_drop_buffers(harness, TRUE);
  GThread* thread = g_thread_new("pusher", push_until_stopped, harness);
  g_usleep(200 * 1000);
  fail_unless(gst_harness_push_event(harness, gst_event_new_flush_start()));
  g_thread_join(thread);
  fail_unless(gst_harness_push_event(harness, gst_event_new_flush_stop(FALSE)));

  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  fail_unless(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
  thread = g_thread_new("pusher", push_until_stopped, harness);
  g_usleep(200 * 1000);
  fail_unless_equals_int(gst_element_set_state(harness->element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  g_thread_join(thread);
  gst_harness_teardown(harness);
  close(reader);
}
GST_END_TEST;

/* Nobody reads the pipe: the state changes at once and says what is waited for; a frame waits, and the
 * pipeline stops all the same. */
GST_START_TEST(test_pipe_without_reader) {
  GstBus* bus;
  GError* info = NULL;
  fail_unless(mkfifo(path, 0600) == 0);
  GstElement* element = lone_publisher(path, &bus);
  fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_INFO | GST_MESSAGE_ERROR);
  fail_unless(message != NULL && GST_MESSAGE_TYPE(message) == GST_MESSAGE_INFO);
  gst_message_parse_info(message, &info, NULL);
  fail_unless(strstr(info->message, path) != NULL, "%s", info->message);
  g_clear_error(&info);
  gst_message_unref(message);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, NULL);
  gst_object_unref(element);
  gst_object_unref(bus);

  GstHarness* harness = publish_new(path, "");
  gst_harness_set_drop_buffers(harness, TRUE);
  GThread* thread = g_thread_new("pusher", push_until_stopped, harness);
  g_usleep(200 * 1000);
  fail_unless_equals_int(gst_harness_buffers_received(harness), 0);
  fail_unless_equals_int(gst_element_set_state(harness->element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  g_thread_join(thread);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* A reader that comes late misses nothing. */
GST_START_TEST(test_late_reader) {
  gchar text[sizeof(LINE(0))] = "";
  gsize size = 0;
  fail_unless(mkfifo(path, 0600) == 0);
  GstHarness* harness = publish_new(path, "");
  gst_harness_set_drop_buffers(harness, TRUE);
  GThread* thread = g_thread_new("pusher", push_until_stopped, harness);
  g_usleep(200 * 1000);
  const int reader = g_open(path, O_RDONLY, 0);
  while (size < sizeof text - 1) {
    const gssize more = read(reader, text + size, sizeof text - 1 - size);
    fail_unless(more > 0);
    size += (gsize)more;
  }
  fail_unless_equals_string(text, LINE(0));
  gst_element_set_state(harness->element, GST_STATE_NULL);
  g_thread_join(thread);
  gst_harness_teardown(harness);
  close(reader);
}
GST_END_TEST;

/* The pipe is gone before anybody read it. */
GST_START_TEST(test_pipe_that_vanishes) {
  fail_unless(mkfifo(path, 0600) == 0);
  GstHarness* harness = publish_new(path, "");
  fail_unless(g_remove(path) == 0);
  cannot_write(harness, GST_RESOURCE_ERROR_WRITE, path);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* A flush in the middle of a line longer than a pipe takes at once leaves no half of it before the next. */
GST_START_TEST(test_flush_within_a_line) {
  gchar text[8192], *stream = g_strnfill(9000, 's');
  GstSegment segment;
  fail_unless(mkfifo(path, 0600) == 0);
  const int reader = g_open(path, O_RDONLY | O_NONBLOCK, 0);
  GstHarness* harness = publish_new(path, "");
  gst_harness_set(harness, "anomalypublish", "stream", stream, NULL);
  gst_harness_set_drop_buffers(harness, TRUE);
  gst_segment_init(&segment, GST_FORMAT_TIME);
  GThread* thread = g_thread_new("pusher", push_until_stopped, harness);
  g_usleep(200 * 1000);
  fail_unless(gst_harness_push_event(harness, gst_event_new_flush_start()));
  g_thread_join(thread);
  fail_unless(gst_harness_push_event(harness, gst_event_new_flush_stop(FALSE)));
  fail_unless(gst_harness_push_event(harness, gst_event_new_segment(&segment)));

  GString* all = g_string_new(NULL);
  gssize size = 0;
  while ((size = read(reader, text, sizeof text)) > 0) g_string_append_len(all, text, size);
  fail_unless(all->len > 0 && all->str[all->len - 1] != '\n', "no line was cut: the test tests nothing");
  fail_unless_equals_int(gst_harness_push(harness, frame_at(0)), GST_FLOW_OK);
  while ((size = read(reader, text, sizeof text)) > 0) g_string_append_len(all, text, size);
  gchar** lines = g_strsplit(all->str, "\n", -1);
  const guint count = g_strv_length(lines);
  fail_unless(count > 2);
  for (guint i = 0; i + 1 < count; i++)
    fail_unless(g_str_has_suffix(lines[i], "\"regions\":[]}") &&
                g_strrstr(lines[i], "{\"schema\":1,") == lines[i]);
  g_strfreev(lines);
  g_string_free(all, TRUE);
  gst_harness_teardown(harness);
  close(reader);
  g_free(stream);
}
GST_END_TEST;

/* 20 times from NULL to PLAYING and back: each time a fresh file. */
GST_START_TEST(test_state_churn) {
  GstElement* pipeline = gst_parse_launch(
      "videotestsrc num-buffers=3 ! video/x-raw,width=16,height=16 ! "
      "anomalypublish name=p ! fakesink sync=false",
      NULL);
  fail_unless(pipeline != NULL);
  GstElement* publisher = gst_bin_get_by_name(GST_BIN(pipeline), "p");
  GstBus* bus = gst_element_get_bus(pipeline);
  g_object_set(publisher, "location", path, NULL);
  for (guint i = 0; i < 20; i++) {
    gchar* text = NULL;
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    if (i % 2 == 0) {
      GstMessage* message =
          gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
      fail_unless_equals_int(GST_MESSAGE_TYPE(message), GST_MESSAGE_EOS);
      gst_message_unref(message);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    fail_unless(g_file_get_contents(path, &text, NULL, NULL));
    fail_unless(strstr(text, "\"frame\":3") == NULL);
    if (i % 2 == 0) fail_unless(strstr(text, "\"frame\":2,\"pts\":66666666") != NULL);
    g_free(text);
  }
  gst_object_unref(bus);
  gst_object_unref(publisher);
  gst_object_unref(pipeline);
}
GST_END_TEST;

static Suite* anomalypublish_suite(void) {
  Suite* suite = suite_create("anomalypublish");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, test_lines);
  tcase_add_test(tests, test_running_time);
  tcase_add_test(tests, test_batch);
  tcase_add_test(tests, test_awkward_values);
  tcase_add_test(tests, test_floats_and_doubles);
  tcase_add_test(tests, test_many_regions);
  tcase_add_test(tests, test_replace_and_append);
  tcase_add_test(tests, test_locked_properties);
  tcase_add_test(tests, test_standard_output);
  tcase_add_test(tests, test_any_memory);
  tcase_add_test(tests, test_cannot_open);
  tcase_add_test(tests, test_full_disk);
  tcase_add_test(tests, test_closed_pipe);
  tcase_add_test(tests, test_stuck_pipe);
  tcase_add_test(tests, test_pipe_without_reader);
  tcase_add_test(tests, test_late_reader);
  tcase_add_test(tests, test_pipe_that_vanishes);
  tcase_add_test(tests, test_flush_within_a_line);
  tcase_add_test(tests, test_state_churn);
  return suite;
}

GST_CHECK_MAIN(anomalypublish);
