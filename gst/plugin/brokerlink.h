// SPDX-License-Identifier: LGPL-2.1-or-later
// A connection to a message broker, kept by a thread of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "gst/plugin/publishqueue.h"
#include "gst/plugin/publishtarget.h"

namespace anomaly {

struct BrokerSettings {
  PublishTarget target;
  std::string user, password;  // empty: none
  std::string ca_file;         // PEM; empty: the system's
};

enum class BrokerNews {
  Connected,     // after having been lost
  Lost,          // or never made; tried again
  Refused,       // the broker does not take a line
  Unauthorized,  // the end
  Failed,        // the end
};

// text: the reason, a phrase without a full stop, empty for Connected. Called by the network thread.
using BrokerReport = std::function<void(BrokerNews, const std::string& text)>;

// What becomes of a connection, told once a change.
class Connection {
 public:
  Connection(PublishQueue& queue, const BrokerReport& report) : queue_(queue), report_(report) {}
  void made();
  void lost(const std::string& reason);  // or not made
  bool was_made() const { return was_made_; }

 private:
  PublishQueue& queue_;
  const BrokerReport& report_;
  bool lost_ = false, was_made_ = false;
};

// Send the queue's lines until it is closed, or until what cannot mend itself was reported.
void run_mqtt(const BrokerSettings& settings, PublishQueue& queue, const BrokerReport& report);
void run_kafka(const BrokerSettings& settings, PublishQueue& queue, const BrokerReport& report);

// Why this build cannot reach such a broker, or the settings contradict each other; empty where neither.
std::string broker_problem(const BrokerSettings& settings);

class BrokerLink {
 public:
  // Starts the thread. Throws std::system_error.
  BrokerLink(BrokerSettings settings, std::shared_ptr<PublishQueue> queue, BrokerReport report);
  // No report comes after this has returned. Waits for the thread, but not for a library in the middle of
  // something that nobody can interrupt, such as a name server that does not answer: such a thread ends
  // later, by itself.
  ~BrokerLink();
  BrokerLink(const BrokerLink&) = delete;
  BrokerLink& operator=(const BrokerLink&) = delete;

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace anomaly
