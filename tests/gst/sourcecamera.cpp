// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalysource and a camera that dies, falls silent, asks for a password and comes back.
//
// usage: test-sourcecamera, with the program of source_camera.c in ANOMALY_TEST_CAMERA
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "tests/gst/frames.h"
#include "tests/gst/source_common.h"

namespace {

// The camera as a process, killed with this object.
class Camera {
 public:
  explicit Camera(int at = 0, const std::vector<std::string>& password = {}) {
    const std::string number = std::to_string(at);
    const gchar* words[] = {g_getenv("ANOMALY_TEST_CAMERA"), number.c_str(),
                            password.empty() ? nullptr : password[0].c_str(),
                            password.empty() ? nullptr : password[1].c_str(), nullptr};
    fail_unless(words[0] != nullptr, "ANOMALY_TEST_CAMERA is not set");
    gint out = -1;
    fail_unless(g_spawn_async_with_pipes(nullptr, const_cast<gchar**>(words), nullptr,
                                         G_SPAWN_DO_NOT_REAP_CHILD, nullptr, nullptr, &pid_, nullptr, &out,
                                         nullptr, nullptr));
    FILE* said = fdopen(out, "r");
    fail_unless(fscanf(said, "%d", &port) == 1, "the camera does not start");
    fclose(said);
  }
  ~Camera() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Camera(const Camera&) = delete;
  Camera& operator=(const Camera&) = delete;

  void freeze() const { kill(pid_, SIGSTOP); }
  void thaw() const { kill(pid_, SIGCONT); }
  std::string url(const std::string& user = "") const {
    return "rtsp://" + user + "127.0.0.1:" + std::to_string(port) + "/live";
  }

  int port = 0;

 private:
  GPid pid_ = 0;
};

constexpr const char* kQuick =
    "reconnect-min-delay=50000000 reconnect-max-delay=200000000 timeout=5000000000 transport=tcp";

}  // namespace

static void check_times(const std::vector<Watched::Frame>& frames) {
  for (size_t i = 1; i < frames.size(); ++i)
    fail_unless(frames[i].pts > frames[i - 1].pts,
                "frame %zu at %" GST_TIME_FORMAT ", after %" GST_TIME_FORMAT, i, GST_TIME_ARGS(frames[i].pts),
                GST_TIME_ARGS(frames[i - 1].pts));
}

// Whoever watches sees frames that are missing, gaps in their place, and the same stream going on.
GST_START_TEST(test_comes_back) {
  auto camera = std::make_unique<Camera>();
  const int port = camera->port;
  Watched watched(camera->url(), kQuick);
  fail_unless(watched.is_live());
  watched.play();
  fail_unless(eventually([&] { return watched.count() >= 20; }));
  fail_unless(watched.news("connected", "location") == camera->url());
  camera.reset();
  fail_unless(!watched.news("lost").empty());
  fail_unless_equals_uint64(watched.stat("connected"), 0);
  watched.news("lost");  // and again
  fail_unless(eventually([&] { return watched.events(GST_EVENT_GAP) >= 1; }));
  const size_t before = watched.count();
  camera = std::make_unique<Camera>(port);
  fail_unless(eventually([&] { return watched.count() >= before + 20; }));
  watched.news("connected");
  fail_unless_equals_uint64(watched.stat("connected"), 1);
  fail_unless(watched.stat("reconnects") >= 2);
  const auto frames = watched.frames();
  check_times(frames);
  // In its place, not behind the last one.
  fail_unless(frames[before].discont);
  fail_unless(frames[before].pts - frames[before - 1].pts > GST_SECOND / 2);
  fail_unless_equals_int(watched.events(GST_EVENT_EOS), 0);
  fail_unless_equals_int(watched.events(GST_EVENT_SEGMENT), 1);
  fail_unless_equals_int(watched.events(GST_EVENT_STREAM_START), 1);
  fail_unless_equals_int(watched.events(GST_EVENT_CAPS), 1);
  GstMessage* error = gst_bus_pop_filtered(watched.bus, GST_MESSAGE_ERROR);
  fail_unless(error == nullptr);
}
GST_END_TEST;

// Connected, and nothing comes.
GST_START_TEST(test_silent) {
  const Camera camera;
  Watched watched(camera.url(), "reconnect-min-delay=50000000 timeout=1000000000 transport=tcp");
  watched.play();
  fail_unless(eventually([&] { return watched.count() >= 10; }));
  camera.freeze();
  fail_unless(watched.news("lost") == "no frame has come for 1.0 s");
  camera.thaw();
  const size_t before = watched.count();
  fail_unless(eventually([&] { return watched.count() >= before + 10; }));
  check_times(watched.frames());
}
GST_END_TEST;

GST_START_TEST(test_transports) {
  const Camera camera;
  for (const char* transport : {"transport=udp", "transport=tcp", "transport=auto"}) {
    Watched watched(camera.url(), transport);
    // The application may set what there is no property for.
    std::string type;
    g_signal_connect(watched.source, "source-setup",
                     G_CALLBACK(+[](GstElement*, GstElement* source, gpointer data) {
                       *static_cast<std::string*>(data) = G_OBJECT_TYPE_NAME(source);
                     }),
                     &type);
    watched.play();
    fail_unless(eventually([&] { return watched.count() >= 10; }), "%s", transport);
    check_times(watched.frames());
    fail_unless_equals_string(type.c_str(), "GstRTSPSrc");
    GstQuery* query = gst_query_new_latency();
    gboolean live = FALSE;
    GstClockTime least = 0;
    fail_unless(gst_element_query(watched.source, query));
    gst_query_parse_latency(query, &live, &least, nullptr);
    gst_query_unref(query);
    fail_unless(live && least >= 200 * GST_MSECOND, "%" GST_TIME_FORMAT, GST_TIME_ARGS(least));
  }
}
GST_END_TEST;

