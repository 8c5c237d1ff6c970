// SPDX-License-Identifier: LGPL-2.1-or-later
// What the suites of anomalypublish's brokers share: the element in a harness with a bus, a file beside it
// that gets the same lines, messages off the bus.
#pragma once

#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/gst/frames.h"

inline constexpr const char* kPublishCaps = "video/x-raw,format=GRAY8,width=64,height=32,framerate=25/1";

// True as soon as `condition` holds; false after 20 s.
inline bool eventually(const std::function<bool()>& condition) {
  const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
  while (!condition()) {
    if (g_get_monotonic_time() > end) return false;
    g_usleep(10 * 1000);
  }
  return true;
}

// A socket on the loopback: listening, with its port.
struct Listener {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port = 0;

  Listener() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    fail_unless(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
    fail_unless(listen(fd, 8) == 0);
    fail_unless(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }
  ~Listener() { close(fd); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
};

// Nobody listens there.
inline int free_port() {
  return Listener().port;
}

inline bool answers(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

inline void run(const std::string& command) {
  gint status = 0;
  gchar* said = nullptr;
  fail_unless(g_spawn_command_line_sync(command.c_str(), nullptr, &said, &status, nullptr), "%s",
              command.c_str());
  fail_unless(status == 0, "%s: %s", command.c_str(), said);
  g_free(said);
}

// A server, killed with this object, and with a test that fails. output: a file for what it prints.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command, const std::string& output = "/dev/null") {
    std::vector<gchar*> words;
    words.reserve(command.size() + 1);
    for (const std::string& word : command) words.push_back(const_cast<gchar*>(word.c_str()));
    words.push_back(nullptr);
    const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int in[2] = {-1, -1};  // never at its end: some servers leave with their input
    fail_unless(out >= 0 && pipe2(in, O_CLOEXEC) == 0);
    fail_unless(
        g_spawn_async_with_fds(
            nullptr, words.data(), nullptr,
            static_cast<GSpawnFlags>(G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH),
            [](gpointer) { prctl(PR_SET_PDEATHSIG, SIGKILL); }, nullptr, &pid_, in[0], out, out, nullptr),
        "%s does not start", command[0].c_str());
    close(out);
    close(in[0]);
    input_ = in[1];
  }
  ~Process() {
    close(input_);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

 private:
  GPid pid_ = 0;
  int input_ = -1;
};

// A folder that goes away with what lies in it.
struct Folder {
  std::string path;

  Folder() {
    gchar* made = g_dir_make_tmp("anomalypublish-XXXXXX", nullptr);
    fail_unless(made != nullptr);
    path = made;
    g_free(made);
  }
  ~Folder() {
    GDir* dir = g_dir_open(path.c_str(), 0, nullptr);
    while (const gchar* name = dir ? g_dir_read_name(dir) : nullptr) g_remove((path + "/" + name).c_str());
    if (dir) g_dir_close(dir);
    g_rmdir(path.c_str());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const char* name) const { return path + "/" + name; }
};

inline std::string contents(const std::string& path) {
  gchar* text = nullptr;
  gsize size = 0;
  if (!g_file_get_contents(path.c_str(), &text, &size, nullptr)) return {};
  std::string result(text, size);
  g_free(text);
  return result;
}

// certificate.pem and key.pem, its own authority, for localhost and 127.0.0.1.
inline void make_certificate(const Folder& folder) {
  run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
      "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout " +
      folder.file("key.pem") + " -out " + folder.file("certificate.pem"));
}

// anomalypublish, and behind it one that writes the same lines to a file.
class Publish {
 public:
  Publish(const std::string& location, const std::string& properties, const std::string& file = "/dev/null") {
    const std::string launch = "anomalypublish name=publisher stream=front location=\"" + location + "\" " +
                               properties + " ! anomalypublish stream=front location=\"" + file + "\"";
    GError* error = nullptr;
    GstElement* bin = gst_parse_bin_from_description(launch.c_str(), TRUE, &error);
    fail_unless(error == nullptr, "%s: %s", launch.c_str(), error ? error->message : "");
    gst_object_ref_sink(bin);
    element = gst_bin_get_by_name(GST_BIN(bin), "publisher");
    bus = gst_bus_new();
    gst_element_set_bus(bin, bus);
    harness = gst_harness_new_with_element(bin, "sink", "src");
    gst_object_unref(bin);
    gst_harness_set_src_caps_str(harness, kPublishCaps);
    gst_harness_set_drop_buffers(harness, TRUE);
  }
  ~Publish() {
    gst_element_set_state(harness->element, GST_STATE_NULL);
    gst_element_set_bus(harness->element, nullptr);
    gst_harness_teardown(harness);
    gst_object_unref(bus);
    gst_object_unref(element);
  }
  Publish(const Publish&) = delete;
  Publish& operator=(const Publish&) = delete;

