// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/publishtarget.h"

#include <glib.h>

#include <charconv>
#include <string_view>

namespace anomaly {
namespace {

constexpr int kMqttPort = 1883, kMqttTlsPort = 8883, kPortMax = 65535;
constexpr size_t kMqttTopicMax = 65535, kKafkaTopicMax = 249;  // bytes

bool parse_port(std::string_view text, int* port) {
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, *port);
  return status == std::errc() && stop == end && *port > 0 && *port <= kPortMax;
}

// host, host:port, [IPv6] or [IPv6]:port. *port stays where there is none.
bool parse_host(std::string_view text, std::string* host, int* port) {
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    *host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else {
    const size_t colon = text.find(':');
    *host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (host->empty() || host->find_first_of(" \t\n") != std::string::npos) return false;
  return rest.empty() || (rest.front() == ':' && parse_port(rest.substr(1), port));
}

const char* mqtt_topic_problem(const std::string& topic) {
  if (topic.size() > kMqttTopicMax) return "the topic is longer than 65535 bytes";
  if (topic.find_first_of("+#") != std::string::npos)
    return "a topic to publish to has no wildcards (+ and #)";
  if (!g_utf8_validate(topic.data(), static_cast<gssize>(topic.size()), nullptr))
    return "the topic is not UTF-8";
  return nullptr;
}

const char* kafka_topic_problem(const std::string& topic) {
  constexpr const char* kLegal = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (topic.size() > kKafkaTopicMax) return "the topic is longer than 249 characters";
  if (topic.find_first_not_of(kLegal) != std::string::npos || topic == "." || topic == "..")
    return "a Kafka topic holds letters, digits, '.', '_' and '-' only";
  return nullptr;
}

bool parse_brokers(const std::string& brokers) {
  size_t from = 0;
  while (true) {
    const size_t comma = brokers.find(',', from);
    std::string host;
    int port = 0;
    if (!parse_host(std::string_view(brokers).substr(from, comma - from), &host, &port)) return false;
    if (comma == std::string::npos) return true;
    from = comma + 1;
  }
}

}  // namespace

bool parse_publish_target(const std::string& location, PublishTarget* target, std::string* problem) {
  constexpr struct {
    std::string_view scheme;
    PublishTarget::Kind kind;
    bool tls;
    int port;
  } kSchemes[] = {{"mqtt://", PublishTarget::Kind::Mqtt, false, kMqttPort},
                  {"mqtts://", PublishTarget::Kind::Mqtt, true, kMqttTlsPort},
                  {"kafka://", PublishTarget::Kind::Kafka, false, 0},
                  {"kafkas://", PublishTarget::Kind::Kafka, true, 0}};
  *target = {};
  target->location = location;
  for (const auto& known : kSchemes) {
    if (g_ascii_strncasecmp(location.c_str(), known.scheme.data(), known.scheme.size()) != 0) continue;
    target->kind = known.kind;
    target->tls = known.tls;
    target->port = known.port;
    const std::string rest = location.substr(known.scheme.size());
    const size_t slash = rest.find('/');
    const std::string servers = rest.substr(0, slash);
    if (servers.find('@') != std::string::npos) {
      // Not to be shown again: it holds a password.
      target->location =
          std::string(known.scheme) + "..." + (slash == std::string::npos ? "" : rest.substr(slash));
      *problem = "user and password belong into the properties user-id and user-pw";
      return false;
    }
    if (slash != std::string::npos) target->topic = rest.substr(slash + 1);
    const bool mqtt = known.kind == PublishTarget::Kind::Mqtt;
    if (mqtt ? !parse_host(servers, &target->host, &target->port) : !parse_brokers(servers)) {
      *problem =
          mqtt ? "expected HOST or HOST:PORT behind the \"//\""
               : "expected HOST or HOST:PORT, or several of them with commas between, behind the \"//\"";
      return false;
    }
    target->brokers = servers;
    if (target->topic.empty()) {
      *problem = "the topic is missing: it follows the host and a slash";
      return false;
    }
    const char* why = mqtt ? mqtt_topic_problem(target->topic) : kafka_topic_problem(target->topic);
    if (why) *problem = why;
    return !why;
  }
  return true;
}

}  // namespace anomaly
