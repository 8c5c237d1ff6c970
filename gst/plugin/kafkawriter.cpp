// SPDX-License-Identifier: LGPL-2.1-or-later
// Lines to Kafka through librdkafka's idempotent producer: each exactly once, those of a stream in order.
#include <librdkafka/rdkafka.h>
#include <poll.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "gst/plugin/brokerlink.h"
#include "gst/plugin/publishdebug.h"

namespace anomaly {
namespace {

constexpr size_t kWindow = 500;  // handed over at a time: librdkafka sends what lies there in batches
constexpr int kTickMs = 1000;

using Conf = std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)>;
using Producer = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

class KafkaWriter {
 public:
  KafkaWriter(const BrokerSettings& settings, PublishQueue& queue, const BrokerReport& report)
      : settings_(settings), queue_(queue), report_(report), connection_(queue, report) {}
  void run();

 private:
  Producer make();
  void send(rd_kafka_t* producer);
  void receipt(const rd_kafka_message_t& message);
  void trouble(rd_kafka_t* producer, rd_kafka_resp_err_t error, const char* reason);
  void end(BrokerNews news, const std::string& text);

  static KafkaWriter& of(void* self) { return *static_cast<KafkaWriter*>(self); }

  const BrokerSettings& settings_;
  PublishQueue& queue_;
  const BrokerReport& report_;
  Connection connection_;
  std::string said_;  // of the last broker that could not be reached
  bool refusing_ = false, ended_ = false;
};

void log(const rd_kafka_t*, int, const char* facility, const char* text) {
  GST_DEBUG("librdkafka: %s: %s", facility, text);
}

Producer KafkaWriter::make() {
  Conf conf(rd_kafka_conf_new(), rd_kafka_conf_destroy);
  char why[512] = "";
  const auto set = [&conf, &why](const char* name, const std::string& value) {
    if (rd_kafka_conf_set(conf.get(), name, value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK)
      throw std::runtime_error(why);
  };
  set("bootstrap.servers", settings_.target.brokers);
  set("client.id", "gst-anomaly");
  set("enable.idempotence", "true");
  set("message.timeout.ms", "0");  // a line is given up by the queue, never by the library
  set("linger.ms", "5");
  set("reconnect.backoff.ms", "250");
  set("reconnect.backoff.max.ms", "10000");
  const bool sasl = !settings_.user.empty();
  const char* plain = sasl ? "sasl_plaintext" : "plaintext";
  const char* encrypted = sasl ? "sasl_ssl" : "ssl";
  set("security.protocol", settings_.target.tls ? encrypted : plain);
  // Before librdkafka 2.0 any trusted certificate would do, whoever's it is.
  if (settings_.target.tls) set("ssl.endpoint.identification.algorithm", "https");
  if (!settings_.ca_file.empty()) set("ssl.ca.location", settings_.ca_file);
  if (sasl) {
    set("sasl.mechanisms", "PLAIN");
    set("sasl.username", settings_.user);
    set("sasl.password", settings_.password);
  }
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
    of(self).receipt(*message);
  });
  rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t* producer, int error, const char* reason, void* self) {
    of(self).trouble(producer, static_cast<rd_kafka_resp_err_t>(error), reason);
  });
  rd_kafka_conf_set_log_cb(conf.get(), log);
  Producer producer(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why, sizeof why), rd_kafka_destroy);
  if (!producer) throw std::runtime_error(why);
  [[maybe_unused]] const auto* taken = conf.release();  // by the producer
  return producer;
}

void KafkaWriter::end(BrokerNews news, const std::string& text) {
  if (!ended_) report_(news, text);
  ended_ = true;
}

void KafkaWriter::receipt(const rd_kafka_message_t& message) {
  const auto id = static_cast<guint64>(reinterpret_cast<std::uintptr_t>(message._private));
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    refusing_ = false;
    connection_.made();
    queue_.delivered(id);
    return;
  }
  const std::string reason = rd_kafka_err2str(message.err);
  if (message.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
      message.err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
    end(BrokerNews::Unauthorized, reason);
  } else if (message.err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
             message.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    end(BrokerNews::Failed, "there is no such topic, and the broker does not make it");
  } else if (message.err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
             message.err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
    queue_.refused(id);
    if (!refusing_) report_(BrokerNews::Refused, reason);
    refusing_ = true;
  }
}

void KafkaWriter::trouble(rd_kafka_t* producer, rd_kafka_resp_err_t error, const char* reason) {
  char text[512] = "";
  GST_DEBUG("librdkafka: %s: %s", rd_kafka_err2name(error), reason);
  switch (error) {
    case RD_KAFKA_RESP_ERR__FATAL:
      error = rd_kafka_fatal_error(producer, text, sizeof text);
      end(error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
                  error == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
              ? BrokerNews::Unauthorized
              : BrokerNews::Failed,
          text);
      break;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      end(BrokerNews::Unauthorized, reason);
      break;
    case RD_KAFKA_RESP_ERR__SSL:
      if (!connection_.was_made()) end(BrokerNews::Failed, std::string("TLS failed: ") + reason);
      said_ = reason;
      break;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      connection_.lost(said_.empty() ? reason : said_);
      break;
    default:
      // The library calls it a failure of transport for some seconds.
      if (!connection_.was_made() &&
          std::string_view(reason).find("certificate verify failed") != std::string_view::npos)
        end(BrokerNews::Failed, std::string("TLS failed: ") + reason);
      said_ = reason;
  }
}

void KafkaWriter::send(rd_kafka_t* producer) {
  while (const auto line = queue_.next(kWindow)) {
    // The stream's name as the key: one partition, hence one order.
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(settings_.target.topic.c_str()),
        RD_KAFKA_V_KEY(line->stream.data(), line->stream.size()),
        RD_KAFKA_V_VALUE(const_cast<char*>(line->text.data()), line->text.size()),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(static_cast<std::uintptr_t>(line->id))), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    queue_.refused(line->id);
    if (!refusing_) report_(BrokerNews::Refused, rd_kafka_err2str(error));
    refusing_ = true;
  }
}

void KafkaWriter::run() {
  const Producer producer = make();
  const guint64 one = 1;
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> events(
      rd_kafka_queue_get_main(producer.get()), rd_kafka_queue_destroy);
  rd_kafka_queue_io_event_enable(events.get(), queue_.wake_fd(), &one, sizeof one);
  while (!queue_.closed() && !ended_) {
    send(producer.get());
    pollfd fd = {queue_.wake_fd(), POLLIN, 0};
    poll(&fd, 1, kTickMs);
    queue_.clear_wake();
    while (rd_kafka_poll(producer.get(), 0) > 0) {
    }
  }
  rd_kafka_queue_io_event_enable(events.get(), -1, nullptr, 0);
  // What was handed over and has no receipt is the caller's to count; the library would wait for it.
  rd_kafka_purge(producer.get(),
                 RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  ended_ = true;
}

}  // namespace

void run_kafka(const BrokerSettings& settings, PublishQueue& queue, const BrokerReport& report) {
  KafkaWriter(settings, queue, report).run();
}

}  // namespace anomaly
