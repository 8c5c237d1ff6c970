// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalypublish against a real broker, mosquitto, on ports of the loopback: what arrives, TLS, passwords,
// brokers that die, come back, refuse or say nothing.
#include <mosquitto.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "tests/gst/publish_common.h"

namespace {

constexpr const char* kUser = "car7";
constexpr const char* kPassword = "open-sesame";
constexpr const char* kLogin = "user-id=car7 user-pw=open-sesame";
constexpr const char* kTopic = "cars/7/anomalies";

std::string mosquitto_path() {
  for (const char* name : {"mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"}) {
    gchar* found = g_find_program_in_path(name);
    if (!found) continue;
    std::string path = found;
    g_free(found);
    return path;
  }
  return {};
}

// A mosquitto that keeps subscriptions across a kill, with a plain and a TLS listener, and a password.
class Broker {
 public:
  Broker() : port(free_port()), tls_port(free_port()) {
    run("mosquitto_passwd -b -c " + folder.file("passwords") + " " + kUser + " " + kPassword);
    make_certificate(folder);
    const std::string config = "user root\nallow_anonymous false\npassword_file " + folder.file("passwords") +
                               "\npersistence true\npersistence_location " + folder.path +
                               "/\nautosave_on_changes true\nautosave_interval 1\nlog_dest file " +
                               folder.file("log") + "\nlistener " + std::to_string(port) +
                               " 127.0.0.1\nlistener " + std::to_string(tls_port) + " 127.0.0.1\ncertfile " +
                               certificate() + "\nkeyfile " + folder.file("key.pem") + "\n";
    fail_unless(g_file_set_contents(folder.file("config").c_str(), config.c_str(), -1, nullptr));
    start();
  }

  void start() {
    const std::string program = mosquitto_path(), config = folder.file("config");
    process_ = std::make_unique<Process>(std::vector<std::string>{program, "-c", config});
    fail_unless(eventually([this] { return answers(port) && answers(tls_port); }), "%s",
                contents(folder.file("log")).c_str());
  }
  void kill() { process_.reset(); }
  std::string url() const { return "mqtt://127.0.0.1:" + std::to_string(port) + "/" + kTopic; }
  std::string tls_url() const { return "mqtts://127.0.0.1:" + std::to_string(tls_port) + "/" + kTopic; }
  std::string certificate() const { return folder.file("certificate.pem"); }

  Folder folder;
  const int port, tls_port;

 private:
  std::unique_ptr<Process> process_;
};

// Reads the topic, with a subscription that outlives its connection and the broker.
class Reader {
 public:
  explicit Reader(const Broker& broker) {
    mosquitto_lib_init();
    client_ = mosquitto_new("reader", false, this);
    mosquitto_username_pw_set(client_, kUser, kPassword);
    mosquitto_connect_callback_set(
        client_, [](mosquitto* client, void*, int) { mosquitto_subscribe(client, nullptr, "cars/#", 1); });
    mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* self, int, int, const int*) {
      const std::lock_guard lock(static_cast<Reader*>(self)->mutex_);
      static_cast<Reader*>(self)->subscribed_ = true;
    });
    mosquitto_message_callback_set(client_, [](mosquitto*, void* self, const mosquitto_message* message) {
      const std::lock_guard lock(static_cast<Reader*>(self)->mutex_);
      const bool expected = g_str_equal(message->topic, kTopic) && message->qos == 1 && !message->retain;
      static_cast<Reader*>(self)->lines_.emplace_back(
          expected ? std::string(static_cast<const char*>(message->payload),
                                 static_cast<size_t>(message->payloadlen))
                   : "a message of another topic or quality of service");
    });
    fail_unless_equals_int(mosquitto_connect(client_, "127.0.0.1", broker.port, 30), MOSQ_ERR_SUCCESS);
    mosquitto_loop_start(client_);
    fail_unless(eventually([this] {
      const std::lock_guard lock(mutex_);
      return subscribed_;
    }));
  }
  ~Reader() {
    mosquitto_loop_stop(client_, true);
    mosquitto_destroy(client_);
    mosquitto_lib_cleanup();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  bool receives(size_t count) const {
    return eventually([this, count] { return frames().size() >= count; });
  }
  // Of the first copy of each line, in the order of arrival: at least once allows for more.
  std::vector<guint64> frames() const {
    std::set<guint64> seen;
    std::vector<guint64> order;
    for (const std::string& line : lines())
      if (seen.insert(frame_of(line)).second) order.push_back(frame_of(line));
    return order;
  }

 private:
  mosquitto* client_;
  mutable std::mutex mutex_;
  bool subscribed_ = false;
  std::vector<std::string> lines_;
};

