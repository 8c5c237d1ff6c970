// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalypublish against librdkafka's mock cluster: what arrives, and how often, when brokers fail, go and
// come back.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "tests/gst/publish_common.h"

namespace {

constexpr const char* kTopic = "anomalies";
constexpr int kPartitions = 3;
constexpr int16_t kProduce = 0, kInitProducer = 22;  // requests of Kafka's protocol

class Cluster {
 public:
  Cluster() {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    cluster = rd_kafka_mock_cluster_new(owner_, 1);
    rd_kafka_mock_topic_create(cluster, kTopic, kPartitions, 1);
  }
  ~Cluster() {
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(owner_);
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  std::string servers() const { return rd_kafka_mock_cluster_bootstraps(cluster); }
  std::string url(const char* scheme = "kafka://") const { return scheme + servers() + "/" + kTopic; }

  rd_kafka_mock_cluster_t* cluster;

 private:
  rd_kafka_t* owner_;
};

struct Message {
  std::string line, key;
  int32_t partition;
};

// What lies in the topic, up to the end of each partition, in the partitions' order.
std::vector<Message> messages(const Cluster& cluster) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto set = [conf](const char* name, const char* value) {
    fail_unless(rd_kafka_conf_set(conf, name, value, nullptr, 0) == RD_KAFKA_CONF_OK);
  };
  set("bootstrap.servers", cluster.servers().c_str());
  set("group.id", "reader");
  set("enable.partition.eof", "true");
  rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
  rd_kafka_t* reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
  fail_unless(reader != nullptr);
  rd_kafka_poll_set_consumer(reader);
  rd_kafka_topic_partition_list_t* all = rd_kafka_topic_partition_list_new(kPartitions);
  for (int i = 0; i < kPartitions; i++)
    rd_kafka_topic_partition_list_add(all, kTopic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(reader, all);
  rd_kafka_topic_partition_list_destroy(all);
  std::vector<Message> found;
  int ends = 0;
  const gint64 deadline = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
  while (ends < kPartitions && g_get_monotonic_time() < deadline) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(reader, 100);
    if (!message) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
      ends++;
    else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
      found.push_back({{static_cast<const char*>(message->payload), message->len},
                       {static_cast<const char*>(message->key), message->key_len},
                       message->partition});
    rd_kafka_message_destroy(message);
  }
  fail_unless_equals_int(ends, kPartitions);
  rd_kafka_destroy(reader);
  return found;
}

std::vector<std::string> lines(const std::vector<Message>& messages) {
  std::vector<std::string> lines;
  lines.reserve(messages.size());
  for (const Message& message : messages) lines.push_back(message.line);
  return lines;
}

}  // namespace

/* The messages are the file's lines; a stream's name is their key, and keeps them in one partition. */
GST_START_TEST(test_same_lines) {
  const Cluster cluster;
  const Folder folder;
  const std::string file = folder.file("lines.jsonl");
  Publish publish(cluster.url(), "", file);
  publish.push(60);
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_eos()));
  fail_unless_equals_uint64(publish.stat("delivered"), 60);
  fail_unless_equals_uint64(publish.stat("queued"), 0);
  fail_unless_equals_uint64(publish.stat("connected"), 1);
  const auto found = messages(cluster);
  fail_unless(joined(lines(found)) == contents(file));
  for (const Message& message : found) {
    fail_unless_equals_string(message.key.c_str(), "front");
    fail_unless_equals_int(message.partition, found[0].partition);
  }
  fail_unless_equals_int(publish.stop(), GST_STATE_CHANGE_SUCCESS);
  publish.expect_none(
      static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_WARNING | GST_MESSAGE_INFO));
}
GST_END_TEST;

/* A broker that goes away in the middle and one that fails requests: every line arrives once, in order. */
GST_START_TEST(test_broker_that_comes_back) {
  const Cluster cluster;
  const Folder folder;
  const std::string file = folder.file("lines.jsonl");
  Publish publish(cluster.url(), "", file);
  publish.push(10);
  fail_unless(eventually([&publish] { return publish.stat("delivered") == 10; }));
  rd_kafka_mock_broker_set_down(cluster.cluster, 1);
  publish.push(150);
  publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_OPEN_WRITE, {"No connection to " + cluster.url()});
  fail_unless_equals_uint64(publish.stat("queued"), 150);
  fail_unless_equals_uint64(publish.stat("connected"), 0);
  rd_kafka_mock_push_request_errors(cluster.cluster, kProduce, 2, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                                    RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
  rd_kafka_mock_broker_set_up(cluster.cluster, 1);
  publish.push(40);
  publish.expect(GST_MESSAGE_INFO, GST_RESOURCE_ERROR_OPEN_WRITE, {"Connected to " + cluster.url()});
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_eos()));
  fail_unless_equals_uint64(publish.stat("delivered"), 200);
  fail_unless_equals_uint64(publish.stat("dropped"), 0);
  fail_unless_equals_uint64(publish.stat("reconnects"), 1);
  fail_unless(joined(lines(messages(cluster))) == contents(file));
}
GST_END_TEST;

/* No broker at first: frames pass, and what the queue has kept arrives when there is one. */
GST_START_TEST(test_drop_oldest) {
  const Cluster cluster;
  rd_kafka_mock_broker_set_down(cluster.cluster, 1);
  Publish publish(cluster.url(), "queue-size=10");
  publish.push(100);
  fail_unless_equals_uint64(publish.stat("dropped"), 90);
  fail_unless_equals_uint64(publish.stat("queued"), 10);
  rd_kafka_mock_broker_set_up(cluster.cluster, 1);
  fail_unless(eventually([&publish] { return publish.stat("delivered") == 10; }));
  const auto found = messages(cluster);
  fail_unless_equals_int(found.size(), 10);
  for (size_t i = 1; i < found.size(); i++)
    fail_unless(frame_of(found[i].line) > frame_of(found[i - 1].line));
  /* At most half of the queue was under way, and could not be dropped. */
  fail_unless_equals_uint64(frame_of(found[5].line), 95);
  fail_unless_equals_uint64(frame_of(found[9].line), 99);
}
GST_END_TEST;

