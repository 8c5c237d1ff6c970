// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/brokerlink.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>

namespace anomaly {
namespace {

constexpr std::chrono::seconds kPatience{2};

// Signals are for the application's threads. SIGPIPE, which a library's write to a closed connection can
// raise, stays pending here and ends nobody.
class WithoutSignals {
 public:
  WithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

struct BrokerLink::Shared {
  BrokerSettings settings;
  std::shared_ptr<PublishQueue> queue;
  std::mutex mutex;
  std::condition_variable ended;
  BrokerReport report;  // under the mutex
  bool finished = false;
};

std::string broker_problem(const BrokerSettings& settings) {
  const bool mqtt = settings.target.kind == PublishTarget::Kind::Mqtt;
#ifndef HAVE_MQTT
  if (mqtt) return "this build has no MQTT: it needs libmosquitto and meson's option -Dmqtt=enabled";
#endif
#ifndef HAVE_KAFKA
  if (!mqtt) return "this build has no Kafka: it needs librdkafka and meson's option -Dkafka=enabled";
#endif
  if (settings.user.empty() && !settings.password.empty())
    return "a password (user-pw) needs a user (user-id)";
  if (settings.ca_file.empty()) return {};
  if (!settings.target.tls)
    return std::string("certificates (ca-file) are for encrypted connections only: write ") +
           (mqtt ? "mqtts://" : "kafkas://");
  if (access(settings.ca_file.c_str(), R_OK) != 0)
    return "could not read the certificates in \"" + settings.ca_file + "\": " + g_strerror(errno);
  return {};
}

void Connection::made() {
  queue_.set_connected(true);
  was_made_ = true;
  if (lost_) report_(BrokerNews::Connected, {});
  lost_ = false;
}

void Connection::lost(const std::string& reason) {
  queue_.set_connected(false);
  if (!lost_) report_(BrokerNews::Lost, reason);
  lost_ = true;
}

BrokerLink::BrokerLink(BrokerSettings settings, std::shared_ptr<PublishQueue> queue, BrokerReport report)
    : shared_(std::make_shared<Shared>()) {
  shared_->settings = std::move(settings);
  shared_->queue = std::move(queue);
  shared_->report = std::move(report);
  const WithoutSignals guard;  // the new thread inherits it
  thread_ = std::thread([shared = shared_] { run(shared); });
}

void BrokerLink::run(const std::shared_ptr<Shared>& shared) {
  pthread_setname_np(pthread_self(), "anomalypublish");
  const auto tell = [&shared](BrokerNews news, const std::string& text) {
    if (news == BrokerNews::Unauthorized || news == BrokerNews::Failed) shared->queue->fail();
    // Held while it reports, so that the destructor waits for the end of it.
    const std::lock_guard lock(shared->mutex);
    if (shared->report) shared->report(news, text);
  };
  try {
#ifdef HAVE_MQTT
    if (shared->settings.target.kind == PublishTarget::Kind::Mqtt)
      run_mqtt(shared->settings, *shared->queue, tell);
#endif
#ifdef HAVE_KAFKA
    if (shared->settings.target.kind == PublishTarget::Kind::Kafka)
      run_kafka(shared->settings, *shared->queue, tell);
#endif
  } catch (const std::exception& failure) {
    tell(BrokerNews::Failed, failure.what());
  }
  const std::lock_guard lock(shared->mutex);
  shared->finished = true;
  shared->ended.notify_all();
}

BrokerLink::~BrokerLink() {
  shared_->queue->close();
  std::unique_lock lock(shared_->mutex);
  shared_->report = nullptr;
  const bool finished = shared_->ended.wait_for(lock, kPatience, [this] { return shared_->finished; });
  lock.unlock();
  if (finished)
    thread_.join();
  else
    thread_.detach();
}

}  // namespace anomaly
