// SPDX-License-Identifier: LGPL-2.1-or-later
// Lines to an MQTT 3.1.1 broker, quality of service 1, through libmosquitto.
#include <mosquitto.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <unordered_map>

#include "gst/plugin/brokerlink.h"
#include "gst/plugin/publishdebug.h"

namespace anomaly {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kAtLeastOnce = 1;
constexpr int kKeepaliveSeconds = 15;  // a broker that says nothing for half as long again is gone
constexpr size_t kWindow = 20;         // libmosquitto's own bound; more would wait inside of it
constexpr auto kAcceptTimeout = std::chrono::seconds(10);
constexpr GstClockTime kFirstBackoff = 250 * GST_MSECOND, kLastBackoff = 10 * GST_SECOND;
constexpr int kTickMs = 1000;     // how often libmosquitto looks at its keepalive
constexpr int kHandshakeMs = 50;  // the same during a handshake: what it waits for cannot be asked

enum class End { Closed, Retry, Fatal };

// One connection, from its making to its end: libmosquitto keeps no message beyond it, so that the queue is
// the only place where lines wait.
class Session {
 public:
  Session(const BrokerSettings& settings, PublishQueue& queue, const BrokerReport& report,
          Connection& connection);
  End run();

 private:
  using Client = std::unique_ptr<mosquitto, decltype(&mosquitto_destroy)>;

  void set_up();
  void log(int level, const char* text);
  End serve();
  void send();
  bool wait();
  bool closed_by_broker(short events) const;
  End ended(int status, int error);
  End refused();

  static Session& of(void* self) { return *static_cast<Session*>(self); }