GST_START_TEST(test_stop_without_broker) {
  const std::string url = "kafka://127.0.0.1:" + std::to_string(free_port()) + "/" + kTopic;
  Publish publish(url, "drain-timeout=200000000");
  publish.push(5);
  fail_unless(gst_harness_push_event(publish.harness, gst_event_new_eos()));
  publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_WRITE,
                 {"not delivered to " + url, "end of the stream", ": 5."});
  fail_unless_equals_int(publish.stop(), GST_STATE_CHANGE_SUCCESS);
  publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_WRITE, {"lost", ": 5."});
}
GST_END_TEST;

/* What is refused for good: a line, the user, the producer. */
GST_START_TEST(test_refused) {
  const Cluster cluster;
  {
    Publish publish(cluster.url(), "");
    const std::string stream(1200000, 's');
    g_object_set(publish.element, "stream", stream.c_str(), nullptr);
    publish.push(1);
    publish.expect(GST_MESSAGE_WARNING, GST_RESOURCE_ERROR_WRITE, {cluster.url(), "too large"});
    fail_unless_equals_uint64(publish.stat("dropped"), 1);
    g_object_set(publish.element, "stream", "front", nullptr);
    publish.push(1);
    fail_unless(eventually([&publish] { return publish.stat("delivered") == 1; }));
  }
  const struct {
    int16_t request;
    rd_kafka_resp_err_t error;
    const char* part;
  } refusals[] = {{kProduce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "uthorization failed"},
                  {kInitProducer, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "uthorization failed"}};
  for (const auto& refusal : refusals) {
    rd_kafka_mock_push_request_errors(cluster.cluster, refusal.request, 1, refusal.error);
    Publish publish(cluster.url(), "policy=block queue-size=2");
    publish.push(1);
    publish.expect(GST_MESSAGE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED, {cluster.url(), refusal.part});
    fail_unless_equals_int(publish.push(), GST_FLOW_ERROR);
  }
}
GST_END_TEST;

/* The mock cluster has no TLS; a bare TLS server sees what is sent to it. */
GST_START_TEST(test_tls) {
  const Folder folder;
  make_certificate(folder);
  const int port = free_port();
  const Process server({"openssl", "s_server", "-quiet", "-accept", "127.0.0.1:" + std::to_string(port),
                        "-cert", folder.file("certificate.pem"), "-key", folder.file("key.pem")},
                       folder.file("received"));
  fail_unless(eventually([port] { return answers(port); }));
  const std::string url = "kafkas://localhost:" + std::to_string(port) + "/" + kTopic;
  {
    /* A certificate that nobody vouches for. */
    Publish publish(url, "");
    publish.expect(GST_MESSAGE_ERROR, GST_RESOURCE_ERROR_OPEN_WRITE, {url, "TLS failed", "certificate"});
  }
  fail_unless(contents(folder.file("received")).find("gst-anomaly") == std::string::npos);
  {
    /* Somebody else's certificate, however trusted. */
    const int other_port = free_port();
    const std::string address = "127.0.0.2:" + std::to_string(other_port);
    const Process other({"openssl", "s_server", "-quiet", "-accept", address, "-cert",
                         folder.file("certificate.pem"), "-key", folder.file("key.pem")},
                        folder.file("received"));
    Publish publish("kafkas://" + address + "/" + kTopic, "ca-file=" + folder.file("certificate.pem"));
    publish.expect(GST_MESSAGE_ERROR, GST_RESOURCE_ERROR_OPEN_WRITE, {address, "TLS failed", "certificate"});
  }
  fail_unless(contents(folder.file("received")).find("gst-anomaly") == std::string::npos);
  Publish publish(url, "drain-timeout=0 ca-file=" + folder.file("certificate.pem"));
  fail_unless(eventually(
      [&folder] { return contents(folder.file("received")).find("gst-anomaly") != std::string::npos; }));
}
GST_END_TEST;

GST_START_TEST(test_bad_settings) {
  cannot_start("kafka://broker", nullptr, nullptr, "topic is missing");
  cannot_start("kafka:///topic", nullptr, nullptr, "expected HOST");
  cannot_start("kafka://one,,two/topic", nullptr, nullptr, "expected HOST");
  cannot_start("kafka://one:99999/topic", nullptr, nullptr, "expected HOST");
  cannot_start("kafka://one,two/a/b", nullptr, nullptr, "letters, digits");
  cannot_start("kafka://one/..", nullptr, nullptr, "letters, digits");
  cannot_start("kafka://one/" + std::string(250, 't'), nullptr, nullptr, "249 characters");
  cannot_start("kafka://me:secret@one/topic", nullptr, nullptr, "user-pw", "secret");
  cannot_start("kafka://one/topic", "ca-file", "/etc/hostname", "write kafkas://");
}
GST_END_TEST;

static Suite* publishkafka_suite() {
  Suite* suite = suite_create("publishkafka");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_same_lines);
  tcase_add_test(tests, test_broker_that_comes_back);
  tcase_add_test(tests, test_drop_oldest);
  tcase_add_test(tests, test_stop_without_broker);
  tcase_add_test(tests, test_refused);
  tcase_add_test(tests, test_tls);
  tcase_add_test(tests, test_bad_settings);
  return suite;
}

GST_CHECK_MAIN(publishkafka);