// Stands between the element and the broker, for one connection after the other, and passes on what either
// sends.
class Relay {
 public:
  explicit Relay(const Broker& broker) : broker_(broker.port), thread_([this] { run(); }) {}
  ~Relay() {
    done_ = true;
    thread_.join();
    hang_up();
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::string url() const { return "mqtt://127.0.0.1:" + std::to_string(listener_.port) + "/" + kTopic; }
  // What the broker sends stays with it.
  void hold_receipts(bool on) { holds_receipts_ = on; }
  // What the element sends goes no further: it is in swallowed().
  void swallow_lines() { swallows_lines_ = true; }
  std::string swallowed() const {
    const std::lock_guard lock(mutex_);
    return swallowed_;
  }
  // Ends the connection; the next one passes everything on.
  void cut() {
    cut_ = true;
    fail_unless(eventually([this] { return !cut_; }));
  }

 private:
  void run() {
    while (!done_) {
      if (cut_) {
        hang_up();
        holds_receipts_ = swallows_lines_ = false;
        cut_ = false;
      }
      const bool held = holds_receipts_;
      std::array<pollfd, 3> fds = {{{client_ < 0 ? listener_.fd : -1, POLLIN, 0},
                                    {client_, POLLIN, 0},
                                    {held ? -1 : server_, POLLIN, 0}}};
      if (poll(fds.data(), fds.size(), 10) <= 0) continue;
      if (fds[0].revents != 0) pick_up();
      if (fds[1].revents != 0 && !pass(client_, server_, swallows_lines_)) hang_up();
      if (fds[2].revents != 0 && server_ >= 0 && !holds_receipts_ && !pass(server_, client_, false))
        hang_up();
    }
  }
  void pick_up() {
    client_ = accept(listener_.fd, nullptr, nullptr);
    server_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(broker_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(server_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) hang_up();
  }
  void hang_up() {
    for (int* fd : {&client_, &server_}) {
      if (*fd >= 0) close(*fd);
      *fd = -1;
    }
  }
  // False where either is gone.
  bool pass(int from, int to, bool swallow) {
    std::array<char, 65536> bytes;
    const ssize_t size = recv(from, bytes.data(), bytes.size(), 0);
    if (size <= 0) return false;
    if (swallow) {
      const std::lock_guard lock(mutex_);
      swallowed_.append(bytes.data(), static_cast<size_t>(size));
      return true;
    }
    for (ssize_t sent = 0; sent < size;) {
      const ssize_t more = send(to, bytes.data() + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
      if (more <= 0) return false;
      sent += more;
    }
    return true;
  }

  const Listener listener_;
  const int broker_;
  int client_ = -1, server_ = -1;  // of the thread
  std::atomic<bool> holds_receipts_ = false, swallows_lines_ = false, cut_ = false, done_ = false;
  mutable std::mutex mutex_;
  std::string swallowed_;
  std::thread thread_;
};

std::vector<guint64> range(guint64 from, guint64 to) {
  std::vector<guint64> numbers;
  for (guint64 i = from; i < to; i++) numbers.push_back(i);
  return numbers;
}

// The broker has written down the reader's subscription.
void subscription_is_kept(const Broker& broker) {
  fail_unless(eventually([&broker] {
    return contents(broker.folder.file("mosquitto.db")).find("cars/#") != std::string::npos;
  }));
}

}  // namespace

// Plain and with TLS: the messages are the file's lines.
GST_START_TEST(test_same_lines) {
  const Broker broker;
  const Reader reader(broker);
  const std::string tls = "ca-file=" + broker.certificate() + " ";
  size_t before = 0;
  for (const bool encrypted : {false, true}) {
    const std::string file = broker.folder.file("lines.jsonl");
    Publish publish(encrypted ? broker.tls_url() : broker.url(), (encrypted ? tls : "") + kLogin, file);
    publish.push(60);
    // The end of the stream waits for every receipt.
    fail_unless(gst_harness_push_event(publish.harness, gst_event_new_eos()));
    fail_unless_equals_uint64(publish.stat("lines"), 60);
    fail_unless_equals_uint64(publish.stat("delivered"), 60);
    fail_unless_equals_uint64(publish.stat("queued"), 0);
    fail_unless_equals_uint64(publish.stat("dropped"), 0);
    fail_unless_equals_uint64(publish.stat("connected"), 1);
    fail_unless(eventually([&] { return reader.lines().size() >= before + 60; }));
    const auto lines = reader.lines();
    fail_unless(joined({lines.begin() + static_cast<std::ptrdiff_t>(before), lines.end()}) == contents(file));
    before = lines.size();
    fail_unless_equals_int(publish.stop(), GST_STATE_CHANGE_SUCCESS);
    publish.expect_none(
        static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_WARNING | GST_MESSAGE_INFO));
  }
}
GST_END_TEST;

GST_START_TEST(test_refused) {
  const Broker broker;
  const std::string url = broker.url();
  for (const char* login : {"user-id=car7 user-pw=wrong-one", ""}) {
    Publish publish(url, std::string(login) + " policy=block queue-size=2");
    const std::string text = publish.expect(GST_MESSAGE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED,
                                            {url, "not authorised", "user-pw"});
    fail_unless(text.find("wrong-one") == std::string::npos);
    // Frames do not wait for a broker that will never take them.
    fail_unless_equals_int(publish.push(), GST_FLOW_ERROR);
  }
  // A certificate that nobody vouches for.
  Publish publish(broker.tls_url(), kLogin);
  publish.expect(GST_MESSAGE_ERROR, GST_RESOURCE_ERROR_OPEN_WRITE,
                 {broker.tls_url(), "certificate verify failed"});
}
GST_END_TEST;

GST_START_TEST(test_killed_broker) {
  Broker broker;
  const Reader reader(broker);
  Publish publish(broker.url(), std::string(kLogin) + " drain-timeout=60000000000");
  publish.push(10);
  fail_unless(reader.receives(10));
  subscription_is_kept(broker);
  fail_unless(eventually([&publish] { return publish.stat("queued") == 0; }));

  broker.kill();
  publish.push(300);
  publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_OPEN_WRITE, {"No connection to " + broker.url()});
  publish.push(100);
  fail_unless_equals_uint64(publish.stat("queued"), 400);
  fail_unless_equals_uint64(publish.stat("connected"), 0);
  // Flushing leaves the queue alone.
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_flush_start()));
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_flush_stop(FALSE)));
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_segment(&segment)));

  broker.start();
  publish.push(20);
  publish.expect(GST_MESSAGE_INFO, GST_RESOURCE_ERROR_OPEN_WRITE, {"Connected to " + broker.url()});
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_eos()));
  fail_unless_equals_uint64(publish.stat("delivered"), 430);
  fail_unless_equals_uint64(publish.stat("dropped"), 0);
  fail_unless_equals_uint64(publish.stat("reconnects"), 1);
  fail_unless(reader.receives(430));
  fail_unless(reader.frames() == range(0, 430));
}
GST_END_TEST;

