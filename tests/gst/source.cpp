// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalysource on recordings, pictures and synthetic drives, and on locations that are none.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

// Before the checks, whose macros some standard headers do not survive.
#include "gst/plugin/sourcequeue.h"

#include "gst/plugin/sourcelocation.h"
#include "tests/gst/frames.h"
#include "tests/gst/source_common.h"

using anomaly::parse_source_location;
using anomaly::SourceItem;
using anomaly::SourceLocation;
using anomaly::SourceQueue;

GST_START_TEST(test_recording) {
  const SourceFolder folder;
  make_recording(folder.file("drive.avi"), 12);
  Watched watched(folder.file("drive.avi"));
  const auto frames = watched.to_the_end();
  fail_unless_equals_int(frames.size(), 12);
  for (size_t i = 0; i < frames.size(); ++i) {
    fail_unless_equals_uint64(frames[i].pts, i * 100 * GST_MSECOND);
    fail_unless_equals_uint64(frames[i].duration, 100 * GST_MSECOND);
    fail_unless(frames[i].discont == (i == 0));
  }
  gint64 duration = 0;
  fail_unless(gst_element_query_duration(watched.pipeline, GST_FORMAT_TIME, &duration));
  fail_unless_equals_int64(duration, 12 * 100 * GST_MSECOND);
  fail_unless_equals_uint64(watched.stat("frames"), 12);
  fail_unless_equals_uint64(watched.stat("dropped"), 0);
  fail_unless_equals_uint64(watched.stat("reconnects"), 0);
  fail_unless(!gst_element_seek_simple(watched.pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
}
GST_END_TEST;

// Without a gap, a jump or a frame too few.
GST_START_TEST(test_loop) {
  const SourceFolder folder;
  make_recording(folder.file("drive.avi"), 5);
  Watched watched(folder.file("drive.avi"), "loop=true num-buffers=23");
  const auto frames = watched.to_the_end();
  fail_unless_equals_int(frames.size(), 23);
  for (size_t i = 0; i < frames.size(); ++i) {
    fail_unless_equals_uint64(frames[i].pts, i * 100 * GST_MSECOND);
    fail_unless(frames[i].discont == (i % 5 == 0), "frame %zu", i);
  }
  fail_unless_equals_int(watched.events(GST_EVENT_SEGMENT), 1);
  fail_unless_equals_int(watched.events(GST_EVENT_EOS), 1);
}
GST_END_TEST;

// A recording in its own time is live, loops, and gives way to a sink that is too slow.
GST_START_TEST(test_live_recording) {
  const SourceFolder folder;
  make_recording(folder.file("drive.avi"), 4);
  Watched watched(folder.file("drive.avi"), "loop=true is-live=true",
                  "identity sleep-time=250000 ! fakesink sync=false");
  fail_unless(watched.is_live());
  watched.play();
  fail_unless(eventually([&] { return watched.count() >= 8 && watched.stat("dropped") >= 4; }));
  const auto frames = watched.frames();
  for (size_t i = 1; i < frames.size(); ++i) fail_unless(frames[i].pts > frames[i - 1].pts, "frame %zu", i);
  GstQuery* query = gst_query_new_latency();
  fail_unless(gst_element_query(watched.source, query));
  gboolean live = FALSE;
  GstClockTime least = 0, most = 0;
  gst_query_parse_latency(query, &live, &least, &most);
  gst_query_unref(query);
  fail_unless(live);
  fail_unless_equals_uint64(least, 100 * GST_MSECOND);
  fail_unless_equals_uint64(most, 300 * GST_MSECOND);
}
GST_END_TEST;

GST_START_TEST(test_pictures) {
  const SourceFolder folder;
  const std::pair<const char*, int> pictures[] = {
      {"f10.png", 10}, {"f9.png", 9}, {"f1.png", 1}, {"f100.png", 100}};
  for (const auto& [name, grey] : pictures) make_picture(folder.file(name), grey);
  folder.write("notes.txt", "no picture");
  folder.write(".hidden.png", "no picture either");
  for (const char* pattern : {"", "/*.png", "/f%d.png"}) {
    Watched watched(folder.path + pattern, "framerate=5/1");
    const auto frames = watched.to_the_end();
    fail_unless_equals_int(frames.size(), 4);
    const int order[] = {1, 9, 10, 100};
    for (size_t i = 0; i < 4; ++i) {
      fail_unless_equals_int(frames[i].grey, order[i]);
      fail_unless_equals_uint64(frames[i].pts, i * 200 * GST_MSECOND);
      fail_unless_equals_uint64(frames[i].duration, 200 * GST_MSECOND);
    }
  }
  Watched numbered(folder.file("f%02d.png"));
  fail_unless_equals_int(numbered.to_the_end().size(), 2);
  Watched still(folder.file("f9.png"), "loop=true num-buffers=7");
  const auto frames = still.to_the_end();
  fail_unless_equals_int(frames.size(), 7);
  fail_unless_equals_uint64(frames[6].pts, 240 * GST_MSECOND);
}
GST_END_TEST;

GST_START_TEST(test_sizes_change) {
  const SourceFolder folder;
  make_picture(folder.file("1.png"), 10, 64, 48);
  make_picture(folder.file("2.png"), 20, 35, 21);
  make_picture(folder.file("3.png"), 30, 64, 48);
  Watched watched(folder.path);
  const auto frames = watched.to_the_end();
  fail_unless_equals_int(frames.size(), 3);
  fail_unless_equals_int(frames[0].width, 64);
  fail_unless_equals_int(frames[1].width, 35);
  fail_unless_equals_int(frames[2].width, 64);
  fail_unless_equals_int(watched.events(GST_EVENT_CAPS), 3);
}
GST_END_TEST;

GST_START_TEST(test_wrong_pictures) {
  const SourceFolder folder;
  make_picture(folder.file("1.png"), 10);
  folder.write("2.png", "no picture");
  Watched broken(folder.path);
  broken.play();
  fail_unless(broken.error(GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE).find("2.png\" is no picture") !=
              std::string::npos);
  folder.write("2.png", "");
  Watched empty(folder.file("2.png"));
  empty.play();
  empty.error(GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE);
  make("videotestsrc num-buffers=1 ! video/x-raw,width=64,height=48 ! jpegenc ! filesink location=" +
       folder.file("2.png"));
  Watched mixed(folder.path);
  mixed.play();
  fail_unless(mixed.error(GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE).find("is image/jpeg") !=
              std::string::npos);
  // One that has begun ends with the message: nothing that comes back.
  fail_unless_equals_uint64(mixed.stat("reconnects"), 0);
}
GST_END_TEST;

GST_START_TEST(test_synthetic) {
  Watched watched("test://?frames=4&width=32&height=24&framerate=50&seed=7", "loop=true num-buffers=9");
  const auto frames = watched.to_the_end();
  fail_unless_equals_int(frames.size(), 9);
  fail_unless_equals_int(frames[0].width, 32);
  fail_unless_equals_uint64(frames[8].pts, 160 * GST_MSECOND);
}
GST_END_TEST;

// Recordings that are none, or without a picture.
GST_START_TEST(test_no_video) {
  const SourceFolder folder;
  folder.write("text.mp4", "not a video");
  folder.write("empty.mp4", "");
  make("audiotestsrc num-buffers=5 ! wavenc ! filesink location=" + folder.file("sound.wav"));
  const struct {
    const char* name;
    const char* part;
  } cases[] = {
      {"text.mp4", "text.mp4"}, {"empty.mp4", "empty.mp4"}, {"sound.wav", "There is no video in it"}};
  for (const auto& [name, part] : cases) {
    Watched watched(folder.file(name), "loop=true");
    watched.play();
    GstMessage* message = gst_bus_timed_pop_filtered(watched.bus, 30 * GST_SECOND, GST_MESSAGE_ERROR);
    fail_unless(message != nullptr, "%s: no error", name);
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    fail_unless(strstr(error->message, part) != nullptr, "%s: %s", name, error->message);
    g_error_free(error);
    gst_message_unref(message);
  }
}
GST_END_TEST;

GST_START_TEST(test_locations) {
  const SourceFolder folder;
  make_picture(folder.file("a b.png"), 1);
  folder.write("50%.avi", "x");
  const std::string dir = folder.path;
  const struct {
    std::string text;
    bool good;
    SourceLocation::Kind kind;
    bool live, remote;
  } good[] = {{dir, true, SourceLocation::Kind::Pictures, false, false},
              {"file://" + dir + "/a%20b.png", true, SourceLocation::Kind::Pictures, false, false},
              {dir + "/50%.avi", true, SourceLocation::Kind::Uri, false, false},
              {"rtsp://a:b@192.0.2.1/x", true, SourceLocation::Kind::Uri, true, true},
              {"RTSP://192.0.2.1/x", true, SourceLocation::Kind::Uri, true, true},
              {"udp://127.0.0.1:5000", true, SourceLocation::Kind::Uri, true, true},
              {"/dev/video63", true, SourceLocation::Kind::Uri, true, true},
              {"test://", true, SourceLocation::Kind::Test, false, false}};
  for (const auto& one : good) {
    SourceLocation location;
    const auto problem = parse_source_location(one.text, &location);
    fail_unless(!problem, "%s: %s", one.text.c_str(), problem ? problem->text.c_str() : "");
    fail_unless(location.kind == one.kind && location.live == one.live && location.remote == one.remote, "%s",
                one.text.c_str());
  }
  const std::string bad[] = {"",
                             dir + "/nothing.mp4",
                             dir + "/none%05d.png",
                             dir + "/%s%n.png",
                             dir + "/%99999999999999999999d.png",
                             dir + "/%d%d.png",
                             dir + "/%",
                             dir + "/*.jpg",
                             std::string(70000, 'a'),
                             "file://elsewhere/x.mp4",
                             "file:///%00",
                             "file:///%zz",
                             "nonsense://x",
                             "rtsp://a\nb",
                             "rtsp://\xff\xfe",
                             "test://x",
                             "test://?seed",
                             "test://?seed=",
                             "test://?seed=1&&",
                             "test://?num-buffers=1",
                             "test://?name=x",
                             "test://?seed=1;x",
                             "test://?width=[1,2]",
                             "test://?width=1e9x",
                             "test://?framerate=1/0/0",
                             "test://?" + std::string(100000, '&')};
  for (const std::string& text : bad) {
    SourceLocation location;
    const auto problem = parse_source_location(text, &location);
    fail_unless(problem && !problem->text.empty(), "%.80s is taken", text.c_str());
  }
  // Values that look right and are not are the element's to refuse.
  for (const char* text : {"test://?seed=abc", "test://?frames=99999999999", "test://?width=99999999",
                           "test://?framerate=1/0", "test://?width=1&height=1"}) {
    Watched watched(text);
    watched.play();
    GstMessage* message = gst_bus_timed_pop_filtered(watched.bus, 30 * GST_SECOND, GST_MESSAGE_ERROR);
    fail_unless(message != nullptr, "%s is taken", text);
    gst_message_unref(message);
  }
  fail_unless(anomaly::without_password("rtsp://anna:se@cr:et@host:1/p@q") == "rtsp://anna:***@host:1/p@q");
  fail_unless(anomaly::without_password("rtsp://host:1/a:b@c") == "rtsp://host:1/a:b@c");
  fail_unless(anomaly::without_password("rtsp://anna@host") == "rtsp://anna@host");
}
GST_END_TEST;

GST_START_TEST(test_missing_file) {
  Watched watched("/nonexistent/drive.mp4");
  fail_unless_equals_int(gst_element_set_state(watched.pipeline, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  const std::string text = watched.error(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
  fail_unless_equals_string(text.c_str(), "\"/nonexistent/drive.mp4\" does not exist.");
}
GST_END_TEST;

static int open_descriptors() {
  int count = 0;
  GDir* dir = g_dir_open("/proc/self/fd", 0, nullptr);
  while (g_dir_read_name(dir)) ++count;
  g_dir_close(dir);
  return count;
}

// Up and down, in the middle of things, through every state.
GST_START_TEST(test_up_and_down) {
  const SourceFolder folder;
  make_recording(folder.file("drive.avi"), 5);
  for (const char* properties : {"loop=true", "loop=true is-live=true"}) {
    Watched watched(folder.file("drive.avi"), properties);
    int before = 0;
    for (int round = 0; round < 6; ++round) {
      const size_t seen = watched.count();
      watched.play();
      if (round % 3 == 1) fail_unless(eventually([&] { return watched.count() > seen + 2; }));
      if (round % 3 == 2) {
        gst_element_set_state(watched.pipeline, GST_STATE_PAUSED);
        watched.play();
      }
      gst_element_set_state(watched.pipeline, round % 2 ? GST_STATE_READY : GST_STATE_NULL);
      // Not after the first ones: what the process opens once may be opened late.
      if (round == 2 || round == 3 || round == 4) {
        gst_element_set_state(watched.pipeline, GST_STATE_NULL);
        before = std::max(before, open_descriptors());
      }
    }
    gst_element_set_state(watched.pipeline, GST_STATE_NULL);
    // GStreamer ends some of its threads later than the pipeline.
    fail_unless(eventually([&] { return open_descriptors() <= before; }), "%d descriptors, then %d", before,
                open_descriptors());
  }
}
GST_END_TEST;

// What is played while running cannot be changed, and says so.
GST_START_TEST(test_running) {
  Watched watched("test://?width=32&height=24", "num-buffers=2");
  watched.to_the_end();
  ASSERT_WARNING(g_object_set(watched.source, "location", "elsewhere", nullptr));
  gchar* location = nullptr;
  g_object_get(watched.source, "location", &location, nullptr);
  fail_unless_equals_string(location, "test://?width=32&height=24");
  g_free(location);
}
GST_END_TEST;

// Downstream that wants something else is told what to do.
GST_START_TEST(test_not_negotiated) {
  Watched watched("test://?width=32&height=24", "",
                  "capsfilter caps=video/x-raw,format=GRAY8,width=7 ! fakesink");
  watched.play();
  fail_unless(watched.error(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT).find("videoconvert") !=
              std::string::npos);
}
GST_END_TEST;

namespace {

// A camera that sends JPEG pictures over HTTP, one after the other, to one client at a time.
class HttpCamera {
 public:
  explicit HttpCamera(std::string picture) : picture_(std::move(picture)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    fail_unless(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    fail_unless(listen(listener_, 8) == 0);
    fail_unless(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~HttpCamera() {
    done_ = true;
    thread_.join();
    close(listener_);
  }
  HttpCamera(const HttpCamera&) = delete;
  HttpCamera& operator=(const HttpCamera&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/mjpeg"; }
  // Ends the pictures; whoever asks again gets more.
  void hang_up() { hangs_up_ = true; }

 private:
  void run() {
    while (!done_) {
      pollfd fd = {listener_, POLLIN, 0};
      if (poll(&fd, 1, 20) <= 0) continue;
      const int client = accept(listener_, nullptr, nullptr);
      serve(client);
      close(client);
    }
  }
  void serve(int client) {
    std::string request;
    char byte = 0;
    while (request.find("\r\n\r\n") == std::string::npos && recv(client, &byte, 1, 0) == 1) request += byte;
    bool sent =
        send_all(client, "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n");
    const std::string part =
        "--next\r\nContent-Type: image/jpeg\r\nContent-Length: " + std::to_string(picture_.size()) +
        "\r\n\r\n" + picture_ + "\r\n";
    while (sent && !done_ && !hangs_up_.exchange(false)) {
      sent = send_all(client, part);
      g_usleep(20 * 1000);
    }
  }
  static bool send_all(int client, const std::string& bytes) {
    size_t at = 0;
    while (at < bytes.size()) {
      const ssize_t more = send(client, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (more <= 0) return false;
      at += static_cast<size_t>(more);
    }
    return true;
  }

  const std::string picture_;
  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
  std::atomic<bool> hangs_up_ = false, done_ = false;
  std::thread thread_;
};

}  // namespace

// Such a camera cannot be told from a recording on a server: is-live says that its end is a loss.
GST_START_TEST(test_http_camera) {
  GstElementFactory* parts = gst_element_factory_find("multipartdemux");
  const bool usable = parts && gst_uri_protocol_is_supported(GST_URI_SRC, "http");
  gst_clear_object(&parts);
  if (!usable) {
    g_print("skipped: no souphttpsrc or multipartdemux here\n");
    return;
  }
  g_unsetenv("http_proxy");
  const SourceFolder folder;
  make(
      "videotestsrc num-buffers=1 ! video/x-raw,format=I420,width=64,height=48 ! jpegenc ! filesink "
      "location=" +
      folder.file("picture"));
  gchar* bytes = nullptr;
  gsize size = 0;
  fail_unless(g_file_get_contents(folder.file("picture").c_str(), &bytes, &size, nullptr));
  HttpCamera camera(std::string(bytes, size));
  g_free(bytes);
  {
    Watched watched(camera.url(), "is-live=true reconnect-min-delay=50000000");
    fail_unless(watched.is_live());
    watched.play();
    fail_unless(eventually([&] { return watched.count() >= 10; }));
    camera.hang_up();
    fail_unless(watched.news("lost") == "it has ended");
    const size_t before = watched.count();
    fail_unless(eventually([&] { return watched.count() >= before + 10; }));
    fail_unless_equals_int(watched.events(GST_EVENT_EOS), 0);
  }
  Watched watched(camera.url());
  watched.play();
  fail_unless(eventually([&] { return watched.count() >= 10; }));
  camera.hang_up();
  fail_unless(eventually([&] { return watched.has_ended(); }));
  fail_unless_equals_uint64(watched.stat("reconnects"), 0);
}
GST_END_TEST;

static SourceItem tags_of(const char* description, GstTagScope scope = GST_TAG_SCOPE_STREAM) {
  GstTagList* list = gst_tag_list_new_from_string(description);
  fail_unless(list != nullptr);
  gst_tag_list_set_scope(list, scope);
  SourceItem item;
  item.tags.reset(gst_event_new_tag(list));
  return item;
}

// A camera that goes on while nobody takes anything: what is kept is bounded, frames as well as tags, and the
// tags that are left say all that was said, and the last of it.
GST_START_TEST(test_nobody_takes) {
  SourceQueue queue;
  const guint connection = queue.open(true);
  fail_unless(queue.push(connection, tags_of("taglist, image-orientation=rotate-90, bitrate=(uint)7")));
  fail_unless(queue.push(connection, tags_of("taglist, title=front", GST_TAG_SCOPE_GLOBAL)));
  for (guint i = 0; i < 1000; ++i) {
    SourceItem frame;
    frame.frame.reset(gst_buffer_new());
    GST_BUFFER_OFFSET(frame.frame.get()) = i;
    fail_unless(queue.push(connection, std::move(frame)));
    fail_unless(
        queue.push(connection, tags_of(("taglist, bitrate=(uint)" + std::to_string(100 + i)).c_str())));
  }
  GstTagList* all = gst_tag_list_new_empty();
  int frames = 0, items = 0;
  SourceItem item;
  while (queue.pop(&item, SourceQueue::Clock::duration::zero()) == SourceQueue::Outcome::Item) {
    ++items;
    if (item.frame) fail_unless_equals_uint64(GST_BUFFER_OFFSET(item.frame.get()), 998 + frames++);
    if (!item.tags) continue;
    GstTagList* tags = nullptr;
    gst_event_parse_tag(item.tags.get(), &tags);
    gst_tag_list_insert(all, tags, GST_TAG_MERGE_REPLACE);
    item.tags.reset();
  }
  fail_unless_equals_int(frames, 2);
  fail_unless(items < 30, "%d", items);
  fail_unless_equals_uint64(queue.dropped(), 998);
  gchar *orientation = nullptr, *title = nullptr;
  guint bitrate = 0;
  fail_unless(gst_tag_list_get_string(all, GST_TAG_IMAGE_ORIENTATION, &orientation));
  fail_unless(gst_tag_list_get_string(all, GST_TAG_TITLE, &title));
  fail_unless(gst_tag_list_get_uint(all, GST_TAG_BITRATE, &bitrate));
  fail_unless_equals_string(orientation, "rotate-90");
  fail_unless_equals_string(title, "front");
  fail_unless_equals_int(bitrate, 1099);
  g_free(orientation);
  g_free(title);
  gst_tag_list_unref(all);
}
GST_END_TEST;

static Suite* source_suite() {
  Suite* s = suite_create("source");
  TCase* tc = tcase_create("general");
  suite_add_tcase(s, tc);
  tcase_add_test(tc, test_recording);
  tcase_add_test(tc, test_loop);
  tcase_add_test(tc, test_live_recording);
  tcase_add_test(tc, test_pictures);
  tcase_add_test(tc, test_sizes_change);
  tcase_add_test(tc, test_wrong_pictures);
  tcase_add_test(tc, test_synthetic);
  tcase_add_test(tc, test_no_video);
  tcase_add_test(tc, test_locations);
  tcase_add_test(tc, test_missing_file);
  tcase_add_test(tc, test_up_and_down);
  tcase_add_test(tc, test_running);
  tcase_add_test(tc, test_not_negotiated);
  tcase_add_test(tc, test_http_camera);
  tcase_add_test(tc, test_nobody_takes);
  return s;
}

int main(int argc, char** argv) {
  gst_check_init(&argc, &argv);
  test_load_plugin();
  return gst_check_run_suite(source_suite(), "source", __FILE__);
}