  // Every other frame has metadata.
  GstFlowReturn push() {
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, 64 * 32, nullptr);
    GST_BUFFER_PTS(buffer) = pushed * 40 * GST_MSECOND;
    if (pushed++ % 2 == 0) test_meta_add(buffer, 64, 32);
    return gst_harness_push(harness, buffer);
  }
  void push(guint count) {
    for (guint i = 0; i < count; i++) fail_unless_equals_int(push(), GST_FLOW_OK);
  }
  guint64 stat(const char* name) const {
    GstStructure* stats = nullptr;
    g_object_get(element, "stats", &stats, nullptr);
    guint64 value = 0;
    guint small = 0;
    gboolean flag = FALSE;
    if (gst_structure_get_uint(stats, name, &small))
      value = small;
    else if (gst_structure_get_boolean(stats, name, &flag))
      value = flag ? 1 : 0;
    else
      fail_unless(gst_structure_get_uint64(stats, name, &value), "no %s in the statistics", name);
    gst_structure_free(stats);
    return value;
  }
  // The next message of this type and code, which must come and hold each part.
  std::string expect(GstMessageType type, gint code, const std::vector<std::string>& parts) {
    while (true) {
      GstMessage* message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, type);
      fail_unless(message != nullptr, "no message of type %s", gst_message_type_get_name(type));
      GError* error = nullptr;
      if (type == GST_MESSAGE_ERROR) gst_message_parse_error(message, &error, nullptr);
      if (type == GST_MESSAGE_WARNING) gst_message_parse_warning(message, &error, nullptr);
      if (type == GST_MESSAGE_INFO) gst_message_parse_info(message, &error, nullptr);
      gst_message_unref(message);
      std::string text = error->message;
      const bool other = error->code != code;
      g_error_free(error);
      fail_unless(!other || type != GST_MESSAGE_ERROR, "%s", text.c_str());
      if (other) continue;
      for (const std::string& part : parts)
        fail_unless(text.find(part) != std::string::npos, "\"%s\" lacks \"%s\"", text.c_str(), part.c_str());
      return text;
    }
  }
  void expect_none(GstMessageType types) {
    GstMessage* message = gst_bus_pop_filtered(bus, types);
    fail_unless(message == nullptr, "unexpected: %s",
                message ? gst_message_type_get_name(GST_MESSAGE_TYPE(message)) : "");
  }
  GstStateChangeReturn stop() { return gst_element_set_state(harness->element, GST_STATE_NULL); }

  GstHarness* harness;
  GstElement* element;
  GstBus* bus;
  guint pushed = 0;
};

// The number of the frame that a line is about.
inline guint64 frame_of(const std::string& line) {
  const size_t at = line.find("\"frame\":");
  fail_unless(at != std::string::npos, "%s", line.c_str());
  return g_ascii_strtoull(line.c_str() + at + 8, nullptr, 10);
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

inline void cannot_start(const std::string& location, const char* property, const char* value,
                         const std::string& part, const std::string& secret = "") {
  GstElement* element = gst_element_factory_make("anomalypublish", nullptr);
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  g_object_set(element, "location", location.c_str(), nullptr);
  if (property) g_object_set(element, property, value, nullptr);
  fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  fail_unless(message != nullptr, "%s: no error", location.c_str());
  GError* error = nullptr;
  gst_message_parse_error(message, &error, nullptr);
  fail_unless(g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS), "%s", error->message);
  fail_unless(strstr(error->message, part.c_str()) != nullptr, "\"%s\" lacks \"%s\"", error->message,
              part.c_str());
  if (!secret.empty()) fail_unless(strstr(error->message, secret.c_str()) == nullptr, "%s", error->message);
  g_error_free(error);
  gst_message_unref(message);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, nullptr);
  gst_object_unref(bus);
  gst_object_unref(element);
}