/* A connection that ends with lines under way: those whose receipts were lost, and those that were lost
 * themselves. */
GST_START_TEST(test_lost_receipts) {
  const Broker broker;
  const Reader reader(broker);
  Relay relay(broker);
  Publish publish(relay.url(), kLogin);
  publish.push(10);
  fail_unless(eventually([&publish] { return publish.stat("delivered") == 10; }));

  relay.hold_receipts(true);
  publish.push(15);
  fail_unless(reader.receives(25));
  fail_unless_equals_uint64(publish.stat("delivered"), 10);
  relay.cut();
  fail_unless(eventually([&publish] { return publish.stat("delivered") == 25; }));

  relay.swallow_lines();
  publish.push(15);
  fail_unless(eventually([&relay] { return relay.swallowed().find("\"frame\":39,") != std::string::npos; }));
  fail_unless_equals_uint64(publish.stat("delivered"), 25);
  relay.cut();
  fail_unless(eventually([&publish] { return publish.stat("delivered") == 40; }));
  fail_unless_equals_uint64(publish.stat("queued"), 0);
  fail_unless_equals_uint64(publish.stat("dropped"), 0);
  fail_unless(reader.receives(40));
  fail_unless(reader.frames() == range(0, 40));
}
GST_END_TEST;

/* No broker at first: frames pass, the newest lines are kept, and arrive when there is one. */
GST_START_TEST(test_drop_oldest) {
  Broker broker;
  const Reader reader(broker);
  subscription_is_kept(broker);
  broker.kill();
  Publish publish(broker.url(), std::string(kLogin) + " queue-size=10");
  publish.push(100);
  fail_unless_equals_uint64(publish.stat("lines"), 100);
  fail_unless_equals_uint64(publish.stat("dropped"), 90);
  fail_unless_equals_uint64(publish.stat("queued"), 10);
  broker.start();
  fail_unless(eventually([&publish] { return publish.stat("delivered") == 10; }));
  fail_unless(reader.receives(10));
  fail_unless(reader.frames() == range(90, 100));
}
GST_END_TEST;