  const BrokerSettings& settings_;
  PublishQueue& queue_;
  const BrokerReport& report_;
  Connection& connection_;
  Client client_;
  int answer_ = -1;  // the broker's to CONNECT; 0 = accepted
  bool tcp_ready_ = false;
  std::string said_;                       // libmosquitto's last word on an error
  std::unordered_map<int, guint64> sent_;  // message id -> line
  Clock::time_point began_;
};

Session::Session(const BrokerSettings& settings, PublishQueue& queue, const BrokerReport& report,
                 Connection& connection)
    : settings_(settings),
      queue_(queue),
      report_(report),
      connection_(connection),
      client_(nullptr, mosquitto_destroy) {
  char id[24];  // no longer than every broker must take
  g_snprintf(id, sizeof id, "anomaly-%08x%04x", g_random_int(), g_random_int() & 0xffffu);
  client_.reset(mosquitto_new(id, true, this));
  if (!client_) throw std::bad_alloc();
}

void Session::log(int level, const char* text) {
  GST_DEBUG("libmosquitto: %s", text);
  if (level == MOSQ_LOG_ERR) said_ = text;
}

void Session::set_up() {
  mosquitto_connect_callback_set(client_.get(),
                                 [](mosquitto*, void* self, int code) { of(self).answer_ = code; });
  mosquitto_publish_callback_set(client_.get(), [](mosquitto*, void* self, int message) {
    const auto line = of(self).sent_.extract(message);
    if (line) of(self).queue_.delivered(line.mapped());
  });
  mosquitto_log_callback_set(
      client_.get(), [](mosquitto*, void* self, int level, const char* text) { of(self).log(level, text); });
  int status = MOSQ_ERR_SUCCESS;
  if (!settings_.user.empty())
    status = mosquitto_username_pw_set(client_.get(), settings_.user.c_str(),
                                       settings_.password.empty() ? nullptr : settings_.password.c_str());
  if (status == MOSQ_ERR_SUCCESS && settings_.target.tls)
    status = settings_.ca_file.empty() ? mosquitto_int_option(client_.get(), MOSQ_OPT_TLS_USE_OS_CERTS, 1)
                                       : mosquitto_tls_set(client_.get(), settings_.ca_file.c_str(), nullptr,
                                                           nullptr, nullptr, nullptr);
  if (status != MOSQ_ERR_SUCCESS) throw std::runtime_error(mosquitto_strerror(status));
}

End Session::run() {
  set_up();
  began_ = Clock::now();
  const int status = mosquitto_connect(client_.get(), settings_.target.host.c_str(), settings_.target.port,
                                       kKeepaliveSeconds);
  const End end = status == MOSQ_ERR_SUCCESS ? serve() : ended(status, errno);
  queue_.resend();
  return end;
}

// A certificate that was never good cannot mend itself; a connection cut in the middle of a handshake can.
End Session::ended(int status, int error) {
  std::string reason = status == MOSQ_ERR_ERRNO ? g_strerror(error) : mosquitto_strerror(status);
  if (status == MOSQ_ERR_TLS && !said_.empty()) reason = "TLS failed: " + said_;
  const bool cut = said_.find("unexpected eof") != std::string::npos;
  if (status == MOSQ_ERR_TLS && !cut && !connection_.was_made()) {
    report_(BrokerNews::Failed, reason);
    return End::Fatal;
  }
  connection_.lost(reason);
  return End::Retry;
}

End Session::refused() {
  constexpr int kUnavailable = 3, kBadCredentials = 4, kUnauthorized = 5;  // MQTT 3.1.1, table 3.1
  const std::string reason = mosquitto_connack_string(answer_);
  if (answer_ == kUnavailable) {
    connection_.lost(reason);
    return End::Retry;
  }
  const bool credentials = answer_ == kBadCredentials || answer_ == kUnauthorized;
  report_(credentials ? BrokerNews::Unauthorized : BrokerNews::Failed, reason);
  return End::Fatal;
}

void Session::send() {
  while (const auto line = queue_.next(kWindow)) {
    int message = 0;
    const int status =
        mosquitto_publish(client_.get(), &message, settings_.target.topic.c_str(),
                          static_cast<int>(line->text.size()), line->text.data(), kAtLeastOnce, false);
    if (status == MOSQ_ERR_SUCCESS) {
      sent_[message] = line->id;
    } else if (status == MOSQ_ERR_PAYLOAD_SIZE || status == MOSQ_ERR_OVERSIZE_PACKET ||
               status == MOSQ_ERR_INVAL) {
      queue_.refused(line->id);
      report_(BrokerNews::Refused, mosquitto_strerror(status));
    } else {
      return;  // the connection broke: the next look at it tells
    }
  }
}

// libmosquitto takes the end of a connection in the middle of a TLS handshake for something to wait out.
bool Session::closed_by_broker(short events) const {
  if ((events & (POLLERR | POLLHUP)) != 0) return true;
  char byte = 0;
  return (events & POLLIN) != 0 &&
         recv(mosquitto_socket(client_.get()), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

// False where the broker closed the connection before it answered.
bool Session::wait() {
  const bool handshake = answer_ != 0 && settings_.target.tls;
  // During a handshake what is to be sent waits for the broker, however writable the socket may be.
  const bool writes = handshake ? !tcp_ready_ : mosquitto_want_write(client_.get());
  pollfd fds[2] = {{mosquitto_socket(client_.get()), static_cast<short>(POLLIN | (writes ? POLLOUT : 0)), 0},
                   {queue_.wake_fd(), POLLIN, 0}};
  poll(fds, 2, handshake ? kHandshakeMs : kTickMs);
  if ((fds[0].revents & POLLOUT) != 0) tcp_ready_ = true;
  if (fds[1].revents != 0) queue_.clear_wake();
  return answer_ == 0 || !closed_by_broker(fds[0].revents);
}

End Session::serve() {
  while (!queue_.closed()) {
    if (answer_ == 0) send();
    if (mosquitto_socket(client_.get()) < 0) return ended(MOSQ_ERR_CONN_LOST, 0);
    if (!wait()) return ended(MOSQ_ERR_CONN_LOST, 0);
    errno = 0;
    int status = mosquitto_loop_read(client_.get(), 1);
    if (answer_ > 0) return refused();
    if (status == MOSQ_ERR_SUCCESS && mosquitto_want_write(client_.get()))
      status = mosquitto_loop_write(client_.get(), 1);
    if (status == MOSQ_ERR_SUCCESS) status = mosquitto_loop_misc(client_.get());
    if (status != MOSQ_ERR_SUCCESS) return ended(status, errno);
    if (answer_ == 0) {
      connection_.made();
    } else if (Clock::now() - began_ > kAcceptTimeout) {
      connection_.lost("the broker does not answer");
      return End::Retry;
    }
  }
  mosquitto_disconnect(client_.get());
  return End::Closed;
}

}  // namespace

void run_mqtt(const BrokerSettings& settings, PublishQueue& queue, const BrokerReport& report) {
  // Never cleaned up: another user of the library in this process could still need it.
  static std::once_flag once;
  std::call_once(once, [] { mosquitto_lib_init(); });
  Connection connection(queue, report);
  GstClockTime backoff = kFirstBackoff;
  while (!queue.closed()) {
    const guint64 before = queue.stats().delivered;
    if (Session(settings, queue, report, connection).run() != End::Retry) return;
    if (queue.stats().delivered != before) backoff = kFirstBackoff;
    // Not all of a broker's clients at the same moment.
    queue.rest(static_cast<GstClockTime>(static_cast<double>(backoff) * g_random_double_range(0.75, 1.25)));
    backoff = std::min(2 * backoff, kLastBackoff);
  }
}

}  // namespace anomaly