GST_START_TEST(test_password) {
  const Camera camera(0, {"anna", "s3cret"});
  for (const char* wrong : {"", "user-id=anna user-pw=guess"}) {
    Watched watched(camera.url(), wrong);
    watched.play();
    watched.error(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED);
    fail_unless_equals_uint64(watched.stat("reconnects"), 0);
  }
  Watched by_property(camera.url(), "transport=tcp user-id=anna user-pw=s3cret");
  by_property.play();
  fail_unless(eventually([&] { return by_property.count() >= 5; }));
  Watched by_address(camera.url("anna:s3cret@"), "transport=tcp");
  by_address.play();
  fail_unless(by_address.news("connected", "location") == camera.url("anna:***@"));
}
GST_END_TEST;

// Two who watch the same do not stand in each other's way.
GST_START_TEST(test_two) {
  const Camera camera;
  Watched one(camera.url(), "transport=tcp"), other(camera.url(), "transport=tcp");
  one.play();
  fail_unless(eventually([&] { return one.count() >= 5; }));
  other.play();
  fail_unless(eventually([&] { return other.count() >= 5; }));
  gst_element_set_state(one.pipeline, GST_STATE_NULL);
  const size_t before = other.count();
  fail_unless(eventually([&] { return other.count() >= before + 10; }));
  fail_unless_equals_uint64(other.stat("reconnects"), 0);
}
GST_END_TEST;

// Nobody is there: told, tried again ever later, and left without a wait.
GST_START_TEST(test_nobody) {
  int port = 0;
  {
    const Camera gone;
    port = gone.port;
  }
  const std::string url = "rtsp://anna:s3cret@127.0.0.1:" + std::to_string(port) + "/live";
  Watched watched(url, "reconnect-min-delay=20000000 reconnect-max-delay=80000000");
  for (int round = 0; round < 3; ++round) {
    watched.play();
    GstClockTime longest = 0;
    int warnings = 0;
    for (int i = 0; i < 4; ++i) {
      GstMessage* message =
          gst_bus_timed_pop_filtered(watched.bus, 30 * GST_SECOND,
                                     static_cast<GstMessageType>(GST_MESSAGE_ELEMENT | GST_MESSAGE_WARNING));
      fail_unless(message != nullptr);
      if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
        ++warnings;
        --i;
        gst_message_unref(message);
        continue;
      }
      const GstStructure* said = gst_message_get_structure(message);
      guint64 delay = 0;
      guint attempts = 0;
      fail_unless(gst_structure_get_uint64(said, "delay", &delay));
      fail_unless(gst_structure_get_uint(said, "attempts", &attempts));
      fail_unless_equals_int(attempts, i + 1);
      fail_unless(strstr(gst_structure_get_string(said, "location"), "s3cret") == nullptr);
      longest = MAX(longest, delay);
      fail_unless_equals_uint64(delay, MIN(20 << i, 80) * GST_MSECOND);
      gst_message_unref(message);
    }
    fail_unless_equals_uint64(longest, 80 * GST_MSECOND);
    fail_unless_equals_int(warnings, 1);
    gst_element_set_state(watched.pipeline, GST_STATE_NULL);
    gst_bus_set_flushing(watched.bus, TRUE);
    gst_bus_set_flushing(watched.bus, FALSE);
  }
  Watched once(url, "reconnect=false");
  once.play();
  GstMessage* error = gst_bus_timed_pop_filtered(once.bus, 30 * GST_SECOND, GST_MESSAGE_ERROR);
  fail_unless(error != nullptr);
  GError* why = nullptr;
  gst_message_parse_error(error, &why, nullptr);
  fail_unless(strstr(why->message, "s3cret") == nullptr && strstr(why->message, "anna:***@"), "%s",
              why->message);
  g_error_free(why);
  gst_message_unref(error);
}
GST_END_TEST;

// Paused and played again: frames go on in the new time.
GST_START_TEST(test_pause) {
  const Camera camera;
  Watched watched(camera.url(), kQuick);
  watched.play();
  fail_unless(eventually([&] { return watched.count() >= 10; }));
  gst_element_set_state(watched.pipeline, GST_STATE_PAUSED);
  gst_element_get_state(watched.pipeline, nullptr, nullptr, 5 * GST_SECOND);
  const size_t before = watched.count();
  g_usleep(G_USEC_PER_SEC);
  fail_unless(watched.count() <= before + 1);
  watched.play();
  fail_unless(eventually([&] { return watched.count() >= before + 10; }));
  const auto frames = watched.frames();
  check_times(frames);
  // The pause is no part of running time.
  fail_unless(frames[before + 2].pts - frames[before - 1].pts < GST_SECOND * 8 / 10);
}
GST_END_TEST;

static Suite* source_camera_suite() {
  Suite* s = suite_create("sourcecamera");
  TCase* tc = tcase_create("general");
  suite_add_tcase(s, tc);
  tcase_add_test(tc, test_comes_back);
  tcase_add_test(tc, test_silent);
  tcase_add_test(tc, test_transports);
  tcase_add_test(tc, test_password);
  tcase_add_test(tc, test_two);
  tcase_add_test(tc, test_nobody);
  tcase_add_test(tc, test_pause);
  return s;
}

int main(int argc, char** argv) {
  gst_check_init(&argc, &argv);
  test_load_plugin();
  return gst_check_run_suite(source_camera_suite(), "sourcecamera", __FILE__);
}