static gpointer push_until_stopped(gpointer data) {
  while (static_cast<Publish*>(data)->push() == GST_FLOW_OK) {
  }
  return nullptr;
}

/* Without a broker frames wait for room, and flushing and stopping do not wait for frames. */
GST_START_TEST(test_block) {
  const std::string url = "mqtt://127.0.0.1:" + std::to_string(free_port()) + "/" + kTopic;
  Publish publish(url, "policy=block queue-size=4 drain-timeout=0");
  GThread* thread = g_thread_new("pusher", push_until_stopped, &publish);
  fail_unless(eventually([&publish] { return publish.stat("queued") == 4; }));
  g_usleep(100 * 1000);
  fail_unless_equals_uint64(publish.stat("lines"), 4);
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_flush_start()));
  g_thread_join(thread);
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_flush_stop(FALSE)));

  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_segment(&segment)));
  thread = g_thread_new("pusher", push_until_stopped, &publish);
  g_usleep(100 * 1000);
  fail_unless_equals_int(publish.stop(), GST_STATE_CHANGE_SUCCESS);
  g_thread_join(thread);
  publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_OPEN_WRITE, {url});
  publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_WRITE, {"not delivered to " + url, "lost", ": 4."});
  fail_unless_equals_uint64(publish.stat("dropped"), 0);
}
GST_END_TEST;

/* Frames that wait for room go on when receipts make it. */
GST_START_TEST(test_block_goes_on) {
  const Broker broker;
  const Reader reader(broker);
  Relay relay(broker);
  Publish publish(relay.url(), std::string(kLogin) + " policy=block queue-size=4");
  fail_unless(eventually([&publish] { return publish.stat("connected") == 1; }));
  relay.hold_receipts(true);
  GThread* thread = g_thread_new("pusher", push_until_stopped, &publish);
  fail_unless(eventually([&publish] { return publish.stat("queued") == 4; }));
  g_usleep(100 * 1000);
  fail_unless_equals_uint64(publish.stat("lines"), 4);
  relay.hold_receipts(false);
  fail_unless(eventually([&publish] { return publish.stat("lines") >= 50; }));
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_flush_start()));
  g_thread_join(thread);
  fail_unless_equals_uint64(publish.stat("dropped"), 0);
  fail_unless(eventually([&publish] { return publish.stat("delivered") == publish.stat("lines"); }));
  fail_unless(reader.receives(publish.stat("lines")));
  fail_unless(reader.frames() == range(0, publish.stat("lines")));
}
GST_END_TEST;

/* A broker that takes the connection and says nothing. */
GST_START_TEST(test_silent_broker) {
  for (const char* scheme : {"mqtt://", "mqtts://"}) {
    const Listener silent;
    const std::string url = scheme + std::string("127.0.0.1:") + std::to_string(silent.port) + "/" + kTopic;
    Publish publish(url, "drain-timeout=200000000 queue-size=50");
    publish.push(60);
    fail_unless(gst_harness_push_event(publish.harness, gst_event_new_eos()));
    publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_WRITE,
                   {"not delivered to " + url, "end of the stream", ": 50."});
    fail_unless_equals_int(publish.stop(), GST_STATE_CHANGE_SUCCESS);
    publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_WRITE, {"lost", ": 50."});
    fail_unless_equals_uint64(publish.stat("queued"), 50);
  }
}
GST_END_TEST;

/* An address where connecting itself takes minutes, in a call that nothing ends: a stop does not wait for it.
 */
GST_START_TEST(test_stuck_connection) {
  const Listener listener;
  fail_unless(listen(listener.fd, 0) == 0);
  std::vector<int> waiting;  // more than the listener's queue takes: who comes later gets no answer
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(listener.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < 4; i++) {
    waiting.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    fail_unless(connect(waiting.back(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ||
                errno == EINPROGRESS);
  }
  {
    Publish publish("mqtt://127.0.0.1:" + std::to_string(listener.port) + "/" + kTopic, "drain-timeout=0");
    publish.push(3);
    fail_unless_equals_int(publish.stop(), GST_STATE_CHANGE_SUCCESS);
    publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_WRITE, {"lost", ": 3."});
    publish.expect_none(static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_WARNING));
  }
  for (const int fd : waiting) close(fd);
}
GST_END_TEST;

/* One that takes it and hangs up: it is told once, and tried again. */
GST_START_TEST(test_closing_broker) {
  for (const char* scheme : {"mqtt://", "mqtts://"}) {
    const Listener listener;
    const std::string url = scheme + std::string("127.0.0.1:") + std::to_string(listener.port) + "/" + kTopic;
    Publish publish(url, "drain-timeout=0");
    for (int i = 0; i < 2; i++) close(accept(listener.fd, nullptr, nullptr));
    publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_OPEN_WRITE, {url});
    publish.expect_none(static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_WARNING));
  }
}
GST_END_TEST;

GST_START_TEST(test_bad_settings) {
  cannot_start("mqtt://broker", nullptr, nullptr, "topic is missing");
  cannot_start("mqtt://broker/", nullptr, nullptr, "topic is missing");
  cannot_start("mqtt:///topic", nullptr, nullptr, "expected HOST");
  cannot_start("mqtt://broker:0/topic", nullptr, nullptr, "expected HOST");
  cannot_start("mqtt://broker:65536/topic", nullptr, nullptr, "expected HOST");
  cannot_start("mqtt://broker:18 83/topic", nullptr, nullptr, "expected HOST");
  cannot_start("mqtt://[::1/topic", nullptr, nullptr, "expected HOST");
  cannot_start("mqtt://broker/cars/+", nullptr, nullptr, "wildcards");
  cannot_start("MQTT://broker/cars/#", nullptr, nullptr, "wildcards");
  cannot_start("mqtt://broker/\xff", nullptr, nullptr, "UTF-8");
  cannot_start("mqtt://broker/" + std::string(65536, 't'), nullptr, nullptr, "65535 bytes");
  cannot_start("mqtt://me:secret@broker/topic", nullptr, nullptr, "user-pw", "secret");
  cannot_start("mqtt://broker/topic", "user-pw", "secret", "needs a user", "secret");
  cannot_start("mqtt://broker/topic", "ca-file", "/etc/hostname", "write mqtts://");
  cannot_start("mqtts://broker/topic", "ca-file", "/nowhere/ca.pem", "/nowhere/ca.pem");
}
GST_END_TEST;

GST_START_TEST(test_properties) {
  GstElement* element = gst_element_factory_make("anomalypublish", nullptr);
  GParamSpec* password = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "user-pw");
  fail_unless(password != nullptr && (password->flags & G_PARAM_READABLE) == 0);
  gst_util_set_object_arg(G_OBJECT(element), "policy", "block");
  g_object_set(element, "user-id", kUser, "user-pw", kPassword, "ca-file", "ca.pem", "queue-size", 7,
               nullptr);
  gchar *user, *file;
  guint size, policy;
  guint64 drain;
  g_object_get(element, "user-id", &user, "ca-file", &file, "queue-size", &size, "policy", &policy,
               "drain-timeout", &drain, nullptr);
  fail_unless_equals_string(user, kUser);
  fail_unless_equals_string(file, "ca.pem");
  fail_unless_equals_int(size, 7);
  fail_unless_equals_int(policy, 1);
  fail_unless_equals_uint64(drain, 5 * GST_SECOND);
  g_free(user);
  g_free(file);
  gst_object_unref(element);
}
GST_END_TEST;

static Suite* publishmqtt_suite() {
  Suite* suite = suite_create("publishmqtt");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_same_lines);
  tcase_add_test(tests, test_refused);
  tcase_add_test(tests, test_killed_broker);
  tcase_add_test(tests, test_lost_receipts);
  tcase_add_test(tests, test_drop_oldest);
  tcase_add_test(tests, test_block);
  tcase_add_test(tests, test_block_goes_on);
  tcase_add_test(tests, test_silent_broker);
  tcase_add_test(tests, test_stuck_connection);
  tcase_add_test(tests, test_closing_broker);
  tcase_add_test(tests, test_bad_settings);
  tcase_add_test(tests, test_properties);
  return suite;
}

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  if (mosquitto_path().empty()) {
    g_printerr("publishmqtt: skipped: mosquitto is not installed (Debian: apt-get install mosquitto)\n");
    return kSkipped;
  }
  gst_check_init(&argc, &argv);
  return gst_check_run_suite(publishmqtt_suite(), "publishmqtt", __FILE__);
}
